"""Fitting an optimal coefficient: the λ of least variance in base + λ·control, from a pilot sample of its own.

The pilot is drawn from a stream no block shares, so the fitted estimator is an ordinary one with a constant λ,
independent of the samples it is judged on: unbiased, with exact moments and errors like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan

from torch import Tensor

from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Term
from klbench.measure.draws import Draws
from klbench.measure.pair import Pair
from klbench.roads.exact import exact_road


@dataclass(frozen=True)
class Fit:
    """A fitted coefficient: what the pilot gave, and the exact optimum where a road knows it (else NaN)."""

    coefficient: float
    exact: float


def fit(estimator: Estimator, draws: Draws, pair: Pair) -> tuple[Estimator, Fit | None]:
    """The estimator with its coefficient settled, and how; (itself, None) where nothing is to be fitted.

    Where the control is known to have no variance, the best coefficient is 0: any other makes the variance infinite.
    """
    control = estimator.control_term
    if control is None:
        return estimator, None
    exact = _exact_optimum(pair, estimator.term, control)
    coefficient = exact if exact == 0 else _least_variance(*draws.pilot((estimator.term, control)))
    return estimator.fitted(coefficient), Fit(coefficient, exact)


def exactly_fitted(estimator: Estimator, pair: Pair) -> Estimator | None:
    """The estimator with the exact optimum for its coefficient; None where no exact road knows that."""
    if estimator.control_term is None:
        return estimator
    optimum = _exact_optimum(pair, estimator.term, estimator.control_term)
    return estimator.fitted(optimum) if isfinite(optimum) else None


def _exact_optimum(pair: Pair, base: Term, control: Term) -> float:
    """-Cov(base, control)/Var(control) by the exact road, 0 where the control has no variance, NaN without a road."""
    together = Term(lambda log_ratio: base.function(log_ratio) + control.function(log_ratio), base.weighted)
    apart = Term(lambda log_ratio: base.function(log_ratio) - control.function(log_ratio), base.weighted)
    found = exact_road(pair.integrand((control, together, apart)))
    if found[0] is not None and not found[0].has_variance:
        return 0.0
    variance, plus, minus = (moments.stdev**2 if moments else nan for moments in found)
    return (minus - plus) / (4 * variance) if 0 < variance < inf and isfinite(plus) and isfinite(minus) else nan


def _least_variance(base: Tensor, control: Tensor) -> float:
    spread = control - control.mean()
    coefficient = -float((base - base.mean()) @ spread) / float(spread @ spread) if spread.any() else 0.0
    return coefficient if isfinite(coefficient) else 0.0
