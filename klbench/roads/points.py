"""What an exact road makes of a distribution: finitely many points, each with its measure.

E g = Σ exp(log_measure_i) base(x_i) g(x_i), for every function g of the integrand at once. Enumeration takes the atoms,
quadrature the nodes of a mesh; from there on mean, variance and higher moments are the same sums, written once, below.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan

import torch
from torch import Tensor

from klbench.roads.integrand import ORDERS, Integrand

ACCURACY = 1e-9
"""A moment whose estimated relative error is above this is not given as exact."""


@dataclass(frozen=True)
class Points:
    """Points standing for the integrand's base.

    Args:
        x: [n, ...].
        log_measure: log of the length (or 0: the one atom) each point stands for [n].
        converges: whether the moment of each order exists, for each of K values [3, K].
        error: the estimated relative error of each of those moments [3, K].
        diverges_to: the sign of infinity the first moment goes to where it does not converge, NaN for neither [K].
        road: ``enumeration`` or ``quadrature``.
    """

    x: Tensor
    log_measure: Tensor
    converges: Tensor
    error: Tensor
    diverges_to: Tensor
    road: str


@dataclass(frozen=True)
class Exact:
    """Exact moments of one term's value; NaN where the road is not accurate enough, or there is no such number.

    ``stdev`` is inf where the variance does not exist; ``fourth`` says whether the fourth moment exists, on which the
    error of a measured standard deviation rests.
    """

    mean: float
    stdev: float
    fourth: bool
    road: str

    @property
    def has_variance(self) -> bool:
        """Whether the second moment exists, on which the error of a measured mean rests."""
        return self.stdev != inf


def exact_moments(integrand: Integrand, points: Points) -> list[Exact]:
    """The exact moments of each of the K terms."""
    summands = integrand.moments(points.x)
    rows = summands.rows + points.log_measure
    by_term = zip(
        summands.values,
        rows[1:].reshape(len(ORDERS), -1, rows.shape[1]).unbind(1),
        summands.extension_error(),
        strict=True,
    )
    return [
        _exact(value, torch.stack([rows[0], *moments[:2]]), extension, points, k)
        for k, (value, moments, extension) in enumerate(by_term)
    ]


def _exact(value: Tensor, rows: Tensor, extension: Tensor, points: Points, index: int) -> Exact:
    """``rows`` are the logarithms of the mass, of |value| and of value², each times the mass [3, n]."""
    mean_exists, variance_exists, fourth_exists = points.converges[:, index].tolist()
    mean_error, variance_error = (points.error[:2, index] + _from_extension(rows[1:], extension)).tolist()
    mean = float((value.sign() * rows[1].exp()).sum()) if mean_exists else inf * float(points.diverges_to[index])
    if not (mean_exists and variance_exists and isfinite(mean)):
        stdev = inf
    else:
        stdev = _stdev(value, rows, mean) if variance_error < ACCURACY else nan
    if mean_exists and not mean_error < ACCURACY:
        mean = nan
    return Exact(mean, stdev, fourth_exists and isfinite(stdev), points.road)


def _from_extension(rows: Tensor, extension: Tensor) -> Tensor:
    """The relative error each moment [2] takes from values carried on beyond where they can be computed."""
    return (extension * rows.softmax(dim=1)).nan_to_num(0.0).sum(dim=1)


def _stdev(value: Tensor, rows: Tensor, mean: float) -> float:
    far = value.abs() > 2 * abs(mean)
    near_share = rows[0] + 2 * (value - mean).abs().log()
    far_share = rows[2] + 2 * (1 - mean / value).abs().log()
    stdev = float((torch.where(far, far_share, near_share).logsumexp(dim=0) / 2).exp())
    return stdev if stdev > _ROUNDING * abs(mean) else 0.0  # of a constant only rounding is left


_ROUNDING = 1e-13


def proper(rows: Tensor) -> Tensor:
    """Whether each row is free of infinite and undefined terms [J]."""
    return ~(rows.isnan() | rows.isposinf()).any(dim=1)


def by_order(rows: Tensor) -> Tensor:
    """What is known of the J rows, without the mass, by order [3, K]."""
    return rows[1:].reshape(len(ORDERS), -1)


def first_order(rows: Tensor) -> Tensor:
    """The rows of the first moments [K, ...]."""
    return rows[1 : 1 + (len(rows) - 1) // len(ORDERS)]


def sign_where_infinite(rows: Tensor, values: Tensor) -> Tensor:
    """The sign [K] of the values that are infinite where there is mass: 0 without any, NaN where they disagree."""
    first = first_order(rows)
    signs = torch.where(first.isposinf(), values.sign(), 0.0)
    return common_sign(torch.where(first.isnan(), nan, signs).T)


def common_sign(signs: Tensor) -> Tensor:
    """The sign [K] all the non-zero ones of [m, K] agree on, NaN where they do not."""
    up, down = (signs > 0).any(dim=0), (signs < 0).any(dim=0)
    return torch.where(signs.isnan().any(dim=0) | (up & down), nan, up.double() - down.double())
