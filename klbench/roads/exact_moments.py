"""From points to moments: mean, variance and kurtosis are the same sums over atoms and over the nodes of a mesh."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, isfinite, nan
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from klbench.roads.enumeration import enumeration
from klbench.roads.points import ORDERS, Points
from klbench.roads.quadrature import quadrature
from klbench.tolerances import (
    ACCURACY,
    BIAS_ROUNDING,
    BIAS_ROUNDING_OF_NOISE,
    CONSTANT_ROUNDING,
    FOURTH_ACCURACY,
    LOG_LARGEST,
)

if TYPE_CHECKING:
    from klbench.roads.integrand import Integrand


def points_of(integrand: Integrand) -> Points | None:
    """Points that stand for the integrand's base, good for all of its terms at once; None without a road."""
    return enumeration(integrand) if integrand.base.kind == "discrete" else quadrature(integrand)


@dataclass(frozen=True)
class Exact:
    """Exact moments of one term's value; NaN where the road is not accurate enough, or there is no such number.

    Args:
        mean: E k, infinite where it diverges to one side.
        stdev: inf where the variance does not exist.
        kurtosis: the fourth central moment over the squared variance, on which the error of a measured standard
            deviation rests; inf where it does not exist.
        size: E |k|, in units of which the mean is rounded.
        road: ``enumeration`` or ``quadrature``.
        rounding: how far rounding of the log-densities may have moved the mean, nats. A k that is nothing else has mean
            and stdev 0, as where q and p are one distribution under two names.
        of_mean: √n times the error of a mean of n units, where that is not ``stdev``: of tokens, n sequences of them.
    """

    mean: float
    stdev: float
    kurtosis: float
    size: float
    road: str
    rounding: float = 0.0
    of_mean: float = nan

    @property
    def has_variance(self) -> bool:
        """Whether the second moment exists, on which the error of a measured mean rests."""
        return self.stdev != inf

    @property
    def noise(self) -> float:
        """The standard deviation, as of a vector with one component."""
        return self.stdev

    def off(self, true: float) -> float:
        """mean − true, the bias in nats; 0 where they differ by rounding only."""
        bias = self.mean - true
        noise = self.stdev if isfinite(self.stdev) else 0.0
        tolerance = BIAS_ROUNDING * abs(true) + BIAS_ROUNDING_OF_NOISE * noise + self.rounding
        return 0.0 if abs(bias) <= tolerance else bias


def exact_moments(integrand: Integrand, points: Points) -> list[Exact]:
    """The exact moments of each of the K terms."""
    summands = integrand.moments(points.x)
    rows = summands.rows + points.log_measure
    moments = rows[1:].reshape(len(ORDERS), -1, rows.shape[1]).unbind(1)
    extensions = summands.extension_error()
    roundings = mean_rounding(integrand, points.x, rows[0].exp())
    return [
        _within_rounding(_exact(AtPoints(value, rows[0], *by_term), extension, points, index), rounding)
        for index, (value, by_term, extension, rounding) in enumerate(
            zip(summands.values, moments, extensions, roundings, strict=True)
        )
    ]


def mean_rounding(integrand: Integrand, x: Tensor, mass: Tensor) -> list[float]:
    """How far rounding may have moved the mean of each of K terms, over points of these masses [n]."""
    errors = integrand.rounding_of_values(x)
    if integrand.factor is not None:
        errors = [error * factor.abs() for error, factor in zip(errors, integrand.factor(x).T, strict=True)]
    return [float((mass * error).nan_to_num(0.0, posinf=0.0).sum()) for error in errors]


def _within_rounding(exact: Exact, rounding: float) -> Exact:
    """The same, 0 where the value is nothing but rounding wherever it has mass."""
    if exact.size <= rounding:
        return Exact(0.0, 0.0, nan, 0.0, exact.road, rounding)
    return replace(exact, rounding=rounding)


@dataclass(frozen=True)
class AtPoints:
    """One term's values at the points [n], with the logarithms of the mass and of |value|^order times the mass [n]."""

    value: Tensor
    mass: Tensor
    first: Tensor
    second: Tensor
    fourth: Tensor

    def mean(self) -> float:
        """E k."""
        return float((self.value.sign() * self.first.exp()).sum())

    def size(self) -> float:
        """E |k|."""
        return float(self.first.exp().sum())

    def log_central(self, order: int, mean: float) -> float:
        """log E (k - mean)^order; far from the mean by way of |k|^order, which may be representable where k is not."""
        far = self.value.abs() > 2 * abs(mean)
        near_share = self.mass + order * (self.value - mean).abs().log()
        far_share = (self.second if order == 2 else self.fourth) + order * (1 - mean / self.value).abs().log()
        return float(torch.where(far, far_share, near_share).logsumexp(dim=0))

    def extension_error(self, extension: Tensor) -> Tensor:
        """What carrying values on beyond where they can be computed adds to the relative error of each order [3]."""
        rows = torch.stack([self.first, self.second, self.fourth])
        return (extension * rows.softmax(dim=1)).nan_to_num(0.0).sum(dim=1)


def _exact(weighted: AtPoints, extension: Tensor, points: Points, index: int) -> Exact:
    if weighted.first.isnan().any():  # a value that is no number where there is mass
        return Exact(nan, nan, nan, nan, points.road)
    mean_exists, variance_exists, fourth_exists = points.converges[:, index].tolist()
    mean_error, variance_error, fourth_error = (points.error[:, index] + weighted.extension_error(extension)).tolist()
    size = weighted.size() if mean_exists else inf
    mean = weighted.mean() if mean_exists else inf * float(points.diverges_to[index])
    if mean_exists and not mean_error < ACCURACY:
        return Exact(nan, nan if variance_exists else inf, nan if fourth_exists else inf, size, points.road)
    if not (variance_exists and isfinite(mean)):
        return Exact(mean, inf, inf, size, points.road)
    if not variance_error < ACCURACY:
        return Exact(mean, nan, nan if fourth_exists else inf, size, points.road)
    # in logarithms: a square may overflow where the standard deviation does not
    log_variance = weighted.log_central(2, mean)
    stdev = _exp(log_variance / 2)
    if stdev <= CONSTANT_ROUNDING * abs(mean):  # of a constant only rounding is left
        return Exact(mean, 0.0, nan, size, points.road)
    if not fourth_exists:
        return Exact(mean, stdev, inf, size, points.road)
    kurtosis = _exp(weighted.log_central(4, mean) - 2 * log_variance) if fourth_error < FOURTH_ACCURACY else nan
    return Exact(mean, stdev, kurtosis, size, points.road)


def _exp(value: float) -> float:
    return exp(value) if value < LOG_LARGEST else inf
