"""What samples leave behind of values: sums of their powers and products, and the largest of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from klbench.derived.precision import Evaluated
from klbench.problems.problem import Problem
from klbench.roads.blocks import Accumulator, chunks
from klbench.stats import moments
from klbench.stats.moments import Moments, SampledValue
from klbench.stats.tail import Largest, all_above, all_merged, none_yet

PILOT_SIZE = 2**16
"""The samples of the pilot: enough for a coefficient or a shift to three digits."""
_MANY_SPREADS = 4.0
"""A mean of more spreads than this makes powers about 0 cancel in their first digits."""


@dataclass(frozen=True)
class ValueSums:
    """What is left of the samples of K values: their moments and the largest |values| of each."""

    moments: Moments
    largest: tuple[Largest, ...]

    @property
    def count(self) -> int:
        """The number of samples."""
        return self.moments.count

    def merge(self, other: ValueSums) -> ValueSums:
        """Both samples together."""
        return ValueSums(self.moments.merge(other.moments), all_merged(self.largest, other.largest))


@dataclass(frozen=True)
class ValueAccumulator(Accumulator[ValueSums]):
    """The accumulator of K values.

    Args:
        terms: what is computed of every sample, K of them.
        shift: what the moments are taken about [K].
        controls: how many of the terms, the first ones, the others are regressed on.
        samples: how many there will be, which decides how many of the largest are kept.
        numbers: how many numbers one sample is.
    """

    terms: tuple[Evaluated, ...]
    shift: Tensor
    controls: int
    samples: int
    numbers: int

    def measure(self, problem: Problem, x: Tensor, seen: ValueSums | None) -> ValueSums:
        """See ``Accumulator``: of the tails only what may still enter those seen is kept."""
        at = problem.log_probs(x)
        values = [term.values(at) for term in self.terms]
        largest = seen.largest if seen else (none_yet(self.samples),) * len(self.terms)
        return ValueSums(moments.of(values, self.shift, self.controls), all_above(values, largest))

    def sampled(self, whole: ValueSums, index: int) -> SampledValue:
        """See ``Accumulator``."""
        known = whole.moments
        negative = int(known.negative[index]) / known.count
        return SampledValue(known.central(index), negative, int(known.nonfinite[index]), whole.largest[index])


def values_of(problem: Problem, seed: int, number: int, count: int, terms: Sequence[Evaluated]) -> list[Tensor]:
    """The first ``count`` values of each term in block ``number``, on the CPU: K tensors [count]."""
    draw = problem.block(seed, number)
    whole = [torch.empty(count, dtype=torch.float64) for _ in terms]
    start = 0
    for size in chunks(count, problem.numbers):
        at = problem.log_probs(draw(size))
        for values, term in zip(whole, terms, strict=True):
            values[start : start + size] = term.values(at)
        start += size
    return whole


def shift_of(pilot: Sequence[Tensor]) -> Tensor:
    """What to take moments about [K]: 0 where the spread is of the order of the mean, so that powers do not cancel."""
    return torch.stack([_centre(values) for values in pilot])


def _centre(values: Tensor) -> Tensor:
    mean, spread = values.mean(), values.std()
    # 0 wherever it will do: it costs no pass over the values, and is exact
    return mean if mean.isfinite() and mean.abs() > _MANY_SPREADS * spread else torch.zeros_like(mean)
