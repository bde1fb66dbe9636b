"""Fitting an optimal coefficient: the λ of least variance in base + λ·control, from a pilot sample of its own.

The pilot is drawn from a stream no block shares, so the fitted estimator is an ordinary one with a constant λ,
independent of the samples it is judged on: unbiased, with exact moments and errors like any other.
"""

from __future__ import annotations

from math import isfinite

from torch import Tensor

from klbench.estimators.estimator import Estimator
from klbench.measure.draws import Draws
from klbench.measure.pair import Pair
from klbench.roads.exact import exact_road


def fit(estimator: Estimator, draws: Draws, pair: Pair) -> tuple[Estimator, float | None]:
    """The estimator with its coefficient settled, and the coefficient; (itself, None) where nothing is to be fitted.

    Where the control is known to have no variance, the best coefficient is 0: any other makes the variance infinite.
    """
    control = estimator.control_term
    if control is None:
        return estimator, None
    (exact,) = exact_road(pair.integrand((control,)))
    if exact is not None and not exact.has_variance:
        return estimator.fitted(0.0), 0.0
    coefficient = _least_variance(*draws.pilot((estimator.term, control)))
    return estimator.fitted(coefficient), coefficient


def _least_variance(base: Tensor, control: Tensor) -> float:
    spread = control - control.mean()
    coefficient = -float((base - base.mean()) @ spread) / float(spread @ spread) if spread.any() else 0.0
    return coefficient if isfinite(coefficient) else 0.0
