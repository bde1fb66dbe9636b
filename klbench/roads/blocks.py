"""Numbered blocks of samples, and what they leave behind, whoever measures them.

A block is the unit of work and part of the format: its size is fixed, its samples are decided by the seed, the problem
and its number, and what blocks leave behind is merged in the order that the format fixes (``merged.py``), so that the
bytes are the same whatever measures the blocks and however many at once (``klbench.engines``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from klbench.problems.problem import Problem, block_size
from klbench.roads.merged import Merged
from klbench.stats.mergeable import Mergeable

if TYPE_CHECKING:
    from klbench.stats.lengths import SampledVector
    from klbench.stats.moments import SampledValue
    from klbench.stats.ratio import SampledRatio

PILOT = 2**40
"""The number of the pilot's stream, beyond every block's."""

_CHUNK_NUMBERS = 2**19
"""So many numbers are at work at once: a few MiB, which the caches and the allocator like."""
Told = Callable[[int], None]
"""Is told how many samples are drawn."""


def unheard(drawn: int) -> None:
    """Tell nobody."""


A = TypeVar("A", bound=Mergeable)


class Accumulator(ABC, Generic[A]):
    """What is kept of samples: sums of numbers, sums of vectors, or counts.

    Attributes:
        unit: how many samples make one unit, such as a batch that shares a baseline.
        numbers: how many numbers one sample is while it is measured.
    """

    unit = 1
    numbers: int

    @abstractmethod
    def measure(self, problem: Problem, x: Any, seen: A | None) -> A:
        """What the samples x leave behind. ``seen``, what others have left, may save work; it changes no result."""

    @abstractmethod
    def sampled(self, whole: A, index: int) -> SampledValue | SampledRatio | SampledVector:
        """One of the quantities, as sampled."""


@dataclass(frozen=True)
class Blocks(Generic[A]):
    """The blocks of a number of samples.

    Args:
        problem: where the samples come from.
        seed: which of its samples.
        samples: how many are asked for; what does not fill a unit is left out.
        accumulator: what is kept of them.
    """

    problem: Problem
    seed: int
    samples: int
    accumulator: Accumulator[A]

    @property
    def total(self) -> int:
        """How many samples are drawn, in whole units."""
        unit = self.accumulator.unit
        there = self.samples if self.problem.units is None else min(self.samples, self.problem.units)
        return there // unit * unit

    @property
    def size(self) -> int:
        """How many samples a full block has, in whole units."""
        unit = self.accumulator.unit
        # a batch is never cut in two by the end of a block
        return max(block_size(self.problem) // unit, 1) * unit

    def __len__(self) -> int:
        return -(-self.total // self.size)

    def samples_of(self, numbers: range) -> int:
        """How many samples these blocks have, which are consecutive."""
        return max(0, min(numbers.stop * self.size, self.total) - numbers.start * self.size)

    def samples_in(self, merged: Merged[A]) -> int:
        """How many samples are in what blocks have left behind."""
        return merged.count * self.accumulator.unit

    def block(self, number: int, seen: A | None = None, told: Told = unheard) -> A:
        """What block ``number`` leaves behind."""
        draw = self.problem.block(self.seed, number)
        count = min(self.size, self.total - number * self.size)
        sizes = _heard(chunks(count, self.accumulator.numbers, self.accumulator.unit), told)
        # merged one by one: if all were kept, they would lie between their freed draws and keep these from reuse
        parts = (self.accumulator.measure(self.problem, draw(size), seen) for size in sizes)
        return reduce(lambda one, other: one.merge(other), parts)


def chunks(count: int, numbers: int, unit: int = 1) -> Iterator[int]:
    """The sizes of pieces of ``count`` samples, in whole units, that are small where each sample is many numbers."""
    most = max(1, _CHUNK_NUMBERS // (max(1, numbers) * unit)) * unit
    for start in range(0, count, most):
        yield min(most, count - start)


def _heard(sizes: Iterable[int], told: Told) -> Iterator[int]:
    """The same sizes; ``told`` is told of those that are drawn when the next one is asked for."""
    drawn = 0
    for size in sizes:
        yield size
        drawn += size
        told(drawn)
