"""Regression by an exact road: how much of each control is in a value, and what noise is left without them.

The coefficients of least variance depend on the pair alone, not on the samples they are used on. So the regressed mean
of a sample is an ordinary mean of value − Σ coefficient · (control − its mean): unbiased, with a noise that is known.
Coefficients fitted on the same samples would be neither where the control has a heavy tail, for a single large draw
then decides the coefficient and its own share of the mean at once.

Source: Owen (2013), Monte Carlo theory, methods and examples, chapter 8 (control variates).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from klbench.roads.factor_regression import factors_regression
from klbench.roads.integrand import Integrand
from klbench.roads.listing import points_of
from klbench.roads.points import ACCURACY, Points

_NOTHING_LEFT = 1e-6
"""A value that keeps this share of its noise is a combination of the controls: the rest is rounding of squares."""


@dataclass(frozen=True)
class Regression:
    """The best linear prediction of a value from its controls.

    Args:
        coefficients: how much of each of the C controls.
        noise: the standard deviation of what is left.
    """

    coefficients: tuple[float, ...]
    noise: float


def regression(integrand: Integrand) -> Regression | None:
    """Of the integrand's first term on all others.

    None without a road, where one of them has no variance or is a constant, and where nothing is left to measure.
    """
    points = points_of(integrand)
    if points is None:
        return _of_factors(integrand)
    if not _have_variances(points):
        return None
    value, *controls = _centred(integrand, points)
    sizes = torch.stack([control.norm() for control in controls])
    if not (sizes > 0).all() or not (sizes.isfinite().all() and value.isfinite().all()):
        return None
    scaled = torch.stack(controls, dim=1) / sizes
    solution = torch.linalg.lstsq(scaled, value[:, None], driver="gelsd").solution[:, 0]
    left = float((value - scaled @ solution).norm())
    if not left > _NOTHING_LEFT * float(value.norm()):
        return None
    return Regression(tuple((solution / sizes).tolist()), left)


def _of_factors(integrand: Integrand) -> Regression | None:
    found = factors_regression(integrand)
    if found is None:
        return None
    coefficients, left, whole = found
    return Regression(coefficients, left) if left > _NOTHING_LEFT * whole else None


def _have_variances(points: Points) -> bool:
    first_two = points.converges[:2].bool() & (points.error[:2] < ACCURACY)
    return bool(first_two.all())


def _centred(integrand: Integrand, points: Points) -> Tensor:
    """(term − its mean) · √mass of each of the K terms at each point [K, n], so that products add up to covariances.

    By way of the logarithms of mass · |term|: a ratio may overflow where its share of a moment does not.
    """
    summands = integrand.moments(points.x)
    rows, signs = summands.rows + points.log_measure, summands.values.sign()
    mass, first, second = rows[0], *rows[1:].reshape(3, -1, rows.shape[1])[:2]
    means = (signs * first.exp()).sum(dim=1, keepdim=True)
    centred: Tensor = signs * (second / 2).exp() - means * (mass / 2).exp()
    return centred
