"""Moments of random vectors: the mean, the covariance seen from a few sides, and the fourth moment of the length.

A gradient estimate g has J components, and a report of it needs few numbers: its mean, the trace of its covariance (the
noise), the variance along one direction (the error of a length or of an angle) and the Frobenius norm of the
covariance (the error of a length that is nearly 0). Two things know these: weighted points whose scores are structured,
and sums over a stream of samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from klbench.stats.score_table import ScoreTable
from klbench.tolerances import VECTOR_VARIANCE_ROUNDING


class VectorMoments(ABC):
    """What is known of the distribution of one random vector g [J]."""

    mean: Tensor
    """E g [J]."""

    @property
    @abstractmethod
    def variances(self) -> Tensor:
        """The variance of each component [J]."""

    @abstractmethod
    def variance_along(self, direction: Tensor) -> float:
        """The variance of g · direction."""

    @property
    @abstractmethod
    def squared_covariance(self) -> float:
        """The sum of the squares of the covariance's entries."""

    @property
    @abstractmethod
    def fourth(self) -> float:
        """E ‖g − E g‖⁴."""

    @property
    def trace(self) -> float:
        """The trace of the covariance."""
        return float(self.variances.sum())


@dataclass(frozen=True)
class OnPoints(VectorMoments):
    """A coefficient [V] times the score of a point, over points of these probabilities [V]."""

    probabilities: Tensor
    coefficient: Tensor
    table: ScoreTable

    @cached_property
    def mean(self) -> Tensor:  # type: ignore[override]
        """See ``VectorMoments.mean``."""
        return self.table.combine(self._shares)

    @cached_property
    def variances(self) -> Tensor:
        """See ``VectorMoments.variances``."""
        second = self.table.combine_squares(self._squares)
        # a difference of two sums: below its rounding the component is a constant
        variances = second - self.mean.square()
        return variances.masked_fill(variances <= VECTOR_VARIANCE_ROUNDING * second, 0.0)

    @property
    def size(self) -> Tensor:
        """E |g|, or no less than that, component by component [J]."""
        return self.table.combine_sizes(self._shares.abs())

    def variance_along(self, direction: Tensor) -> float:
        """See ``VectorMoments.variance_along``."""
        along = self.table.along(direction)
        # a variance as a difference of two sums: rounding may leave it below 0, and a root is taken of it
        return max(float(self._squares @ along.square() - (self.mean @ direction).square()), 0.0)

    @property
    def squared_covariance(self) -> float:
        """See ``VectorMoments.squared_covariance``."""
        second = self.table.squared_gram(self._squares)
        crossed = float(self._squares @ self.table.along(self.mean).square())
        # ‖A − m mᵀ‖² written out, so that no [J, J] matrix is made: it may be below 0 by rounding
        return max(second - 2 * crossed + float(self.mean @ self.mean) * float(self.mean @ self.mean), 0.0)

    @property
    def fourth(self) -> float:
        """See ``VectorMoments.fourth``."""
        # ‖c s − m‖² by three numbers of each point: a [V, J] of differences would be as large as the scores
        squared_distance = (
            self.coefficient.square() * self.table.squared_norms
            - 2 * self.coefficient * self.table.along(self.mean)
            + self.mean @ self.mean
        )
        return float(self.probabilities @ squared_distance.square())

    @cached_property
    def _shares(self) -> Tensor:
        return self.probabilities * self.coefficient

    @cached_property
    def _squares(self) -> Tensor:
        return self._shares * self.coefficient


@dataclass(frozen=True)
class Sums:
    """Sums over ``count`` draws of R random vectors with J components; they merge by addition.

    Args:
        count: the number of draws.
        first: Σ g [R, J].
        second: Σ g gᵀ [R, J, J].
        third: Σ ‖g‖² g [R, J].
        fourth: Σ ‖g‖⁴ [R].
        nonfinite: how many of the vectors have an entry that is infinite or NaN [R].
    """

    count: int
    first: Tensor
    second: Tensor
    third: Tensor
    fourth: Tensor
    nonfinite: Tensor

    @staticmethod
    def of_products(coefficients: Tensor, scores: Tensor) -> Sums:
        """Of g = coefficient × score, for R coefficients [R, n] of the same scores [n, J]."""
        components = scores.shape[1]
        norms = scores.square().sum(1)
        outer = (scores[:, :, None] * scores[:, None, :]).flatten(1)
        squares = coefficients.square()
        finite = coefficients.isfinite() & scores.isfinite().all(1)
        return Sums(
            len(scores),
            _each(coefficients, scores),
            _each(squares, outer).view(-1, components, components),
            _each(squares * coefficients, norms[:, None] * scores),
            _each(squares.square(), norms.square()[:, None]).squeeze(1),
            (~finite).sum(1),
        )

    @staticmethod
    def of_vectors(vectors: Tensor) -> Sums:
        """Of R vectors given as they are [R, n, J]."""
        norms = vectors.square().sum(2)
        return Sums(
            vectors.shape[1],
            vectors.sum(1),
            torch.stack([row.T @ row for row in vectors]),
            (norms[:, :, None] * vectors).sum(1),
            norms.square().sum(1),
            (~vectors.isfinite().all(2)).sum(1),
        )

    def merge(self, other: Sums) -> Sums:
        """Both samples together."""
        return Sums(
            self.count + other.count,
            self.first + other.first,
            self.second + other.second,
            self.third + other.third,
            self.fourth + other.fourth,
            self.nonfinite + other.nonfinite,
        )

    def cpu(self) -> Sums:
        """The same on the CPU."""
        return Sums(
            self.count, *(sums.cpu() for sums in (self.first, self.second, self.third, self.fourth, self.nonfinite))
        )

    def moments(self, row: int) -> OfSample:
        """The moments of one of the R vectors."""
        first, second, third = self.first[row], self.second[row], self.third[row]
        return OfSample(
            first / self.count, second / self.count, third / self.count, float(self.fourth[row]) / self.count
        )


def _each(rows: Tensor, columns: Tensor) -> Tensor:
    """rows @ columns, a row at a time: one product of all would add up in an order that depends on how many there
    are."""
    return torch.stack([row @ columns for row in rows])


@dataclass(frozen=True)
class OfSample(VectorMoments):
    """The moments about 0 of a sample: mean [J], E g gᵀ [J, J], E ‖g‖² g [J] and E ‖g‖⁴."""

    mean: Tensor
    second: Tensor
    third: Tensor
    raw_fourth: float

    @property
    def covariance(self) -> Tensor:
        """[J, J]."""
        return self.second - torch.outer(self.mean, self.mean)

    @property
    def variances(self) -> Tensor:
        """See ``VectorMoments.variances``."""
        # only rounding makes it less than 0, where a component is a constant
        return self.covariance.diagonal().clamp_min(0.0)

    def variance_along(self, direction: Tensor) -> float:
        """See ``VectorMoments.variance_along``."""
        return max(float(direction @ self.covariance @ direction), 0.0)

    @property
    def squared_covariance(self) -> float:
        """See ``VectorMoments.squared_covariance``."""
        return float(self.covariance.square().sum())

    @property
    def fourth(self) -> float:
        """See ``VectorMoments.fourth``."""
        # ‖g − m‖² = ‖g‖² − 2 g·m + ‖m‖², squared and averaged
        m, length = self.mean, float(self.mean @ self.mean)
        crossed = 4 * float(m @ self.second @ m) - 4 * float(self.third @ m) - 4 * length * length
        return self.raw_fourth + crossed + 2 * length * float(self.second.trace()) + length * length
