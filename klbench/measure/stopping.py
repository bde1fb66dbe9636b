"""When a run to a precision stops: at the first checkpoint where every error bar that exists is small enough.

Checkpoints are counts of blocks, so that neither threads nor machines decide where a run stops. They grow by a quarter:
a run is at most a quarter longer than it has to be, and an error bar has few chances to be small by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, isnan, nan
from typing import TYPE_CHECKING

from klbench.observer import Headline
from klbench.row import Row
from klbench.spec.numbers import MOST_SAMPLES
from klbench.wording import counted

if TYPE_CHECKING:
    from klbench.measure.answer import Answer
    from klbench.measure.kind import Kind
    from klbench.measure.plan import Pass, Sample
    from klbench.measure.quantity import Quantity

    Rows = Callable[[Kind, Sequence[Quantity], Sample], tuple[list[Answer], list[Row]]]

_OF_VALUES = ("bias_over_true", "stdev_over_true")
_OF_GRADIENTS = (*_OF_VALUES, "cosine")


def checkpoints() -> Iterator[int]:
    """1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, ... blocks: a quarter more each time, in whole blocks."""
    blocks = 1
    while True:
        yield blocks
        blocks += max(1, blocks // 4)


def is_checkpoint(blocks: int) -> bool:
    """Whether a run may stop after so many blocks."""
    return next(count for count in checkpoints() if count >= blocks) == blocks


@dataclass(frozen=True)
class Error:
    """The error bar of one number of a row, in units of the true value; of a cosine, as it is."""

    row: Row
    column: str

    @property
    def size(self) -> float:
        """The standard error, NaN if there is none."""
        return float(getattr(self.row, f"{self.column}_mcse"))

    def samples_for(self, precision: float) -> int:
        """The number of samples that would make it as small as that: an error bar shrinks with √n."""
        return ceil(self.row.samples * (self.size / precision) ** 2)


def errors(rows: Iterable[Row]) -> Iterator[Error]:
    """The error bars that a precision is about, those that exist."""
    for row in rows:
        for column in _OF_GRADIENTS if row.is_gradient else _OF_VALUES:
            error = Error(row, column)
            if not isnan(error.size):
                yield error


def worst(rows: Iterable[Row]) -> Error | None:
    """The largest error bar; None if there is none."""
    return max(errors(rows), key=lambda error: error.size, default=None)


def is_reached(rows: Iterable[Row], precision: float) -> bool:
    """Whether every error bar that exists is at most ``precision``. A row without a variance holds nothing up."""
    return all(error.size <= precision for error in errors(rows))


def samples_at_stop(needed: float, block: int, most: int) -> int:
    """The number of samples a run stops at that needs so many: those of the next checkpoint, ``most`` at most."""
    blocks = min(ceil(min(needed, float(most)) / block), ceil(most / block))
    return min(next(count for count in checkpoints() if count >= blocks) * block, most)


def about_precision(rows: Iterable[Row], precision: float | None) -> Iterator[str]:
    """A sentence on each row whose error bars are still larger than ``precision``, with what it would take; of the
    levels of one estimator on that which takes most."""
    if precision is None:
        return
    missed: dict[object, Error] = {}
    for row in rows:
        error = worst([row])
        if error is not None and error.size > precision:
            key = row.estimator, row.placement, row.weighting, row.dtype
            before = missed.setdefault(key, error)
            if error.size > before.size:
                missed[key] = error
    for error in missed.values():
        row = error.row
        called = f"{row.called} as {row.placement}" if row.is_gradient else row.called
        yield (
            f"{called}: the precision {precision:g} was not reached with {counted(row.samples, 'sample')}: the "
            f"standard error of {error.column} is {error.size:.2g}. {_what_it_takes(error, precision)}"
        )


def _what_it_takes(error: Error, precision: float) -> str:
    needed = float(f"{error.samples_for(precision):.1e}")
    if needed > MOST_SAMPLES:
        return "No number of samples that one can take is enough."
    return f"It takes about {needed:,.0f} samples."


@dataclass
class Stop:
    """Says when a pass may end: at a checkpoint where the error bars of all that is measured on it are small enough."""

    precision: float
    kinds: tuple[Kind, ...]
    rows: Rows
    worst: Error | None = None
    seen: list[Row] = field(default_factory=list)
    """What was measured at every checkpoint, without components."""

    def __call__(self, drawn: Pass, so_far: Sample, blocks: int) -> bool:
        """Whether a pass may end after so many blocks."""
        if not is_checkpoint(blocks):
            return False
        measured: list[Row] = []
        for kind in self.kinds:
            measured += self.rows(kind, [one for one in kind.quantities if one in drawn.places], so_far)[1]
        self.worst = worst(measured)
        self.seen += [replace(row, components=None) for row in measured]
        return is_reached(measured, self.precision)

    def headline(self) -> Headline | None:
        """The error bar that holds the pass up, and how small it has to be; None before the first checkpoint."""
        if self.worst is None:
            return None
        label = f"{self.worst.row.called} {self.worst.column.replace('_over_', '/')}"
        return Headline(label, nan, self.worst.size, self.precision)

    def total(self, most: int) -> int:
        """How many samples it will take, as far as can be told."""
        if self.worst is None:
            return most
        return min(most, self.worst.samples_for(self.precision))
