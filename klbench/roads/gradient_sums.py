"""What samples leave behind of gradients: counts of points, or sums of vectors and of their products.

All gradients of a case are coefficients times one score. Where the support is finite the draws are only counted: how
often each point came up tells every moment of every gradient, and memory grows with the number of points and not with
the number of samples times parameters. Elsewhere each block leaves sums of products behind. With a baseline the unit
is a whole batch, whose gradient is one vector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from klbench.derived.measured import Measured
from klbench.derived.precision import Evaluated
from klbench.derived.token_weights import MeasuredWeights, TokenWeights
from klbench.distributions.score import OneHotScore, Score
from klbench.estimators.whole import Whole
from klbench.problems.problem import Problem
from klbench.problems.sequence_score import SequenceScore
from klbench.problems.sequences import WalkProbs
from klbench.roads.blocks import Accumulator
from klbench.roads.exact_vector import Atoms
from klbench.stats.lengths import SampledVector
from klbench.stats.mergeable import SumsAndTails
from klbench.stats.vectors import OnPoints, Sums


@dataclass(frozen=True)
class Counts:
    """How often each of the atoms came up in ``count`` samples [V], int64."""

    count: int
    counts: Tensor

    def merge(self, other: Counts) -> Counts:
        """Both samples together."""
        return Counts(self.count + other.count, self.counts + other.counts)


@dataclass(frozen=True)
class CountedGradients(Accumulator[Counts]):
    """The accumulator of R gradients on a finite support.

    Args:
        problem: what the coefficients are computed on.
        terms: the coefficients of the score, R of them.
        score: of the policy.
        atoms: every point of the support.
        numbers: how many numbers one sample is.
    """

    problem: Problem
    terms: tuple[Evaluated, ...]
    score: Score
    atoms: Atoms
    numbers: int

    @cached_property
    def _coefficients(self) -> tuple[Tensor, ...]:
        """At the atoms [V], on the CPU."""
        at = self.problem.log_probs(self.atoms.x)
        return tuple(term.values(at).cpu() for term in self.terms)

    @cached_property
    def _on_host(self) -> Atoms:
        return self.atoms.cpu()

    @cached_property
    def _number_of(self) -> Callable[[Tensor], Tensor]:
        """Samples -> the numbers of the atoms they are."""
        if isinstance(self.score, OneHotScore):
            return self.score.category
        first = float(self.atoms.x[0])
        return lambda x: (x - first).long()

    def measure(self, problem: Problem, x: Any, seen: Counts | None) -> Counts:  # noqa: ARG002
        """See ``Accumulator``."""
        return Counts(len(x), self._number_of(x).bincount(minlength=len(self.atoms.x)).cpu())

    def sampled(self, whole: Counts, index: int) -> SampledVector:
        """See ``Accumulator``. On a finite support every moment exists, so there is no k̂."""
        coefficient, frequencies = self._coefficients[index], whole.counts.double() / whole.count
        # what never came up has no part in it, and may be infinite
        moments = OnPoints(frequencies, coefficient.masked_fill(whole.counts == 0, 0.0), self._on_host.table)
        return SampledVector(moments, whole.count, int(whole.counts[~coefficient.isfinite()].sum()))


VectorSums = SumsAndTails[Sums]
"""Sums over the units, and the largest lengths of each gradient's vectors."""


@dataclass(frozen=True)
class _Summed(Accumulator[VectorSums]):
    """What is the same for single samples and for batches.

    Args:
        score: of the policy, with J components.
        samples: how many there will be.
        numbers: how many numbers one sample is while it is measured.
    """

    score: Score
    samples: int
    numbers: int

    def sampled(self, whole: VectorSums, index: int) -> SampledVector:
        """See ``Accumulator``."""
        sums = whole.sums
        largest = whole.largest[index].of(sums.count)
        return SampledVector(sums.moments(index), sums.count, int(sums.nonfinite[index]), largest)


@dataclass(frozen=True)
class SummedGradients(_Summed):
    """The accumulator of R gradients, a unit each sample; ``terms`` are the coefficients of the score."""

    terms: tuple[Evaluated, ...]

    def measure(self, problem: Problem, x: Any, seen: VectorSums | None) -> VectorSums:
        """See ``Accumulator``."""
        at, scores = problem.log_probs(x), self.score.values(x)
        coefficients = torch.stack([term.values(at) for term in self.terms])
        lengths = [*(coefficients * scores.norm(dim=1))]
        return SumsAndTails.of(Sums.of_products(coefficients, scores).cpu(), lengths, self.samples, seen)


def gradients_of(score: SequenceScore, at: WalkProbs, weights: MeasuredWeights) -> Tensor:
    """The gradient of each sequence [n, J]."""
    gradients = score.gradients(at.walks, weights.values(at))
    prefixes = weights.of_prefixes(at)
    if prefixes is None:
        return gradients
    assert isinstance(weights, TokenWeights)
    assert isinstance(weights.term.whole, Whole)
    return gradients + score.of_prefixes(at.walks, prefixes, at.problem.row_gradients(weights.term.whole))


@dataclass(frozen=True)
class TokenGradients(_Summed):
    """The accumulator of R gradients of sequences, a unit each; ``weights`` are those of their tokens' scores."""

    weights: tuple[MeasuredWeights, ...]

    def measure(self, problem: Problem, x: Any, seen: VectorSums | None) -> VectorSums:
        """See ``Accumulator``."""
        assert isinstance(self.score, SequenceScore)
        at = problem.log_probs(x)
        vectors = torch.stack([gradients_of(self.score, at, weights) for weights in self.weights])
        return SumsAndTails.of(Sums.of_vectors(vectors), [*vectors.norm(dim=2)], self.samples, seen)


@dataclass(frozen=True)
class BatchedGradients(_Summed):
    """The accumulator of gradients of whole batches, centred by a baseline.

    Args:
        values: (the value that is centred, the weight that multiplies its score), R of them.
        differences: which two of these, by their places, are subtracted; their gradients come after the others.
        leave_one_out: whether a value is centred by the mean of the others in its batch, not of all of them.
        unit: how many samples make a batch.
    """

    values: tuple[tuple[Measured, Measured], ...]
    differences: tuple[tuple[int, int], ...]
    leave_one_out: bool
    unit: int

    def measure(self, problem: Problem, x: Any, seen: VectorSums | None) -> VectorSums:
        """See ``Accumulator``."""
        at, scores = problem.log_probs(x), self.score.values(x)
        scores = scores.view(-1, self.unit, scores.shape[1])
        centred = [
            self._centred(value.values(at)) * weight.values(at).view(-1, self.unit) for value, weight in self.values
        ]
        centred += [centred[first] - centred[second] for first, second in self.differences]
        # a batch is one unit: its samples share a baseline, so they are not independent
        vectors = torch.stack([(coefficients[:, :, None] * scores).mean(1) for coefficients in centred])
        lengths = [*vectors.norm(dim=2)]
        return SumsAndTails.of(Sums.of_vectors(vectors).cpu(), lengths, self.samples // self.unit, seen)

    def _centred(self, values: Tensor) -> Tensor:
        """Values [n] as [batches, unit], less their batch's mean."""
        batches = values.view(-1, self.unit)
        own = batches - batches.mean(1, keepdim=True)
        # less the mean of the others is as much more as that mean leaves out: n/(n − 1) times
        return own * (self.unit / (self.unit - 1)) if self.leave_one_out else own
