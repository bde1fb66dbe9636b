"""The law of L = log_ratio under q tilted by e^(kL), for one factor and for independent factors together.

E[e^(kL)] of a sum of independent L is the product of theirs, and under the tilted law the factors stay independent: the
cumulants of L are the sums of theirs. From both follows every E[L^j e^(kL)], without a sum over the factors' atoms.
Everything is told with a bound of its error, since what is added up from it may cancel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb, exp, expm1, inf, log1p

import torch
from torch import Tensor

from klbench.estimators.term import Function, Term
from klbench.roads.expansion import CONSTANT, Key
from klbench.roads.integrand import Integrand
from klbench.roads.listing import points_of
from klbench.roads.points import Points

_SUM_ROUNDING = 2e-15
"""Rounding of a sum over points, in units of the sum of the sizes."""
_ARITHMETIC = 4e-16
"""Rounding of the few products and sums that follow, in units of the sum of the sizes."""
_LARGE = 1.0
"""The log of an expectation from which on its exponential is kept apart."""


@dataclass(frozen=True)
class Number:
    """value · exp(log_scale), off by at most error · exp(log_scale)."""

    value: float
    error: float = 0.0
    log_scale: float = 0.0


@dataclass(frozen=True)
class Tilt:
    """The law of L under e^(kL)/E[e^(kL)].

    Args:
        log_mass: log E[e^(kL)], and a bound of its error.
        cumulants: of L, the first J.
        errors: a bound of the error of each.
        powers: how many moments of L exist under the tilted law; −1 where E[e^(kL)] is infinite.
        rounding: how far rounding of log-densities may move the mean of L, nats.
    """

    log_mass: float
    log_mass_error: float
    cumulants: tuple[float, ...]
    errors: tuple[float, ...]
    powers: int
    rounding: float

    def moment(self, power: int, centre: float) -> Number:
        """E[(L − centre)^j e^(kL)]."""
        if self.log_mass == -inf:
            return Number(0.0)
        about = (self.cumulants[0] - centre, *self.cumulants[1:]) if self.cumulants else ()
        sizes = [abs(cumulant) for cumulant in about]
        value, size = raw_moment(about, power), raw_moment(sizes, power)
        widest = raw_moment([a + b for a, b in zip(sizes, self.errors, strict=True)], power)
        error = (widest - size) + (_ARITHMETIC + self.log_mass_error) * size
        return Number(value, error, self.log_mass)

    def excess(self) -> Number:
        """E[e^(kL)] − 1."""
        if self.log_mass <= _LARGE:
            value = expm1(self.log_mass) if self.log_mass > -inf else -1.0
            return Number(value, exp(self.log_mass) * self.log_mass_error + _ARITHMETIC * abs(value))
        return Number(1 - exp(-self.log_mass), self.log_mass_error + _ARITHMETIC, self.log_mass)


@dataclass(frozen=True)
class Tilts:
    """The laws of L by rate, all of which exist or are said not to, and the road they come from."""

    by_rate: Mapping[float, Tilt]
    road: str

    def exists(self, key: Key) -> bool:
        """Whether the expectation of a term exists."""
        return key[0] <= self.by_rate[key[1]].powers

    def expectation(self, key: Key, centre: float) -> Number:
        """The expectation of a term in L − centre."""
        if key == CONSTANT:
            return Number(1.0)
        tilt = self.by_rate[key[1]]
        return tilt.excess() if key[0] == 0 else tilt.moment(key[0], centre)

    def times(self, copies: int) -> Tilts:
        """The same for the sum of independent copies."""
        return replace(self, by_rate={rate: _times(tilt, copies) for rate, tilt in self.by_rate.items()})

    def plus(self, other: Tilts) -> Tilts:
        """The same for the sum of two independent L."""
        return replace(self, by_rate={rate: _plus(tilt, other.by_rate[rate]) for rate, tilt in self.by_rate.items()})


def raw_moment(cumulants: Sequence[float], power: int) -> float:
    """The moment of a law from its cumulants: m_n = Σ C(n − 1, i − 1) κ_i m_(n−i)."""
    moments = [1.0]
    for n in range(1, power + 1):
        moments.append(sum(comb(n - 1, i - 1) * cumulants[i - 1] * moments[n - i] for i in range(1, n + 1)))
    return moments[power]


def cumulants_of(mean: float, central: Sequence[float]) -> tuple[float, ...]:
    """The cumulants from the mean and the central moments of order 2, 3, ...: the same recursion, turned round."""
    moments, cumulants = [1.0, 0.0, *central], [0.0]
    for n in range(2, len(moments)):
        rest = sum(comb(n - 1, i - 1) * cumulants[i - 1] * moments[n - i] for i in range(1, n))
        cumulants.append(moments[n] - rest)
    return (mean, *cumulants[1:])


def tilts_of(integrand: Integrand, keys: Iterable[Key]) -> Tilts | None:
    """The tilted laws that the expectations of ``keys`` need, of one factor; None without a road.

    Args:
        integrand: the factor's pair; its terms are not looked at.
        keys: (power, rate) of each.
    """
    most: dict[float, int] = {0.0: 1}
    for power, rate in keys:
        most[rate] = max(most.get(rate, 0), power)
    terms = {(rate, power): Term(_term(power, rate)) for rate, top in most.items() for power in range(-1, top + 1)}
    asked = replace(integrand, terms=tuple(terms.values()))
    points = points_of(asked)
    if points is None:
        return None
    sums = _Sums.of(asked, points, tuple(terms))
    return Tilts({rate: sums.tilt(rate, top) for rate, top in most.items()}, points.road)


def _term(power: int, rate: float) -> Function:
    """L^j e^(kL); e^(kL) − 1 for power −1."""
    if power < 0:
        return lambda log_ratio: (rate * log_ratio).expm1()
    if rate == 0:
        return lambda log_ratio: log_ratio**power
    if power == 0:
        return lambda log_ratio: (rate * log_ratio).exp()
    return lambda log_ratio: log_ratio**power * (rate * log_ratio).exp()


@dataclass(frozen=True)
class _Sums:
    """What the tilted laws of one factor are summed from.

    Args:
        log_ratio: L at each point [n].
        log_shares: log |term| · mass of each term at each point [K, n].
        signs: the sign of each term there [K, n].
        exists, errors: whether the expectation of each term exists, and its relative error [K].
        rounding: how far rounding may move L at each point [n].
        index: (rate, power) -> number of the term.
    """

    log_ratio: Tensor
    log_mass: Tensor
    log_shares: Tensor
    signs: Tensor
    exists: Sequence[bool]
    errors: Sequence[float]
    rounding: Tensor
    index: Mapping[tuple[float, int], int]

    @staticmethod
    def of(integrand: Integrand, points: Points, names: Sequence[tuple[float, int]]) -> _Sums:
        summands = integrand.moments(points.x)
        rows = summands.rows + points.log_measure
        count = len(names)
        error = points.error[0] + _carried(summands.extension_error(), rows[1 : 1 + count])
        log_ratio, rounding = integrand.log_ratio(points.x), integrand.log_ratio.rounding(points.x)
        sums = _Sums(
            log_ratio=log_ratio,
            log_mass=rows[0],
            log_shares=rows[1 : 1 + count],
            signs=summands.values.sign(),
            exists=points.converges[0].bool().tolist(),
            errors=error.tolist(),
            rounding=rounding,
            index={name: number for number, name in enumerate(names)},
        )
        return sums.without_rounding() if sums.is_rounding() else sums

    def is_rounding(self) -> bool:
        """Whether L is nothing but rounding: q and p are the same distribution."""
        mass = self.log_mass.exp()
        return bool((mass * self.log_ratio.abs()).nan_to_num(posinf=inf).sum() <= (mass * self.rounding).sum())

    def without_rounding(self) -> _Sums:
        """The same with L = 0."""
        nothing = torch.zeros_like(self.log_ratio)
        return replace(self, log_ratio=nothing, signs=torch.zeros_like(self.signs))

    def tilt(self, rate: float, most: int) -> Tilt:
        """The law tilted by e^(rate · L), with its cumulants as far as they exist and are asked for."""
        powers = next((power - 1 for power in range(most + 1) if not self.exists[self.index[rate, power]]), most)
        if powers < 0:
            return Tilt(inf, inf, (), (), -1, 0.0)
        log_mass, log_mass_error, log_share = self._mass(rate)
        share = (log_share - log_share.logsumexp(0)).exp()
        kept = share > 0
        share, log_ratio = share[kept], self.log_ratio[kept]
        mean = float((share * log_ratio).sum()) if powers else 0.0
        away = log_ratio - mean
        central = [float((share * away**power).sum()) for power in range(2, powers + 1)]
        sizes = [float((share * log_ratio.abs()).sum()), *(float((share * away.abs() ** n).sum()) for n in range(2, powers + 1))]
        errors = [self._error(rate, power) * size for power, size in enumerate(sizes[:powers], start=1)]
        cumulants = cumulants_of(mean, central) if powers else ()
        rounding = float((share * self.rounding[kept]).sum())
        return Tilt(log_mass, log_mass_error, cumulants, tuple(errors), powers, rounding)

    def _mass(self, rate: float) -> tuple[float, float, Tensor]:
        """(log E[e^(kL)], a bound of its error, the logarithm of each point's share of it [n])."""
        if rate == 0:
            return 0.0, 0.0, self.log_mass
        excess, whole = self.index[rate, -1], self.index[rate, 0]
        shares = self.log_shares[excess].exp()
        above, size = float((self.signs[excess] * shares).sum()), float(shares.sum())
        error = self._error(rate, -1) * size
        log_shares = self.log_shares[whole] if self.log_ratio.any() else self.log_mass
        if abs(above) > _LARGE / 2:
            return float(log_shares.logsumexp(0)), self._error(rate, 0), log_shares
        return log1p(above), error / (1 + above), log_shares

    def _error(self, rate: float, power: int) -> float:
        """The relative error of a term's expectation."""
        return self.errors[self.index[rate, power]] + _SUM_ROUNDING


def _carried(extension: Tensor, rows: Tensor) -> Tensor:
    """What carrying values on beyond where they can be computed adds to the relative error of each term [K]."""
    return (extension * rows.softmax(dim=1)).nan_to_num(0.0).sum(dim=1)


def _times(tilt: Tilt, copies: int) -> Tilt:
    return Tilt(
        copies * tilt.log_mass,
        copies * tilt.log_mass_error,
        tuple(copies * cumulant for cumulant in tilt.cumulants),
        tuple(copies * error for error in tilt.errors),
        tilt.powers,
        copies * tilt.rounding,
    )


def _plus(one: Tilt, other: Tilt) -> Tilt:
    powers = min(one.powers, other.powers)
    return Tilt(
        one.log_mass + other.log_mass,
        one.log_mass_error + other.log_mass_error,
        tuple(a + b for a, b in zip(one.cumulants[:powers], other.cumulants[:powers], strict=True)),
        tuple(a + b for a, b in zip(one.errors[:powers], other.errors[:powers], strict=True)),
        powers,
        one.rounding + other.rounding,
    )
