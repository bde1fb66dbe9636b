"""A column of a table for people: its header, the text of its cells, and the marks on its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf, isfinite, nan
from typing import Any

from klbench.report.numbers import MISSING, measured, plain_number
from klbench.tolerances import TRUSTED

MEASURED = "measured"
"""The header of the measured number, where others stand beside it."""
UNTRUSTED, NO_ERROR_BAR, DISAGREES, REGRESSED = "†", "‡", "✗", "ʳ"
SURPRISE = 5.0
"""The |z| above which measured and exact disagree: chance exceeds it once in 1.7 million times."""


def _plain(_row: Any) -> str:
    return ""


@dataclass(frozen=True)
class Field:
    """A column of a table for people.

    Args:
        header: its header; within a group only the part that differs from the others.
        show: the text of its cell for a row.
        columns: the columns of results.csv it shows.
        numeric: whether decimal points are set one below the other.
        quiet: whether it is drawn dim, because it is a reference and no measurement.
        once: whether a text that repeats from row to row is shown only in the first row.
        colour: how a row's cell is set off at a terminal, in Rich's words.
        number: the number it shows, to sort by; by default that of the first of ``columns``.
        group: the name it shares with columns beside it: under ``bias/true`` stand measured, regressed, exact and z.
    """

    header: str
    show: Callable[[Any], str]
    columns: tuple[str, ...] = ()
    numeric: bool = True
    quiet: bool = False
    once: bool = False
    colour: Callable[[Any], str] = _plain
    group: str = ""
    number: Callable[[Any], float] | None = None

    def sorts_by(self, row: Any) -> float:
        """The number of a row's cell, NaN where there is none."""
        if self.number is not None:
            return self.number(row)
        return float(getattr(row, self.columns[0])) if self.columns else nan

    def style(self, row: Any) -> str:
        """How a row's cell is drawn at a terminal."""
        return "dim" if self.quiet else self.colour(row)


Layout = tuple[Field, ...]


@dataclass(frozen=True)
class Heading:
    """Columns beside one another under one name, or a single column."""

    name: str
    fields: Layout

    @property
    def headers(self) -> tuple[str, ...]:
        """The header of each column; a single column has the name itself."""
        return tuple(field.header for field in self.fields) if self.is_joint else (self.name,)

    @property
    def is_joint(self) -> bool:
        """Whether several columns share the name."""
        return len(self.fields) > 1

    @property
    def whole(self) -> tuple[str, ...]:
        """The header of each column in a table with one line of headers: ``bias/true``, ``bias/true exact``."""
        return tuple(
            f"{self.name} {header}".removesuffix(f" {MEASURED}") for header in self.headers if self.is_joint
        ) or (self.name,)


def headings(layout: Layout) -> tuple[Heading, ...]:
    """The columns of a layout, grouped under their shared names."""
    grouped = groupby(layout, key=lambda field: (field.group, field.group or field.header))
    return tuple(Heading(name, tuple(fields)) for (_, name), fields in grouped)


@dataclass(frozen=True)
class Meaning:
    """The meaning of a word or mark in a table, and where it stands: in a header, in a cell, on any number.

    Args:
        sentence: what it means.
        header: the column or its group; empty for a mark, which any column of numbers may have.
        mark: the text in a cell; empty if the column itself is explained.
        whole: whether the mark is the whole text of the cell.
    """

    sentence: str
    header: str = ""
    mark: str = ""
    whole: bool = False

    def is_in(self, cell: str) -> bool:
        """Whether the cell has the mark."""
        return cell == self.mark if self.whole else self.mark in cell


def shown_in(layout: Layout, rows: Sequence[Any]) -> Layout:
    """The layout without the columns that are empty in every row."""
    return tuple(field for field in layout if any(field.show(row) != MISSING for row in rows))


def with_error(value: float, error: float, z: float, tail: float = -inf) -> str:
    """A measured number with its marks. ``tail`` is the tail index of the averaged values."""
    if not isfinite(value):
        return plain_number(value)
    mark = NO_ERROR_BAR if not isfinite(error) else UNTRUSTED if tail > TRUSTED else ""
    return measured(value, error) + mark + (DISAGREES if abs(z) > SURPRISE else "")


ESTIMATOR = Field("estimator", lambda row: row.estimator, numeric=False, once=True)
LEVEL = Field("level", lambda row: row.aggregation or row.level or MISSING, numeric=False)
TRUE = Field(
    "true",
    lambda row: plain_number(row.scale) if isfinite(row.scale) else MISSING,
    ("true",),
    quiet=True,
    number=lambda row: row.scale,
)
DTYPE = Field("dtype", lambda row: row.dtype, numeric=False)
ROUNDING = Field(
    "rounding",
    lambda row: measured(row.rounding_over_true, row.rounding_over_true_mcse),
    ("rounding_over_true",),
)


def told_apart(layout: Layout, rows: Sequence[Any]) -> Layout:
    """The layout for these rows: with a column for the level of sequences, and one for the precision, where rows have
    several."""
    first, texts = layout[:1], sum(not field.numeric for field in layout)
    levels = [LEVEL] * (len({(row.level, row.aggregation) for row in rows}) > 1)
    # each aggregation has a true value of its own
    levels += [TRUE] * bool(levels and len({row.scale for row in rows}) > 1)
    dtypes = [DTYPE] * (len({row.dtype for row in rows}) > 1)
    return (*first, *levels, *layout[1:texts], *dtypes, *layout[texts:])


def with_rounding(layout: Layout) -> Layout:
    """The layout with a last column for the change of the bias in a precision below float64."""
    return (*layout, ROUNDING)
