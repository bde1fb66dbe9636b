"""Regression by an exact road: how much of each control is in a value, and what noise is left without them.

The coefficients of least variance depend on the pair alone, not on the samples they are used on. So the regressed mean
of a sample is an ordinary mean of value − Σ coefficient · (control − its mean): unbiased, with a noise that is known.
Coefficients fitted on the same samples would be neither where the control has a heavy tail, for a single large draw
then decides the coefficient and its own share of the mean at once.

Source: Owen (2013), Monte Carlo theory, methods and examples, chapter 8 (control variates).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from klbench.estimators.term import Term
from klbench.roads.exact_moments import points_of
from klbench.roads.expansion import Sum, combined, from_declared, less, product
from klbench.roads.factors import ANY, expectation, exponential, infinity, laws_for, plain
from klbench.roads.points import Points
from klbench.roads.tilts import Tilts
from klbench.tolerances import ACCURACY, LEFT_ACCURACY, NOTHING_LEFT

if TYPE_CHECKING:
    from klbench.roads.integrand import Integrand


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
        return of_factors(integrand)
    if not _have_variances(points):
        return None
    value, *controls = _centred(integrand, points)
    sizes = torch.stack([control.norm() for control in controls])
    if not (sizes > 0).all() or not (sizes.isfinite().all() and value.isfinite().all()):
        return None
    scaled = torch.stack(controls, dim=1) / sizes
    # scaled to length 1: r may have a thousand times the spread of k1, and its square a million times
    solution = torch.linalg.lstsq(scaled, value[:, None], driver="gelsd").solution[:, 0]
    left = float((value - scaled @ solution).norm())
    if not left > NOTHING_LEFT * float(value.norm()):
        return None
    return Regression(tuple((solution / sizes).tolist()), left)


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


def of_factors(integrand: Integrand) -> Regression | None:
    """The same on independent factors, where covariances are expectations of products of finite sums.

    So is the variance of what is left, which is summed by itself: where q is close to p it is far less than what it is
    left of. None where it cannot be told from rounding.
    """
    if integrand.pair.sampler is not None or integrand.factor is not None:
        return None
    declared = [term.expansion for term in integrand.terms if isinstance(term, Term)]
    known = [expansion for expansion in declared if expansion is not None]
    if len(known) < len(integrand.terms):
        return None
    anywhere = [less(from_declared(expansion, ANY), ANY) for expansion in known]
    laws = laws_for(integrand.pair.q, integrand.pair.p, [product(a, b) for a in anywhere for b in anywhere] + anywhere)
    if laws is None or laws.constant:
        return None
    values = [from_declared(expansion, laws.centre) for expansion in known]
    if any(infinity(product(value, value), laws) is not None for value in values):
        return None
    return _regressed([less(value, plain(expectation(value, laws))) for value in values], laws)


def _regressed(values: Sequence[Sum], laws: Tilts) -> Regression | None:
    """The same of values of mean 0, the first on all others."""
    matrix = torch.tensor(
        [[plain(expectation(product(a, b), laws)) for b in values] for a in values], dtype=torch.float64
    )
    sizes = matrix.diagonal().sqrt()
    if not (bool(matrix.isfinite().all()) and bool((sizes > 0).all())):
        return None
    scaled = matrix / sizes / sizes[:, None]
    solution = torch.linalg.lstsq(scaled[1:, 1:], scaled[1:, :1], driver="gelsd").solution[:, 0]
    coefficients = tuple((solution * sizes[0] / sizes[1:]).tolist())
    # the variance of what is left by itself: subtracting explained from whole would lose its digits
    left = combined(values, [1.0, *(-coefficient for coefficient in coefficients)])
    variance = expectation(product(left, left), laws)
    if not variance.error < LEFT_ACCURACY * variance.value:
        return None
    stdev = variance.value**0.5 * exponential(variance.log_scale / 2)
    return Regression(coefficients, stdev) if stdev > NOTHING_LEFT * float(sizes[0]) else None
