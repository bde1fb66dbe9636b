"""What an exact road makes of a distribution: finitely many weighted points.

E g = Σ exp(log_weight_i) g(x_i), for every function g of the integrand at once. Enumeration takes the atoms, quadrature the
nodes of a mesh; from there on mean, variance and higher moments are the same sums, written once, below. They are taken in
logarithms, so that a value may overflow where its share of the moment does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt

import torch
from torch import Tensor

from klbench.roads.integrand import Integrand

ORDERS = (1, 2, 4)
"""The moments asked of every value: its mean, its variance, and the fourth for the error of the standard deviation."""


@dataclass(frozen=True)
class Points:
    """Weighted points standing for the integrand's base.

    Args:
        x: [n, ...].
        log_weight: log of the probability each point stands for [n].
        converges: whether the moment of each order exists, for each of K values [3, K].
        diverges_to: where the first moment does not converge, the sign of infinity it goes to (NaN: both) [K].
        road: ``enumeration`` or ``quadrature``.
        error: the relative error of the worst moment [1e-16 for a finite sum].
    """

    x: Tensor
    log_weight: Tensor
    converges: Tensor
    diverges_to: Tensor
    road: str
    error: float


@dataclass(frozen=True)
class Exact:
    """Exact moments of one term's value: ``stdev`` is inf where the variance does not exist.

    ``fourth`` says whether the fourth moment exists, on which the error of a measured standard deviation rests.
    """

    mean: float
    stdev: float
    fourth: bool
    road: str

    @property
    def has_variance(self) -> bool:
        """Whether the second moment exists, on which the error of a measured mean rests."""
        return isfinite(self.stdev)


def exact_moments(integrand: Integrand, points: Points) -> list[Exact]:
    """The exact moments of each of the K terms."""
    values, sizes = integrand.values_and_log_sizes(points.x)
    shares = [_exact(value, size, points, index) for index, (value, size) in enumerate(zip(values, sizes, strict=True))]
    return shares


def expectation(value: Tensor, size: Tensor, log_weight: Tensor) -> float:
    """Σ exp(log_weight) value, by way of log |value| where the value overflows."""
    return float((value.sign() * (log_weight + size).exp()).sum())


def _exact(value: Tensor, size: Tensor, points: Points, index: int) -> Exact:
    mean_exists, variance_exists, fourth_exists = (bool(exists) for exists in points.converges[:, index])
    mean = expectation(value, size, points.log_weight) if mean_exists else inf * float(points.diverges_to[index])
    if not (variance_exists and isfinite(mean)):
        return Exact(mean, inf if not mean_exists or isfinite(mean) or mean in (inf, -inf) else nan, False, points.road)
    distance = torch.where(value.isfinite(), (value - mean).abs().log(), size)
    variance = float((points.log_weight + 2 * distance).exp().sum())
    if variance <= (_ROUNDING * mean) ** 2:  # a constant: what is left is rounding
        variance = 0.0
    return Exact(mean, sqrt(variance), fourth_exists, points.road)


_ROUNDING = 1e-13


# The J = 1 + 3K logarithmic rows a road looks at: the mass, then the K values' moments of each order.


def log_rows(log_weight: Tensor, sizes: Tensor) -> Tensor:
    """log of the weight and of weight · |value|^n for each order [J, n], −inf wherever there is no weight."""
    rows = torch.cat([log_weight[None], *(log_weight + order * sizes for order in ORDERS)])
    return rows.masked_fill(log_weight.isneginf(), -inf)


def rounding_rows(integrand: Integrand, x: Tensor) -> Tensor:
    """The rounding error of ``log_rows`` [J, n]."""
    base = 4 * torch.finfo(torch.float64).eps * integrand.base.log_prob(x).abs()
    rounding = integrand.rounding(x)
    return torch.cat([base[None], *(base + order * rounding for order in ORDERS)])


def proper(rows: Tensor) -> Tensor:
    """Whether each row is free of infinite and undefined terms [J]."""
    return ~(rows.isnan() | rows.isposinf()).any(dim=1)


def by_order(rows: Tensor) -> Tensor:
    """The rows without the mass, by order [3, K]."""
    return rows[1:].reshape(len(ORDERS), -1)


def first_order(rows: Tensor) -> Tensor:
    """The rows of the first moments [K, ...]."""
    return rows[1 : 1 + (len(rows) - 1) // len(ORDERS)]


def sign_where_infinite(rows: Tensor, values: Tensor) -> Tensor:
    """The sign [K] of the values that are infinite where there is weight: 0 without any, NaN where they disagree."""
    signs = torch.where(first_order(rows).isposinf(), values.sign(), 0.0)
    return common_sign(torch.where(first_order(rows).isnan(), nan, signs).T)


def common_sign(signs: Tensor) -> Tensor:
    """The sign [K] all the non-zero ones of [m, K] agree on, NaN where they do not."""
    up, down = (signs > 0).any(dim=0), (signs < 0).any(dim=0)
    return torch.where(signs.isnan().any(dim=0) | (up & down), nan, up.double() - down.double())
