"""What samples leave behind of values: sums of their powers and products, and the largest of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from klbench.derived.measured import Measured
from klbench.problems.problem import Problem, Slow
from klbench.roads.blocks import PILOT, Accumulator, chunks
from klbench.stats import moments
from klbench.stats.mergeable import SumsAndTails
from klbench.stats.moments import Moments, SampledValue

PILOT_SIZE = 2**16
"""The samples of the pilot: enough for a coefficient or a shift to three digits."""
_FEWEST = 2**6
"""Of sequences, however long they are."""
_MANY_SPREADS = 4.0
"""A mean of more spreads than this makes powers about 0 cancel in their first digits."""


ValueSums = SumsAndTails[Moments]
"""What is left of the samples of K values: their moments and the largest |values| of each."""


@dataclass(frozen=True)
class ValueAccumulator(Accumulator[ValueSums]):
    """The accumulator of K values.

    Args:
        terms: what is computed of every sample, K of them.
        shift: what the moments are taken about [K].
        controls: how many of the terms, the first ones, the others are regressed on.
        samples: how many there will be, which decides how many of the largest are kept.
        numbers: how many numbers one sample is.
        beside: for each term the index of the one that it is compared with; None where nothing is.
    """

    terms: tuple[Measured, ...]
    shift: Tensor
    controls: int
    samples: int
    numbers: int
    beside: tuple[int | None, ...] | None = None

    def measure(self, problem: Problem, x: Any, seen: ValueSums | None) -> ValueSums:
        """See ``Accumulator``."""
        at = problem.log_probs(x)
        values = [term.values(at) for term in self.terms]
        sums = moments.of(values, self.shift, self.controls, self.beside)
        return SumsAndTails.of(sums, values, self.samples, seen)

    def sampled(self, whole: ValueSums, index: int) -> SampledValue:
        """See ``Accumulator``."""
        known = whole.sums
        negative = int(known.negative[index]) / known.count
        largest = whole.largest[index].of(known.count)
        return SampledValue(known.central(index), negative, int(known.nonfinite[index]), largest)


def pilot_size(problem: Problem) -> int:
    """How many samples the pilot has: of sequences fewer, for each has many tokens."""
    if isinstance(problem, Slow):
        return problem.sequences_of_block
    size = max(PILOT_SIZE // problem.tokens, _FEWEST)
    return size if problem.units is None else min(size, problem.units)


def pilot(problem: Problem, seed: int, terms: Sequence[Measured]) -> list[Tensor]:
    """Each term's values on the pilot sample, whose stream no block shares: K tensors [n] on the CPU."""
    draw = problem.block(seed, PILOT)
    parts: list[list[Tensor]] = [[] for _ in terms]
    for size in chunks(pilot_size(problem), problem.numbers):
        at = problem.log_probs(draw(size))
        for values, term in zip(parts, terms, strict=True):
            values.append(term.values(at).double().cpu())
    return [torch.cat(values) for values in parts]


def shift_of(drawn: Sequence[Tensor]) -> Tensor:
    """What to take moments about [K], from the pilot's values: 0 where the spread is of the order of the mean, so that
    powers do not cancel."""
    return torch.stack([_centre(values) for values in drawn])


def _centre(values: Tensor) -> Tensor:
    mean, spread = values.mean(), values.std()
    # 0 wherever it will do: it costs no pass over the values, and is exact
    return mean if mean.isfinite() and mean.abs() > _MANY_SPREADS * spread else torch.zeros_like(mean)
