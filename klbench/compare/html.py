"""A comparison as HTML: an element for a notebook, and a page of its own. No address is in it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from klbench.compare import words
from klbench.compare.comparison import Comparison
from klbench.compare.documents import HEADERS, SIDES, rows

_CELL = "padding:.15em .7em;border-bottom:1px solid rgba(128,128,128,.4);white-space:pre-wrap;"
_LEFT, _RIGHT = "text-align:left;", "text-align:right;font-family:monospace;white-space:pre;"
_KINDS = tuple(_LEFT if side.startswith(":") else _RIGHT for side in SIDES)


def to_page(comparison: Comparison) -> str:
    """The whole page, valid HTML5, that opens anywhere."""
    from klbench.pages.markup import Markup, element, lines
    from klbench.pages.skeleton import page

    title = words.heading(comparison)
    head = element("header", element("p", "klbench compare", class_="kicker"), element("h1", title))
    body = element("main", Markup(to_html(comparison, headed=False)), id="content")
    return page(f"{title} · klbench", lines([head, body]))


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
    return (
        f'<div style="overflow-x:auto"><table style="{style}"><thead>{head}</thead><tbody>{body}</tbody></table></div>'
    )


def _row(cells: Sequence[str], tag: str, kind: str = "") -> str:
    named = ' style="color:#d9534f"' if kind else ""
    scope = ' scope="col"' if tag == "th" else ""
    inside = (
        f'<{tag}{scope} style="{_CELL}{side}">{escape(text)}</{tag}>' for text, side in zip(cells, _KINDS, strict=True)
    )
    return f"<tr{named}>{''.join(inside)}</tr>"
