"""A baseline in the reward: each value less the mean of its batch, or of the others in it.

With k the value, S the (weighted) score of its sample, the gradient of a batch centred by its own mean is 1 − 1/n times
the sample covariance of k and S, and centred by the mean of the others it is that covariance itself: exactly, whatever
k is. So its mean is Cov(k, S), shrunk or not, and its noise that of a sample covariance: n Var = μ₂₂ −
(n − 2)/(n − 1) μ₁₁² + μ₂₀ μ₀₂/(n − 1) per sample, with central moments of k and S.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from klbench.estimators.term import Function, Joint, Term
from klbench.measure.cells import Cell
from klbench.measure.exact_gradients import ExactGradients
from klbench.roads.exact import exact_road
from klbench.roads.gradient import ExactVector


@dataclass(frozen=True)
class Baseline:
    """How the rewards of a batch are centred: ``mean`` or ``leave-one-out`` of ``batch`` samples."""

    kind: str
    batch: int

    @property
    def shrinks(self) -> float:
        """What the gradient is multiplied by: 1 − 1/n by the batch's own mean, 1 by the mean of the others."""
        return 1 - 1 / self.batch if self.kind == "mean" else 1.0

    def exact(self, cell: Cell, gradients: ExactGradients) -> ExactVector | None:
        """The exact mean, and the noise per sample, of the gradient of a batch; None without a road."""
        value = cell.estimator.term
        (plain,) = exact_road(gradients.drawn_with(value))
        if plain is None or not torch.tensor([plain.mean, plain.stdev]).isfinite().all():
            return None
        weighted = cell.weighting != "none"
        parts = [
            gradients.under_draws(each)
            for each in (
                _centred(value, plain.mean, 1, weighted),
                _centred(value, plain.mean, 2, weighted),
                _one(weighted),
            )
        ]
        first, second, alone = parts
        if first is None or second is None or alone is None:
            return None
        return self._combined(first, second, alone, plain.stdev**2, weighted)

    def _combined(
        self, first: ExactVector, second: ExactVector, alone: ExactVector, variance: float, weighted: bool
    ) -> ExactVector:
        n, covariance = self.batch, first.mean
        offset = torch.zeros_like(alone.mean) if weighted else alone.mean
        both = first.stdev.square() + covariance.square() - 2 * offset * second.mean + offset.square() * variance
        noise = both - (n - 2) / (n - 1) * covariance.square() + variance * alone.stdev.square() / (n - 1)
        stdev = self.shrinks * noise.clamp_min(0.0).sqrt()
        kurtosis = (first.kurtosis + 3 * (n - 1)) / n  # that of a mean of n, which the centred one is nearly
        return ExactVector(self.shrinks * covariance, stdev, kurtosis, self.shrinks * first.size, first.road)


def value_and_weight(cell: Cell) -> tuple[Term, Term]:
    """What is centred, and what multiplies the score of each sample after that."""
    return cell.estimator.term, _one(cell.weighting != "none")


def _one(weighted: bool) -> Term:
    return _ONES[weighted]


_ONES = {weighted: Term(lambda log_ratio: log_ratio.new_ones(log_ratio.shape), weighted) for weighted in (False, True)}


def _centred(term: Term, mean: float, power: int, weighted: bool) -> Term:
    """(k − mean)^power, times q/sampler where ``weighted``."""
    function = _shifted(term.function, mean, power)
    if term.joint is None:
        return Term(function, weighted)
    return Term(function, weighted, _shifted_joint(term.joint, mean, power), term.looks_at)


def _shifted(function: Function, mean: float, power: int) -> Function:
    return lambda log_ratio: (function(log_ratio) - mean) ** power


def _shifted_joint(joint: Joint, mean: float, power: int) -> Joint:
    def shifted(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
        return (joint(log_q, log_p, log_sampler) - mean) ** power

    return shifted
