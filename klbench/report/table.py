"""The table a person reads at a terminal, drawn with Rich.

The fullest layout that fits the width is chosen; where none fits, the leanest is drawn at its own width, because a line
that is too long can be scrolled and a number that is cut cannot be read. Lines are composed here and not by rich.table,
which can neither set decimal points one below the other nor let a caption run across columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.text import Text

from klbench.report.field import (
    DISAGREES,
    ESTIMATOR,
    LEVEL,
    NO_ERROR_BAR,
    REGRESSED,
    UNTRUSTED,
    Field,
    Heading,
    Layout,
    headings,
)
from klbench.report.numbers import aligned
from klbench.report.summary import Block, Chart, Summary

GAP = INSET = "  "
_MARKS = {UNTRUSTED: "yellow", NO_ERROR_BAR: "yellow", DISAGREES: "bold red", REGRESSED: "cyan"}


def heading(summary: Summary) -> RenderableType:
    """The heading of a pair: its name, its true KL and its samples."""
    title = Text.assemble((summary.name, "bold cyan"), GAP, (summary.divergence, "bold"))
    lines = filter(None, [*summary.distributions, summary.gradient])
    return Group(title, *map(Text, lines), Text(summary.facts, style="dim"))


@dataclass(frozen=True)
class Tables:
    """The pair's tables: one; two if only some rows have ratios; one more for the components of gradients."""

    summary: Summary

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for chart in self.summary.charts:
            if drawn := drawing(chart, options.max_width):
                yield Text()
                yield Text("\n", no_wrap=True, overflow="ignore").join(drawn.lines(options.max_width))


def drawing(chart: Chart, width: int) -> Drawing | None:
    """The chart in its fullest layout that fits; None if none fits and the chart may be left out."""
    for candidate in _drawings(chart, chart.layouts):
        if candidate.width <= width:
            return candidate
    return None if chart.spare else candidate


def _drawings(chart: Chart, layouts: Sequence[Layout]) -> Iterator[Drawing]:
    """The drawings, the fullest first; within a layout labels in columns come before captions, and levels beside their
    estimator before levels below it."""
    for layout in layouts:
        for way in (True,) if chart.captioned or not chart.label_headers else (False, True):
            yield Drawing(chart, layout, captioned=way)
        if [field.header for field in layout[:2]] == [ESTIMATOR.header, LEVEL.header]:
            yield Drawing(chart, layout, captioned=True, stacked=True)


class _Column:
    """One column of one drawing: its texts, all of one width, and their styles."""

    def __init__(self, header: str, texts: Sequence[str], *, numeric: bool = True, styles: Sequence[str] = ()) -> None:
        texts = aligned(texts) if numeric else texts
        self.width = max(map(cell_len, (header, *texts)))
        self.header, *self.texts = (_padded(text, self.width, left=numeric) for text in (header, *texts))
        self._styles, self._marks = styles or [""] * len(texts), _MARKS if numeric else {}

    def widen(self, by: int) -> None:
        """Make it wider on the left."""
        self.width += by
        self.header, *self.texts = (" " * by + text for text in (self.header, *self.texts))

    def cell(self, index: int) -> Text:
        text = Text(self.texts[index], style=self._styles[index])
        for mark, style in self._marks.items():
            text.highlight_words([mark], style)
        return text


class Drawing:
    """One chart in one layout, its blocks told apart by captions or by labels.

    ``stacked``: an estimator stands on a line of its own, above the lines of its levels.
    """

    def __init__(self, chart: Chart, layout: Layout, *, captioned: bool, stacked: bool = False) -> None:
        self.layout, self.is_fullest = layout, layout == chart.layouts[0]
        rows = [row for block in chart.blocks for row in block.rows]
        labels = () if captioned else zip(*(block.labels for block in chart.blocks), strict=True)
        self._blocks, self._captioned = chart.blocks, captioned and bool(chart.label_headers)
        self.is_labelled = bool(chart.label_headers) and not captioned
        self._labels = [_Column(header, cells) for header, cells in zip(chart.label_headers, labels, strict=False)]
        self._above = [*said(layout[0], chart.blocks)] if stacked else [""] * len(rows)
        self._stacked, self._inset = stacked, INSET * stacked
        layout = layout[stacked:]
        self._headings = headings(layout)
        headers = (header for heading in self._headings for header in heading.headers)
        self._fields = [
            _Column(header, [*said(f, chart.blocks)], numeric=f.numeric, styles=[*map(f.style, rows)])
            for f, header in zip(layout, headers, strict=True)
        ]
        self._make_room_for_names()
        self.width = max(_width([*self._labels, *self._fields]) + len(self._inset), *map(cell_len, ("", *self._above)))

    @staticmethod
    def fullest(chart: Chart) -> Drawing:
        """The narrowest drawing that shows every column."""
        return min(_drawings(chart, chart.layouts[:1]), key=lambda drawn: drawn.width)

    def lines(self, width: int) -> Iterator[Text]:
        """The header, then block by block: its caption in lines of ``width``, its rows, a blank line where blocks have
        several."""
        if self._stacked or any(heading.is_joint for heading in self._headings):
            yield self._names()
        headers = GAP.join(column.header for column in (*self._labels, *self._fields))
        yield Text((self._inset + headers).rstrip(), style="bold")
        yield Text("─" * self.width, style="dim")
        spaced = any(len(block.rows) > 1 or self._captioned for block in self._blocks)
        first = 0
        for number, block in enumerate(self._blocks):
            if number and spaced:
                yield Text()
            if self._captioned:
                yield from (Text(line, style="italic") for line in wrap(block.caption, width, break_long_words=False))
            for index in range(first, first + len(block.rows)):
                yield from [Text(self._above[index])] * bool(self._above[index])
                yield self._line(number, first, index)
            first += len(block.rows)

    def _under_names(self) -> Iterator[tuple[Heading, Sequence[_Column]]]:
        columns = iter(self._fields)
        yield from ((heading, [*islice(columns, len(heading.fields))]) for heading in self._headings)

    def _make_room_for_names(self) -> None:
        """Widen the columns below a name that is wider than they are, such as a parameter's."""
        for heading, columns in self._under_names():
            lacking = cell_len(heading.name) - _width(columns)
            if lacking > 0:
                columns[0].widen(lacking)

    def _names(self) -> Text:
        """The line above the headers: the names that columns share, each in the middle of a rule."""
        parts = [Text(" " * column.width) for column in self._labels]
        for heading, columns in self._under_names():
            parts.append(_ruled(heading.name, _width(columns)) if heading.is_joint else Text(" " * _width(columns)))
        if self._stacked:
            first = parts[0].plain + self._inset
            parts[0] = Text(ESTIMATOR.header.ljust(len(first)), style="bold")
        line = Text(GAP).join(parts)
        line.rstrip()
        return line

    def _line(self, block: int, first: int, index: int) -> Text:
        labels = [column.cell(block) if index == first else Text(" " * column.width) for column in self._labels]
        line = Text(self._inset) + Text(GAP).join([*labels, *(column.cell(index) for column in self._fields)])
        line.rstrip()
        return line


def said(field: Field, blocks: Sequence[Block]) -> Iterator[str]:
    """The texts of a field, row by row; empty if ``once`` is set and the row above has the same text."""
    for block in blocks:
        before = None
        for text in map(field.show, block.rows):
            yield "" if field.once and text == before else text
            before = text


def _width(columns: Sequence[_Column]) -> int:
    """The width of the columns side by side."""
    return sum(column.width for column in columns) + len(GAP) * max(len(columns) - 1, 0)


def _ruled(name: str, width: int) -> Text:
    """``──── bias/true ────``; without the rule if there is no room for it."""
    room = width - cell_len(name)
    if room < len("─  ─"):
        return Text(" " * (room // 2) + name + " " * (room - room // 2), style="bold")
    left, right = (room - 2) // 2, room - 2 - (room - 2) // 2
    return Text.assemble(("─" * left, "dim"), (f" {name} ", "bold"), ("─" * right, "dim"))


def _padded(text: str, width: int, *, left: bool) -> str:
    padding = " " * (width - cell_len(text))
    return padding + text if left else text + padding
