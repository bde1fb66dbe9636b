"""A comparison as HTML: an element for a notebook, and a page of its own. No script and no address is in it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from klbench.compare import words
from klbench.compare.comparison import Comparison
from klbench.compare.documents import HEADERS, SIDES, rows

_STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1b1f24; --line: #c8ccd1; --far: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --ink: #e6e8ea; --line: #444a51; --far: #ff8a80; }
}
body { background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 2em auto;
  max-width: 75em; padding: 0 1em; }
.klbench .far { color: var(--far); }
.klbench .wide { overflow-x: auto; }
"""
_CELL = "padding:.15em .7em;border-bottom:1px solid rgba(128,128,128,.4);white-space:pre-wrap;"
_LEFT, _RIGHT = "text-align:left;", "text-align:right;font-family:monospace;white-space:pre;"
_KINDS = tuple(_LEFT if side.startswith(":") else _RIGHT for side in SIDES)


def to_page(comparison: Comparison) -> str:
    """The whole page, valid HTML5, that opens anywhere."""
    title = escape(words.heading(comparison))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"{to_html(comparison, headed=False)}\n</body>\n</html>\n"
    )


def to_html(comparison: Comparison, *, headed: bool = True) -> str:
    """The comparison as one HTML element; every name is escaped."""
    heading = f"<div><b>{escape(words.heading(comparison))}</b></div>" if headed else ""
    if comparison.identical:
        return f'<div class="klbench">{heading}<p>{escape(words.identical(comparison))}</p></div>'
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in words.sentences(comparison))
    meanings = "".join(f"<div>{escape(sentence)}</div>" for sentence in words.meanings(comparison))
    small = f'<div style="opacity:.7;font-size:smaller">{meanings}</div>' if meanings else ""
    return f'<div class="klbench">{heading}{_table(comparison)}<ul>{said}</ul>{small}</div>'


def _table(comparison: Comparison) -> str:
    body = "".join(
        _row(cells, "td", "far" if each.fails else "")
        for cells, each in zip(rows(comparison), words.told(comparison), strict=True)
    )
    if not body:
        return ""
    style = "border-collapse:collapse;margin:1em 0"
    head = _row(HEADERS, "th")
    return f'<div class="wide"><table style="{style}"><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _row(cells: Sequence[str], tag: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    inside = (f'<{tag} style="{_CELL}{side}">{escape(text)}</{tag}>' for text, side in zip(cells, _KINDS, strict=True))
    return f"<tr{named}>{''.join(inside)}</tr>"
