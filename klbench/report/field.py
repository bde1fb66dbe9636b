"""A column a person reads: what stands above it, what it says of a row, and the marks on its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf, isfinite
from typing import Any

from klbench.report.numbers import MISSING, measured, plain_number
from klbench.stats.tail import TRUSTED

MEASURED = "measured"
"""Above the measured one of several numbers."""
UNTRUSTED, NO_ERROR_BAR, DISAGREES, REGRESSED = "†", "‡", "✗", "ʳ"
SURPRISE = 5.0
"""|z| beyond which measured and exact disagree: chance does it once in 1.7 million times."""


def _plain(_row: Any) -> str:
    return ""


@dataclass(frozen=True)
class Field:
    """A column of the table a person reads.

    Args:
        header: above it; within a group only what tells it from the others there.
        show: what it says for a row, of values or of gradients as its layout is.
        columns: the columns of results.csv it shows.
        numeric: whether decimal points are set one below the other.
        quiet: whether it stands back, being the reference and not the measurement.
        once: whether, of rows that say the same one below the other, only the first does, as in a printed table.
        colour: how a row's cell is set off at a terminal, in Rich's words.
        group: what its column is about, with those beside it: ``bias/true`` is measured, regressed, exact, and has a z.
    """

    header: str
    show: Callable[[Any], str]
    columns: tuple[str, ...] = ()
    numeric: bool = True
    quiet: bool = False
    once: bool = False
    colour: Callable[[Any], str] = _plain
    group: str = ""

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
        """What stands above each column; a single one has the name."""
        return tuple(field.header for field in self.fields) if self.is_joint else (self.name,)

    @property
    def is_joint(self) -> bool:
        """Whether the name is that of several columns."""
        return len(self.fields) > 1

    @property
    def whole(self) -> tuple[str, ...]:
        """What stands above each column where there is one line for it: ``bias/true``, ``bias/true exact``."""
        return tuple(
            f"{self.name} {header}".removesuffix(f" {MEASURED}") for header in self.headers if self.is_joint
        ) or (self.name,)


def headings(layout: Layout) -> tuple[Heading, ...]:
    """The columns of a layout by what they are about."""
    grouped = groupby(layout, key=lambda field: (field.group, field.group or field.header))
    return tuple(Heading(name, tuple(fields)) for (_, name), fields in grouped)


@dataclass(frozen=True)
class Meaning:
    """What a word or mark of a table means, and where it stands: in a column, in a cell of it, on any number.

    Args:
        sentence: what it means.
        header: the column or its group; empty for a mark, which any column of numbers may have.
        mark: what a cell says; empty where the column itself is explained.
        whole: whether it is all that the cell says, and not a part.
    """

    sentence: str
    header: str = ""
    mark: str = ""
    whole: bool = False

    def is_in(self, cell: str) -> bool:
        """Whether the cell says it."""
        return cell == self.mark if self.whole else self.mark in cell


def shown_in(layout: Layout, rows: Sequence[Any]) -> Layout:
    """The layout without the columns that say nothing of any row."""
    return tuple(field for field in layout if any(field.show(row) != MISSING for row in rows))


def with_error(value: float, error: float, z: float, tail: float = -inf) -> str:
    """A measured number with its marks. ``tail`` is the tail index of what is averaged to get it."""
    if not isfinite(value):
        return plain_number(value)
    mark = NO_ERROR_BAR if not isfinite(error) else UNTRUSTED if tail > TRUSTED else ""
    return measured(value, error) + mark + (DISAGREES if abs(z) > SURPRISE else "")


ESTIMATOR = Field("estimator", lambda row: row.estimator, numeric=False, once=True)
DTYPE = Field("dtype", lambda row: row.dtype, numeric=False)
ROUNDING = Field(
    "rounding",
    lambda row: measured(row.rounding_over_true, row.rounding_over_true_mcse),
    ("rounding_over_true",),
)


def told_apart_by_dtype(layout: Layout, rows: Sequence[Any]) -> Layout:
    """The layout for these rows: with their precision after the other texts, where they have several."""
    texts = sum(not field.numeric for field in layout)
    return (*layout[:texts], DTYPE, *layout[texts:]) if len({row.dtype for row in rows}) > 1 else layout


def with_rounding(layout: Layout) -> Layout:
    """The layout with what a precision below float64 does to the bias, at its end."""
    return (*layout, ROUNDING)
