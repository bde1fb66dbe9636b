"""A baseline in the reward: the mean of the batch, or of the others in it, is subtracted from each value.

With k the value, S the (weighted) score of its sample, the gradient of a batch centred by its own mean is 1 − 1/n times
the sample covariance of k and S, and centred by the mean of the others it is that covariance itself: exactly, whatever
k is. So its mean is Cov(k, S), shrunk or not, and its noise that of a sample covariance: n Var = μ₂₂ −
(n − 2)/(n − 1) μ₁₁² + μ₂₀ μ₀₂/(n − 1) per sample, with central moments of k and S.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from klbench.derived.token_weights import SCOPES
from klbench.estimators.term import Function, Joint, Term
from klbench.measure.place import Baseline
from klbench.measure.quantity import Quantity
from klbench.roads.exact import exact
from klbench.roads.exact_vector import ExactVector

if TYPE_CHECKING:
    from klbench.measure.exact_gradients import ExactGradients


def with_baseline(quantity: Quantity, baseline: Baseline, gradients: ExactGradients) -> ExactVector | None:
    """The exact mean, and the noise per sample, of the gradient of a batch; None without an exact method."""
    value, weight = value_and_weight(quantity)
    plain = exact(gradients.pair, value)
    if plain is None or not torch.tensor([plain.mean, plain.stdev]).isfinite().all():
        return None
    # centred before it is squared: raw moments would cancel where the mean is large beside the noise
    centred = [gradients.under_draws(_centred(value, plain.mean, power, weight.weighted)) for power in (1, 2)]
    first, second, alone = *centred, gradients.under_draws(weight)
    if first is None or second is None or alone is None:
        return None
    return combined(baseline, first, second, alone, plain.stdev * plain.stdev, weight.weighted)


def combined(
    baseline: Baseline, first: ExactVector, second: ExactVector, alone: ExactVector, variance: float, weighted: bool
) -> ExactVector:
    """The gradient of a batch from those of one sample: (k − E k) · s, (k − E k)² · s and s, each weighted or not, and
    the variance of k."""
    n, covariance, shrinks = baseline.batch, first.mean, baseline.shrinks
    # the score has mean 0 under q, and under the sampler only if it is multiplied by ρ
    offset = torch.zeros_like(alone.mean) if weighted else alone.mean
    both = first.stdev.square() + covariance.square() - 2 * offset * second.mean + offset.square() * variance
    noise = both - (n - 2) / (n - 1) * covariance.square() + variance * alone.stdev.square() / (n - 1)
    # a difference of moments: rounding may leave it below 0
    stdev = shrinks * noise.clamp_min(0.0).sqrt()
    kurtosis = (first.kurtosis + 3 * (n - 1)) / n  # the kurtosis of a mean of n; the centred mean has nearly that
    return ExactVector(shrinks * covariance, stdev, kurtosis, shrinks * first.size, first.road)


def value_and_weight(quantity: Quantity) -> tuple[Term, Term]:
    """The value that is centred, and the weight that multiplies the score after that."""
    assert quantity.place is not None
    weighting = quantity.place.weighting
    if quantity.level is None:
        return quantity.estimator.term, _ONES[weighting != "none"]
    if weighting in SCOPES:
        return quantity.estimator.term, replace(_ONES[True], scope=SCOPES[weighting], clip=quantity.place.clip)
    if quantity.level.name == "sequence":
        return quantity.estimator.term, _ONES[weighting != "none"]
    # a token's weight belongs to its value
    return replace(quantity.estimator.term, weighted=weighting != "none"), _ONES[False]


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
