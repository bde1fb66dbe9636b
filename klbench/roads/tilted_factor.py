"""The tilted laws of one factor: of two Gaussians by a formula, of any other pair by enumeration or quadrature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import factorial, inf, log1p

import torch
from torch import Tensor

from klbench.distributions.build import build
from klbench.distributions.distribution import Distribution, Single
from klbench.distributions.expression import Expression
from klbench.distributions.log_ratio import normal_coefficients
from klbench.estimators.term import Function, Term
from klbench.problems.pair import Pair
from klbench.roads.exact_moments import points_of
from klbench.roads.expansion import Key
from klbench.roads.integrand import Integrand
from klbench.roads.points import Points
from klbench.roads.tilts import INFINITE, Tilt, Tilts, cumulants_of
from klbench.tolerances import (
    ARITHMETIC_ROUNDING,
    GATHERED_FROM,
    LEAST_PRECISION,
    LOG_DENSITY_ROUNDING,
    LOG_KEPT_APART,
    SUM_OVER_POINTS_ROUNDING,
)

_REMEMBERED = 64
"""The estimators of a case ask for the same laws of the same few pairs."""


def tilts_of(q: Distribution, p: Distribution, keys: frozenset[Key]) -> Tilts | None:
    """The laws of one factor that the expectations of ``keys`` need; None without a road."""
    return _tilts_of(q.expression, p.expression, keys)


@lru_cache(_REMEMBERED)
def _tilts_of(q: Expression, p: Expression, keys: frozenset[Key]) -> Tilts | None:
    most: dict[float, int] = {0.0: 2}
    for power, rate in sorted(keys):
        most[rate] = max(most.get(rate, 0), power)
    first, second = build(q), build(p)
    by_formula = _of_normals(first, second, most)
    return by_formula or _by_points(Integrand(Pair(first, second), ()), most)


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
    laws = {rate: _of_quadratic(*quadratic, rate, top) for rate, top in most.items()}
    return Tilts(laws, constant + quadratic[2], "closed-form")


def _of_quadratic(constant: float, slope: float, curvature: float, rate: float, powers: int) -> Tilt:
    """The law of L = constant + slope·z + curvature·z², z ~ N(0, 1), under e^(rate·L); untilted, its mean is constant +
    curvature.

    log E[e^(rate·L)] is rate times that mean, and more that is of second order in the slope and the curvature.
    """
    lost = 2 * rate * curvature
    precision = 1 - lost
    if precision <= LEAST_PRECISION:
        return INFINITE
    # log E less its first-order part, which ``constant + curvature`` has: near q = p the rest is second order
    shares = (rate * slope * rate * slope / (2 * precision), log1p_remainder(-lost) / -2)
    mean, variance = rate * slope / precision, 1 / precision
    linear, bend = (slope + 2 * curvature * mean) * (slope + 2 * curvature * mean) * variance, 2 * curvature * variance
    parts = (slope * mean, curvature * (mean * mean), curvature * lost / precision)
    cumulants, sizes = [sum(parts)], [sum(map(abs, parts))]
    for n in range(2, powers + 1):
        of_bend, of_slope = factorial(n - 1) / 2 * bend**n, factorial(n) / 2 * linear * bend ** (n - 2)
        cumulants.append(of_bend + of_slope)
        sizes.append(abs(of_bend) + abs(of_slope))
    # how far from 1 the precision is decides how many digits of it are left
    unit = ARITHMETIC_ROUNDING * (1 + abs(lost) / precision)
    errors = [n * unit * size for n, size in enumerate(sizes, start=1)]
    rounding = LOG_DENSITY_ROUNDING * (abs(constant) + abs(curvature) + sizes[0])
    log_mass = rate * (constant + curvature) + sum(shares)
    return Tilt(log_mass, unit * sum(map(abs, shares)), tuple(cumulants), tuple(errors), powers, rounding)


def _by_points(pair: Integrand, most: Mapping[float, int]) -> Tilts | None:
    names = [(rate, power) for rate, top in most.items() for power in _asked(rate, top)]
    asked = replace(pair, terms=tuple(Term(_term(power, rate)) for rate, power in names))
    points = points_of(asked)
    if points is None:
        return None
    sums = _Sums.of(asked, points, names)
    laws = {rate: sums.tilt(rate, top) for rate, top in most.items()}
    return Tilts(laws, sums.mean, points.road)


_EXCESS = -1
"""In place of a power, none of which is negative."""


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
    """The summands of the tilted laws of one factor, at n points.

    Args:
        log_ratio: L [n].
        log_mass: log of the mass [n].
        log_probs: log q and log p [2, n].
        log_measure: log of the length each point stands for [n].
        exists: whether the expectation of each term exists [K].
        errors: its relative error [K].
        rounding: how far rounding may move L [n].
        index: (rate, power) -> the number of the term.
    """

    log_ratio: Tensor
    log_mass: Tensor
    log_probs: Tensor
    log_measure: Tensor
    exists: Sequence[bool]
    errors: Sequence[float]
    rounding: Tensor
    index: Mapping[tuple[float, int], int]

    @staticmethod
    def of(integrand: Integrand, points: Points, names: Sequence[tuple[float, int]]) -> _Sums:
        summands = integrand.moments(points.x)
        rows = summands.rows + points.log_measure
        first = rows[1 : 1 + len(names)]
        # where a row is −inf throughout softmax is NaN: what has no share adds no error
        carried = (summands.extension_error() * first.softmax(dim=1)).nan_to_num(0.0).sum(dim=1)
        log_ratio, rounding = integrand.pair.log_ratio(points.x), integrand.pair.log_ratio.rounding(points.x)
        # log_ratio may be infinite where the mass underflows to 0: inf · 0 is no mass
        mass = rows[0].exp()
        of_mesh = points.error[0] if points.road == "quadrature" else torch.zeros_like(carried)
        if float((mass * log_ratio.abs()).nan_to_num(posinf=inf).sum()) <= float((mass * rounding).sum()):
            log_ratio = torch.zeros_like(log_ratio)  # q and p are the same distribution
        return _Sums(
            log_ratio=log_ratio,
            log_mass=rows[0],
            log_probs=torch.stack([integrand.pair.q.log_prob(points.x), integrand.pair.p.log_prob(points.x)]),
            log_measure=points.log_measure,
            exists=points.converges[0].bool().tolist(),
            errors=(of_mesh + carried + SUM_OVER_POINTS_ROUNDING).tolist(),
            rounding=rounding,
            index={name: number for number, name in enumerate(names)},
        )

    @cached_property
    def mean(self) -> float:
        """E L; 0 where it does not exist."""
        if not self.exists[self.index[0.0, 1]]:
            return 0.0
        kept = self.log_mass > -inf
        return float((self.log_mass[kept].exp() * self.log_ratio[kept]).sum())

    def tilt(self, rate: float, top: int) -> Tilt:
        """The law tilted by e^(rate·L), with those of its ``top`` cumulants that exist."""
        missing = [power for power in _asked(rate, top) if not self.exists[self.index[rate, power]]]
        powers = max(missing[0], 0) - 1 if missing else top
        if powers < 0:
            return INFINITE
        log_share = self._log_share(rate)
        # normalised in logarithms: e^(rate·L) may overflow where its share does not
        share = (log_share - log_share.logsumexp(0)).exp()
        kept = share > 0
        share, log_ratio, rounding = share[kept], self.log_ratio[kept], self.rounding[kept]
        moved = float((share * rounding).sum())
        mass = self._mass(rate, log_share)
        if powers == 0:
            return Tilt(mass.log, mass.error, (), (), 0, moved)
        # about the tilted mean: raw moments would cancel
        away = log_ratio - float((share * log_ratio).sum())
        if float((share * away.abs()).sum()) <= moved:  # one number but for rounding
            away = torch.zeros_like(away)
        central = [float((share * away**power).sum()) for power in range(2, powers + 1)]
        sizes = [mass.shift_size]
        sizes += [float((share * away.abs() ** power).sum()) for power in range(2, powers + 1)]
        errors = [self.errors[self.index[rate, power]] * size for power, size in enumerate(sizes, start=1)]
        return Tilt(mass.log, mass.error, cumulants_of(mass.shift, central), tuple(errors), powers, moved)

    def _log_share(self, rate: float) -> Tensor:
        """log of e^(rate·L) times the mass [n]; each log-probability is gathered before large ones can cancel."""
        # near 0 L has digits that log p − log q loses; far out log q drops out at rate 1 before it is rounded
        tilted = rate * self.log_ratio
        gathered = (1 - rate) * self.log_probs[0] + rate * self.log_probs[1] + self.log_measure
        near = self.log_mass + tilted
        return torch.where(tilted.abs() > GATHERED_FROM, gathered, near).masked_fill(self.log_mass.isneginf(), -inf)

    def _mass(self, rate: float, log_share: Tensor) -> _Mass:
        if rate == 0 or not self.log_ratio.any():
            return _Mass(0.0, 0.0, 0.0, 0.0)
        relative = self.errors[self.index[rate, _EXCESS]]
        if not self.exists[self.index[0.0, 1]]:
            return self._far(log_share, relative)
        near = self._near(rate, log_share, relative)
        return near if near is not None else self._far(log_share, relative)

    def _far(self, log_share: Tensor, relative: float) -> _Mass:
        """The sums as they are."""
        log_mass = float(log_share.logsumexp(0))
        share = (log_share - log_mass).exp()
        away = self.log_ratio[share > 0] - self.mean
        share = share[share > 0]
        return _Mass(log_mass, relative, float((share * away).sum()), float((share * away.abs()).sum()))

    def _near(self, rate: float, log_share: Tensor, relative: float) -> _Mass | None:
        """The mass from its distance to 1, which is of second order in L; None where that distance is large."""
        kept = (log_share > -inf) | (self.log_mass > -inf)
        log_ratio, mass, share = self.log_ratio[kept], self.log_mass[kept].exp(), log_share[kept].exp()
        tilted = rate * log_ratio
        small = tilted.abs() < 1
        # e^x − 1 − x loses all digits near 0, and far out mass · e^x is 0 · inf: each where it is good
        beyond = torch.where(small, mass * expm1_remainder(tilted), share - mass * (1 + tilted))
        more = torch.where(small, mass * tilted.expm1(), share - mass)
        added, moved = float(beyond.sum()), float((log_ratio * more).sum())
        excess = added + rate * self.mean
        if not abs(excess) < LOG_KEPT_APART / 2:
            return None
        error = relative * float(beyond.abs().sum()) / (1 + excess)
        shift = (moved - self.mean * excess) / (1 + excess)
        size = (float((log_ratio * more).abs().sum()) + abs(self.mean * excess)) / (1 + excess)
        # log1p: what the tilt adds to 1 may be far below the rounding of 1
        return _Mass(log1p(excess), error, shift, size)


@dataclass(frozen=True)
class _Mass:
    """log E[e^(kL)] with a bound of its error, and the shift of the mean of L with the size of its summands."""

    log: float
    error: float
    shift: float
    shift_size: float


def expm1_remainder(x: Tensor) -> Tensor:
    """e^x − 1 − x for |x| < 1, with all of its digits."""
    total = torch.ones_like(x)
    # Horner, from the smallest term up
    for n in range(_TERMS, 2, -1):
        total = 1 + total * x / n
    return x * x / 2 * total


def log1p_remainder(x: float) -> float:
    """log(1 + x) − x, with all of its digits."""
    if abs(x) > _SMALL:
        return log1p(x) - x
    return sum((-x) ** n / -n for n in range(_TERMS, 1, -1))


_TERMS = 20
"""20! is beyond float64's digits, and so is 0.1^20."""
_SMALL = 0.1
