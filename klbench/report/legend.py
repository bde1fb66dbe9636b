"""The legend: one sentence for each mark and word that a reader sees in the tables.

What is seen is asked of the columns and rows that are drawn. The drawn text would not do: colours stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from klbench.estimators.divergence import FORWARD_KL, REVERSE_KL
from klbench.report.field import Meaning
from klbench.report.fields import MARKS, columns_for, noise_ratio_meanings
from klbench.report.narrow import spelled
from klbench.report.summary import Chart, Summary
from klbench.report.table import drawing

_SHORTHAND = re.compile(r"(-?\d+\.(\d+))\((\d+)\)(?!e)")
"""A number with its error and without an exponent, such as 0.0015(45)."""


def legend(summaries: Sequence[Summary], width: int, encoding: str = "utf-8") -> Iterator[str]:
    """A sentence for each mark and word that the tables show at this width."""
    charts = [chart for summary in summaries for chart in summary.charts]
    seen = [column for chart in charts for column in columns(chart, width, encoding)]
    yield _names_of_kls(summaries, seen)
    yield from _example(seen)
    meanings = dict.fromkeys(chain.from_iterable(_meanings(chart) for chart in charts))
    yield from (meaning.sentence for meaning in meanings if any(column.shows(meaning) for column in seen))


@dataclass(frozen=True)
class Column:
    """One column as it is drawn, with its header and the shared name above."""

    headers: tuple[str, ...]
    cells: tuple[str, ...]
    numeric: bool

    def shows(self, meaning: Meaning) -> bool:
        """Whether the word or mark stands in it."""
        if meaning.header and meaning.header not in self.headers:
            return False
        if not meaning.mark:
            return True
        # a mark stands only on numbers; elsewhere the letter is part of a name, unless it is all there is
        return (self.numeric or meaning.whole or bool(meaning.header)) and any(map(meaning.is_in, self.cells))


def _names_of_kls(summaries: Sequence[Summary], columns: Sequence[Column]) -> str:
    """A sentence that links the symbol of a KL to its name, if the tables show both."""
    rows = (row for summary in summaries for chart in summary.charts for block in chart.blocks for row in block.rows)
    cells = (cell for column in columns for cell in column.cells)
    has_forward = any(row.target == FORWARD_KL.name for row in rows) or any(FORWARD_KL.symbol in cell for cell in cells)
    forward = f", {FORWARD_KL.symbol} the {FORWARD_KL.name}" if has_forward else ""
    return f"{REVERSE_KL.symbol} is the {REVERSE_KL.name}{forward}."


def _meanings(chart: Chart) -> Sequence[Meaning]:
    rows = [row for block in chart.blocks for row in block.rows]
    return (*columns_for(rows).meanings, *noise_ratio_meanings(rows), *MARKS)


def columns(chart: Chart, width: int, encoding: str = "utf-8") -> Iterator[Column]:
    """The columns of a chart as they are drawn at this width, those of labels among them."""
    # the layout is chosen by its width with the letters spelled out
    written = spelled(chart, encoding)
    drawn = drawing(written, width)
    if drawn is None:
        return
    rows = [row for block in chart.blocks for row in block.rows]
    if drawn.is_labelled:
        for header, cells in zip(
            chart.label_headers, zip(*(block.labels for block in chart.blocks), strict=True), strict=True
        ):
            yield Column((header,), cells, numeric=False)
    for field in chart.layouts[written.layouts.index(drawn.layout)]:
        yield Column((field.group, field.header), tuple(map(field.show, rows)), field.numeric)


def _example(columns: Sequence[Column]) -> Iterator[str]:
    cells = (cell for column in columns if column.numeric for cell in column.cells)
    example = next(filter(None, map(_SHORTHAND.search, cells)), None)
    if example:
        value, decimals, digits = example.groups()
        error = f"{int(digits) / 10 ** len(decimals):.{len(decimals)}f}"
        yield f"{example[0]} means {value} ± {error}, one standard error."
