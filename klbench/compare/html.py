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
        _row(cells, fails=each.fails) for cells, each in zip(rows(comparison), words.told(comparison), strict=True)
    )
    if not body:
        return ""
    head = _row(HEADERS, scope="col")
    caption = f'<caption style="{_LEFT}opacity:.7">{_CAPTION}</caption>'
    inside = f"{caption}<thead>{head}</thead><tbody>{body}</tbody>"
    table = f'<table style="border-collapse:collapse;margin:1em 0">{inside}</table>'
    return f'<div style="overflow-x:auto">{table}</div>'


_CAPTION = "The numbers that differ, the farthest first"


def _row(cells: Sequence[str], *, scope: str = "row", fails: bool = False) -> str:
    """A row of the head, all of it headers of columns, or of the body, whose first cell is the header of the row."""
    colour = ' style="color:#d9534f"' if fails else ""
    inside = []
    for place, (text, side) in enumerate(zip(cells, _KINDS, strict=True)):
        is_header = scope == "col" or place == 0
        tag, more = ("th", f' scope="{scope}"') if is_header else ("td", "")
        inside.append(f'<{tag}{more} style="{_CELL}{side}font-weight:normal">{escape(text)}</{tag}>')
    return f"<tr{colour}>{''.join(inside)}</tr>"
