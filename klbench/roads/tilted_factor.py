"""The tilted laws of one factor: of two Gaussians by a formula, of any other pair by enumeration or quadrature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import factorial, inf, log1p

import torch
from torch import Tensor

from klbench.distributions.build import build
from klbench.distributions.distribution import Distribution, Single
from klbench.distributions.expression import Expression
from klbench.distributions.pair import LOG_DENSITY_ROUNDING, normal_coefficients
from klbench.estimators.term import Function, Term
from klbench.roads.expansion import Key
from klbench.roads.integrand import Integrand
from klbench.roads.listing import points_of
from klbench.roads.points import Points
from klbench.roads.tilts import ARITHMETIC, INFINITE, LARGE, Tilt, Tilts, cumulants_of

_SUM_ROUNDING = 2e-15
"""Rounding of a sum over points, in units of the sum of the sizes."""
_FAR = 30.0
"""|kL| from which on log q + kL is gathered from log q and log p, which may be far larger than their sum."""
_BARELY = 1e-12
"""A Gaussian integral whose 1/variance is nearer to 0 than this is infinite but for rounding."""
_REMEMBERED = 64
"""The estimators of a case ask for the same laws of the same few pairs."""


def tilts_of(q: Distribution, p: Distribution, keys: frozenset[Key]) -> Tilts | None:
    """The laws that the expectations of ``keys``, (power, rate) each, need, of one factor; None without a road."""
    return _tilts_of(q.expression, p.expression, keys)


@lru_cache(_REMEMBERED)
def _tilts_of(q: Expression, p: Expression, keys: frozenset[Key]) -> Tilts | None:
    most: dict[float, int] = {0.0: 2}
    for power, rate in sorted(keys):
        most[rate] = max(most.get(rate, 0), power)
    first, second = build(q), build(p)
    by_formula = _of_normals(first, second, most)
    return by_formula or _by_points(Integrand.of((), first, second), most)


def _of_normals(q: Distribution, p: Distribution, most: Mapping[float, int]) -> Tilts | None:
    """L is a quadratic of a Gaussian: so it stays under every tilt."""
    if not isinstance(q, Single) or not isinstance(p, Single) or not q.family.name == p.family.name == "Normal":
        return None
    coefficients = normal_coefficients(q, p)
    if coefficients is None:
        return None
    _, constant, slope, curvature = coefficients
    scale = float(q.wrapped.scale)
    quadratic = (constant, slope * scale, curvature * scale * scale)
    return Tilts({rate: _of_quadratic(*quadratic, rate, top) for rate, top in most.items()}, "closed-form")


def _of_quadratic(constant: float, slope: float, curvature: float, rate: float, powers: int) -> Tilt:
    """The law of L = constant + slope·z + curvature·z², z ~ N(0, 1), under e^(rate·L)."""
    lost = 2 * rate * curvature
    precision = 1 - lost
    if precision <= _BARELY:
        return INFINITE
    shares = (rate * constant, (rate * slope) ** 2 / (2 * precision), -log1p(-lost) / 2)
    mean, variance = rate * slope / precision, 1 / precision
    linear, bend = (slope + 2 * curvature * mean) ** 2 * variance, 2 * curvature * variance
    parts = (constant, slope * mean, curvature * mean**2, bend / 2)
    cumulants, sizes = [sum(parts)], [sum(map(abs, parts))]
    for n in range(2, powers + 1):
        of_bend, of_slope = factorial(n - 1) / 2 * bend**n, factorial(n) / 2 * linear * bend ** (n - 2)
        cumulants.append(of_bend + of_slope)
        sizes.append(abs(of_bend) + abs(of_slope))
    # how far from 1 the precision is decides how many digits of it are left
    unit = ARITHMETIC * (1 + abs(lost) / precision)
    errors = [n * unit * size for n, size in enumerate(sizes, start=1)]
    rounding = LOG_DENSITY_ROUNDING * sizes[0]
    return Tilt(sum(shares), unit * sum(map(abs, shares)), tuple(cumulants), tuple(errors), powers, rounding)


def _by_points(pair: Integrand, most: Mapping[float, int]) -> Tilts | None:
    names = [(rate, power) for rate, top in most.items() for power in _asked(rate, top)]
    asked = replace(pair, terms=tuple(Term(_term(power, rate)) for rate, power in names))
    points = points_of(asked)
    if points is None:
        return None
    sums = _Sums.of(asked, points, names)
    return Tilts({rate: sums.tilt(rate, top) for rate, top in most.items()}, points.road)


_EXCESS = -1


def _asked(rate: float, top: int) -> list[int]:
    """The powers whose terms guide the mesh; e^(kL) − 1 stands for power 0."""
    return [*range(1, top + 1)] if rate == 0 else [_EXCESS, *range(1, top + 1)]


def _term(power: int, rate: float) -> Function:
    """L^j e^(kL); e^(kL) − 1 for the excess."""
    if power == _EXCESS:
        return lambda log_ratio: (rate * log_ratio).expm1()
    if rate == 0:
        return lambda log_ratio: log_ratio**power
    return lambda log_ratio: log_ratio**power * (rate * log_ratio).exp()


@dataclass(frozen=True)
class _Sums:
    """What the tilted laws of one factor are summed from, at n points.

    Args:
        log_ratio: L [n].
        log_mass: log of the mass [n].
        log_probs: log q and log p [2, n].
        log_measure: log of the length each point stands for [n].
        shares: |term| · mass of each term [K, n].
        signs: the sign of each term [K, n].
        exists: whether the expectation of each term exists [K].
        errors: its relative error [K].
        rounding: how far rounding may move L [n].
        index: (rate, power) -> the number of the term.
    """

    log_ratio: Tensor
    log_mass: Tensor
    log_probs: Tensor
    log_measure: Tensor
    shares: Tensor
    signs: Tensor
    exists: Sequence[bool]
    errors: Sequence[float]
    rounding: Tensor
    index: Mapping[tuple[float, int], int]

    @staticmethod
    def of(integrand: Integrand, points: Points, names: Sequence[tuple[float, int]]) -> _Sums:
        summands = integrand.moments(points.x)
        rows = summands.rows + points.log_measure
        first = rows[1 : 1 + len(names)]
        carried = (summands.extension_error() * first.softmax(dim=1)).nan_to_num(0.0).sum(dim=1)
        log_ratio, rounding = integrand.log_ratio(points.x), integrand.log_ratio.rounding(points.x)
        mass = rows[0].exp()
        if float((mass * log_ratio.abs()).nan_to_num(posinf=inf).sum()) <= float((mass * rounding).sum()):
            log_ratio = torch.zeros_like(log_ratio)  # q and p are the same distribution
        return _Sums(
            log_ratio=log_ratio,
            log_mass=rows[0],
            log_probs=torch.stack([integrand.q.log_prob(points.x), integrand.p.log_prob(points.x)]),
            log_measure=points.log_measure,
            shares=first.exp(),
            signs=summands.values.sign(),
            exists=points.converges[0].bool().tolist(),
            errors=(points.error[0] + carried + _SUM_ROUNDING).tolist(),
            rounding=rounding,
            index={name: number for number, name in enumerate(names)},
        )

    def tilt(self, rate: float, top: int) -> Tilt:
        """The law tilted by e^(rate·L), with its cumulants as far as they exist and are asked for."""
        missing = [power for power in _asked(rate, top) if not self.exists[self.index[rate, power]]]
        powers = max(missing[0], 0) - 1 if missing else top
        if powers < 0:
            return INFINITE
        log_share = self._log_share(rate)
        share = (log_share - log_share.logsumexp(0)).exp()
        kept = share > 0
        share, log_ratio, rounding = share[kept], self.log_ratio[kept], self.rounding[kept]
        log_mass, log_mass_error = self._log_mass(rate, log_share)
        moved = float((share * rounding).sum())
        if powers == 0:
            return Tilt(log_mass, log_mass_error, (), (), 0, moved)
        mean = float((share * log_ratio).sum())
        away = log_ratio - mean
        if float((share * away.abs()).sum()) <= moved:  # one number but for rounding
            away = torch.zeros_like(away)
        central = [float((share * away**power).sum()) for power in range(2, powers + 1)]
        sizes = [float((share * log_ratio.abs()).sum())]
        sizes += [float((share * away.abs() ** power).sum()) for power in range(2, powers + 1)]
        errors = [self.errors[self.index[rate, power]] * size for power, size in enumerate(sizes, start=1)]
        return Tilt(log_mass, log_mass_error, cumulants_of(mean, central), tuple(errors), powers, moved)

    def _log_share(self, rate: float) -> Tensor:
        """log of e^(rate·L) times the mass [n]; each log-probability is gathered before large ones can cancel."""
        tilted = rate * self.log_ratio
        gathered = (1 - rate) * self.log_probs[0] + rate * self.log_probs[1] + self.log_measure
        near = self.log_mass + tilted
        return torch.where(tilted.abs() > _FAR, gathered, near).masked_fill(self.log_mass.isneginf(), -inf)

    def _log_mass(self, rate: float, log_share: Tensor) -> tuple[float, float]:
        """(log E[e^(rate·L)], a bound of its error)."""
        if rate == 0 or not self.log_ratio.any():
            return 0.0, 0.0
        index = self.index[rate, _EXCESS]
        excess = float((self.signs[index] * self.shares[index]).sum())
        if abs(excess) > LARGE / 2:
            return float(log_share.logsumexp(0)), self.errors[index]
        return log1p(excess), self.errors[index] * float(self.shares[index].sum()) / (1 + excess)
