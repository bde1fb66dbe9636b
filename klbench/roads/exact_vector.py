"""The exact road of a gradient: the mean and the noise of coefficient × score, component by component.

Of a finite support every point is taken with its probability, as the score's own structure allows. On a line, and of a
countable support, each component is a value like any other, all of them on one mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan

import torch
from torch import Tensor

from klbench.distributions.score import OneHotScore, Score
from klbench.distributions.support import Lattice
from klbench.estimators.term import Term
from klbench.problems.pair import Pair
from klbench.problems.problem import Problem
from klbench.roads.exact_moments import exact_moments, points_of
from klbench.roads.integrand import Integrand
from klbench.stats.estimate import over_square
from klbench.stats.score_table import DenseTable, OneHotTable, ScoreTable
from klbench.stats.vectors import OnPoints
from klbench.tolerances import GRADIENT_DISTANCE_ROUNDING, GRADIENT_ROUNDING

_MOST_ROWS = 2**17
"""A table of scores [V, J] is made for no more points than this; a longer one would not fit the caches."""
_MOST_COMPONENTS = 64
"""Each component is a value of its own to quadrature: so many take seconds."""


@dataclass(frozen=True)
class ExactVector:
    """The exact mean and standard deviation of each component [J], NaN where they are not known.

    Args:
        mean, stdev: as ``roads.points.Exact`` has them, infinite where they are.
        kurtosis: E‖g − E g‖⁴ over the squared trace of the covariance, or a bound it does not exceed; inf where the
            fourth moment does not exist, NaN where nothing is known of it.
        size: E |g|, component by component, in units of which the mean is rounded [J].
        road: ``enumeration`` or ``quadrature``.
        moved: how far rounding of the log-densities may have moved the mean.
    """

    mean: Tensor
    stdev: Tensor
    kurtosis: float
    size: Tensor
    road: str
    moved: float = 0.0

    @property
    def rounding(self) -> float:
        """The length below which a mean is nothing but rounding."""
        return GRADIENT_ROUNDING * float(self.size[self.size.isfinite()].norm()) + self.moved

    @property
    def noise(self) -> float:
        """√(trace of the covariance); inf where a variance does not exist."""
        largest = float(self.stdev.amax())
        if not self.has_variance or largest == 0:
            return inf if not self.has_variance else 0.0
        return largest * float((self.stdev / largest).norm())  # squares of what float64 holds may overflow

    @property
    def has_variance(self) -> bool:
        """Whether every component has a second moment."""
        return not bool(self.stdev.isposinf().any())

    @property
    def is_finite(self) -> bool:
        """Whether the mean is known."""
        return bool(self.mean.isfinite().all())

    def off(self, true: Tensor) -> float:
        """‖mean − true‖, the bias; 0 where they differ by rounding only."""
        distance = float((self.mean - true).norm())
        return 0.0 if distance <= GRADIENT_DISTANCE_ROUNDING * float(true.norm()) + self.rounding else distance

    def cosine(self, true: Tensor) -> float:
        """Of the angle between the mean and a true gradient [J]; NaN where either is 0."""
        length, size = float(self.mean.norm()), float(true.norm())
        if not (size > 0 and length > 10 * self.rounding):
            return nan
        cosine = float(self.mean @ true) / (length * size)
        if not isfinite(cosine):  # the product of two lengths may be infinite where neither is
            cosine = float((self.mean / length) @ (true / size))
        if not isfinite(cosine):
            return nan
        return float(round(cosine)) if abs(cosine - round(cosine)) < GRADIENT_DISTANCE_ROUNDING else cosine


@dataclass(frozen=True)
class Atoms:
    """Every point of a finite support: the numbers a draw is counted under, and their scores.

    Args:
        x: the points [V, ...].
        probabilities: under what is drawn from [V].
        table: the scores of q there.
    """

    x: Tensor
    probabilities: Tensor
    table: ScoreTable

    @staticmethod
    def of(problem: Problem, score: Score) -> Atoms | None:
        """The atoms of what is sampled, None where draws cannot be counted."""
        if not isinstance(problem, Pair):
            return None
        base = problem.base
        if isinstance(score, OneHotScore):
            x = base.atoms()
            return None if x is None else Atoms(x, base.log_prob(x).exp(), OneHotTable(score.probabilities))
        x = base.atoms() if isinstance(base.support, Lattice) else None
        if x is None or len(x) > _MOST_ROWS:
            return None
        return Atoms(x, base.log_prob(x).exp(), DenseTable(score.values(x)))

    def cpu(self) -> Atoms:
        """The same on the CPU."""
        return Atoms(self.x.cpu(), self.probabilities.cpu(), self.table.cpu())

    def moments(self, pair: Pair, term: Term) -> OnPoints:
        """The exact moments of coefficient × score."""
        return self._on_points(term.values(pair.log_probs(self.x)))

    def rounding(self, pair: Pair, term: Term) -> Tensor:
        """How far rounding of the log-densities may have moved the mean of coefficient × score [J]."""
        (errors,) = Integrand(pair, (term,)).rounding_of_values(self.x)
        return self._on_points(errors).size

    def _on_points(self, values: Tensor) -> OnPoints:
        return OnPoints(self.probabilities, values.masked_fill(self.probabilities == 0, 0.0), self.table)


def exact_gradient(problem: Problem, term: Term, score: Score, atoms: Atoms | None) -> ExactVector | None:
    """The exact moments of ``term`` times the score of q; None where there is no exact method."""
    if not isinstance(problem, Pair):
        return None
    if atoms is not None:
        # an atom without probability is masked: its coefficient may be infinite
        moments = atoms.moments(problem, term)
        kurtosis = over_square(moments.fourth, moments.trace) if moments.trace > 0 else nan
        moved = atoms.rounding(problem, term)
        return _of_digits(moments.mean, moments.variances.sqrt(), kurtosis, moments.size, "enumeration", moved)
    components = len(score.components[0])
    if components > _MOST_COMPONENTS:
        return None
    return _by_component(Integrand(problem, (term,) * components, score.values))


def _by_component(integrand: Integrand) -> ExactVector | None:
    points = points_of(integrand)
    if points is None:
        return None
    moments = exact_moments(integrand, points)
    mean, stdev, kurtoses, size, moved = (
        torch.tensor([getattr(component, name) for component in moments], dtype=torch.float64)
        for name in ("mean", "stdev", "kurtosis", "size", "rounding")
    )
    mean = torch.where(mean.isfinite(), mean, nan)
    return _of_digits(mean, stdev, _most((stdev / stdev.amax()).square(), kurtoses), size, points.road, moved)


def _most(variances: Tensor, kurtoses: Tensor) -> float:
    """The kurtosis of a vector is no more than this, by Minkowski on the squares of its components."""
    trace = float(variances.sum())
    shares = (variances * kurtoses.sqrt()).masked_fill(variances == 0, 0.0)
    return float((shares.sum() / trace).square()) if 0 < trace < inf else nan


def _of_digits(mean: Tensor, stdev: Tensor, kurtosis: float, size: Tensor, road: str, moved: Tensor) -> ExactVector:
    """The moments, 0 where a mean is only what rounding has left of terms that cancel, or of log-densities that do."""
    nothing = size <= moved
    none_left = nothing | (size.isfinite() & (mean.abs() <= GRADIENT_ROUNDING * size))
    return ExactVector(
        mean.masked_fill(none_left, 0.0),
        stdev.masked_fill(nothing, 0.0),
        kurtosis,
        size.masked_fill(nothing, 0.0),
        road,
        float(moved.norm()),
    )
