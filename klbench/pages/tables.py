"""Tables of a page: the same columns, words and marks as at a terminal, with the numbers of the rows to sort by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, isfinite, isnan
from typing import Any

from klbench.pages.markup import NOTHING, Attribute, Markup, element, lines, text, together
from klbench.report.field import DISAGREES, NO_ERROR_BAR, REGRESSED, UNTRUSTED, Field, Heading, headings
from klbench.report.numbers import aligned
from klbench.report.summary import Block, Chart

_MARKS = {UNTRUSTED: "doubt", NO_ERROR_BAR: "doubt", DISAGREES: "wrong", REGRESSED: "regressed"}
_TAG = re.compile("<[^>]*>")
_COLOURS = {"green": "good", "yellow": "other", "red": "bad"}


@dataclass(frozen=True)
class Column:
    """A column of a plain table: its header, whether it has numbers, whether its texts are broken into lines."""

    header: str
    numeric: bool = False
    wraps: bool = False


@dataclass(frozen=True)
class Line:
    """A line of a plain table: a text for each column, the numbers to sort by (NaN for none), the row's attributes."""

    cells: tuple[str, ...]
    keys: tuple[float | None, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


def plain_table(caption: str, columns: Sequence[Column], rows: Sequence[Line]) -> Markup:
    """A table whose first column names the rows. A cell may be HTML."""
    head = [_head(each.header, at, numeric=each.numeric) for at, each in enumerate(columns)]
    texts = [_column(each.numeric, [row.cells[at] for row in rows]) for at, each in enumerate(columns)]
    shown = [[_TAG.sub("", text) for text in column] for column in texts]
    body = [_plain_row(row, columns, [column[place] for column in texts]) for place, row in enumerate(rows)]
    table = [element("tbody", lines(body))]
    said = [[each.header, *([] if each.wraps else column)] for each, column in zip(columns, shown, strict=True)]
    return _framed(caption, [element("tr", *head)], table, said, sorts=len(rows) > 1, apart=False)


def _plain_row(row: Line, columns: Sequence[Column], texts: Sequence[str]) -> Markup:
    keys = row.keys or (None,) * len(columns)
    cells = []
    for at, (column, said, sort) in enumerate(zip(columns, texts, keys, strict=True)):
        sideways = "number" if column.numeric else "sideways" if column.wraps else None
        attributes = {"class_": sideways, "data_sort": None if sort is None else key(sort)}
        cells.append(element("th", said, scope="row", **attributes) if not at else element("td", said, **attributes))
    return element("tr", *cells, **dict(row.attributes))


def _column(numeric: bool, texts: Sequence[str]) -> Sequence[str]:
    """The texts of a column, decimal points one below the other."""
    return aligned(texts) if numeric and not any(isinstance(said, Markup) for said in texts) else texts


def key(value: float) -> str:
    """A number to sort by, empty where there is none."""
    return "" if isnan(value) else repr(value)


def chart_table(chart: Chart, pair: str) -> Markup:
    """The table of a pair's rows, in the fullest layout."""
    layout = chart.layouts[0]
    headers = () if chart.captioned else chart.label_headers
    labelled = [_Labels(header, [block.labels[at] for block in chart.blocks]) for at, header in enumerate(headers)]
    cells = [_Cells(field, chart.blocks) for field in layout]
    first, bodies = 0, []
    for number, block in enumerate(chart.blocks):
        bodies.append(_body(block, number, chart, labelled, cells, first))
        first += len(block.rows)
    sorts = first > 1 and (not chart.captioned or any(len(block.rows) > 1 for block in chart.blocks))
    head = list(_header(labelled, headings(layout)))
    texts = [*([column.header, *column.texts] for column in labelled), *([c.field.header, *c.texts] for c in cells)]
    return _framed(caption(chart), head, bodies, texts, sorts=sorts, apart=chart.captioned, of=pair)


def caption(chart: Chart) -> str:
    """What a table is of."""
    row = chart.blocks[0].rows[0]
    what = "Gradients" if row.is_gradient else "Values"
    if chart.spare:
        return f"{what}, component by component"
    return what if isfinite(row.scale) and row.scale else f"{what}, in absolute numbers"


def _framed(
    caption: str,
    head: Sequence[Markup],
    bodies: Sequence[Markup],
    texts: Sequence[Sequence[str]],
    *,
    sorts: bool,
    apart: bool,
    of: str = "",
) -> Markup:
    """A table in a box that scrolls by itself where the page is narrow; ``texts`` are its columns."""
    more = element("span", f" of {of}", class_="unseen") if of else NOTHING
    table = element(
        "table",
        element("caption", caption, more),
        element("thead", *head),
        *bodies,
        class_="sorts" if sorts else None,
        data_blocks="apart" if apart else None,
        style=f"--em:{_width(texts)}",
    )
    said = f"{caption} of {of}" if of else caption
    return element("div", table, class_="scroll", tabindex="0", role="group", aria_label=said)


_LETTER, _APART = 0.62, 0.82
"""The widths of a letter and of the space between two columns on paper, in the size of the type."""


def _width(texts: Sequence[Sequence[str]]) -> int:
    """About how wide a table is on paper, in the size of its type: a wide one is printed smaller, and not cut."""
    return ceil(sum(_LETTER * max(map(len, column), default=0) + _APART for column in texts))


def _header(labels: Sequence[_Labels], names: Sequence[Heading]) -> Iterator[Markup]:
    """One line of headers, or two where several columns share a name."""
    tall = 2 if any(name.is_joint for name in names) else None
    first = [_head(label.header, at, numeric=label.numeric, rows=tall) for at, label in enumerate(labels)]
    second, at = [], len(labels)
    for name in names:
        if name.is_joint:
            shared = element("span", name.name)
            first.append(element("th", shared, scope="colgroup", colspan=len(name.fields)))
            for header, field in zip(name.headers, name.fields, strict=True):
                second.append(_head(header, at, numeric=field.numeric))
                at += 1
        else:
            first.append(_head(name.name, at, numeric=name.fields[0].numeric, rows=tall, sticks=at == len(labels)))
            at += 1
    yield element("tr", *first)
    if second:
        yield element("tr", *second)


def _head(header: str, at: int, *, numeric: bool = False, rows: int | None = None, sticks: bool = False) -> Markup:
    names = " ".join(["number"] * numeric + ["sticks"] * sticks)
    return element("th", header, scope="col", rowspan=rows, class_=names or None, data_column=at)


class _Cells:
    """The cells of one column, from top to bottom, decimal points one below the other."""

    def __init__(self, field: Field, blocks: Sequence[Block]) -> None:
        self.field = field
        texts = [field.show(row) for block in blocks for row in block.rows]
        self.texts = aligned(texts) if field.numeric else texts

    def cell(self, at: int, row: Any, *, is_first: bool, again: bool) -> Markup:
        """The cell of a row; ``again``: the row above has the same, which is shown once the table is sorted."""
        field, said = self.field, self.texts[at]
        attributes: dict[str, Attribute] = {"class_": _classes(field, row, again)}
        if field.numeric:
            attributes["data_sort"] = key(field.sorts_by(row))
        inside = marked(said) if field.numeric else text(said)
        return element("th", inside, scope="row", **attributes) if is_first else element("td", inside, **attributes)

    def is_again(self, at: int, first: int) -> bool:
        """Whether a row of the block that begins at ``first`` repeats the one above."""
        return self.field.once and at > first and self.texts[at] == self.texts[at - 1]


def _classes(field: Field, row: Any, again: bool) -> str | None:
    style = field.style(row)
    names = ["number"] * field.numeric + ["quiet"] * ("dim" in style) + ["again"] * again
    return " ".join([*names, *(css for colour, css in _COLOURS.items() if colour in style)]) or None


def marked(said: str) -> Markup:
    """A number whose marks stand out."""
    inside = str(text(said))
    for mark, css in _MARKS.items():
        inside = inside.replace(mark, f'<span class="{css}">{mark}</span>')
    return Markup(inside)


def _body(
    block: Block, number: int, chart: Chart, labelled: Sequence[_Labels], cells: Sequence[_Cells], first: int
) -> Markup:
    """The rows of a block: the ``number``-th, whose first row is the ``first`` of the table."""
    rows = []
    if chart.captioned and block.caption:
        said = element("th", block.caption, scope="rowgroup", colspan=len(cells), class_="block")
        rows.append(element("tr", said, data_caption=""))
    for place, row in enumerate(block.rows):
        at = first + place
        labels = [column.cell(number, again=bool(place)) for column in labelled]
        own = [
            column.cell(at, row, is_first=not index, again=column.is_again(at, first))
            for index, column in enumerate(cells)
        ]
        rows.append(element("tr", *labels, *own))
    return element("tbody", lines(rows))


class _Labels:
    """A column of what tells blocks from one another, in each of their rows: values of a grid, targets, true values."""

    def __init__(self, header: str, texts: Sequence[str]) -> None:
        self.header, self._numbers = header, [*map(_number, texts)]
        self.numeric = None not in self._numbers
        self.texts = aligned(texts) if self.numeric else texts

    def cell(self, at: int, *, again: bool) -> Markup:
        """The cell of a row of the block with this number; ``again``: the row above has the same."""
        names = " ".join(["number"] * self.numeric + ["again"] * again)
        number = self._numbers[at]
        return element("td", self.texts[at], class_=names or None, data_sort=None if number is None else key(number))


def _number(label: str) -> float | None:
    """The number that a label shows, which has no error."""
    try:
        return float({"∞": "inf", "-∞": "-inf", "–": "nan"}.get(label, label))
    except ValueError:
        return None


def as_paragraphs(sentences: Sequence[str], name: str) -> Markup:
    """Sentences as a list."""
    return element("ul", lines(element("li", each) for each in sentences), class_=name) if sentences else NOTHING


def in_lines(parts: Sequence[str], name: str) -> Markup:
    """Short texts, each in a line of its own."""
    return element("p", together(element("span", part) for part in parts), class_=name) if parts else NOTHING
