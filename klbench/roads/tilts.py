"""The law of L = log_ratio under q tilted by e^(kL), for one factor and for independent factors together.

E[e^(kL)] of a sum of independent L is the product of theirs, and under the tilted law the factors stay independent: the
cumulants of L are the sums of theirs. From both follows every E[L^j e^(kL)], without a sum over the factors' atoms.
Everything is told with a bound of its error, since what is added up from it may cancel.

Source: McCullagh (1987), Tensor Methods in Statistics, chapter 2 (moments from cumulants); Esscher (1932), the tilt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, exp, expm1, inf

from klbench.roads.expansion import CONSTANT, Key
from klbench.tolerances import ARITHMETIC_ROUNDING, LOG_KEPT_APART


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
        log_mass: log E[e^(kL)].
        log_mass_error: a bound of its error, that of the untilted mean of L apart: it is the same in every law, as if p
            were another by as much, and cancels where they do.
        cumulants: of L less its untilted mean (less 0 where it has none), the first J.
        errors: a bound of the error of each, again apart from that of the untilted mean.
        powers: how many moments of L exist under the tilted law; −1 where E[e^(kL)] is infinite.
        rounding: how far rounding of log-densities may move the mean of L, nats.
    """

    log_mass: float
    log_mass_error: float
    cumulants: tuple[float, ...]
    errors: tuple[float, ...]
    powers: int
    rounding: float

    def moment(self, power: int) -> Number:
        """E[ℓ^j e^(kL)], ℓ = L − its untilted mean."""
        sizes = [abs(cumulant) for cumulant in self.cumulants]
        # with every cumulant's size nothing cancels: the same sum bounds what rounding can move
        value, size = raw_moment(self.cumulants, power), raw_moment(sizes, power)
        widest = raw_moment([a + b for a, b in zip(sizes, self.errors, strict=True)], power)
        return Number(value, (widest - size) + (ARITHMETIC_ROUNDING + self.log_mass_error) * size, self.log_mass)

    def excess(self) -> Number:
        """E[e^(kL)] − 1."""
        if self.log_mass <= LOG_KEPT_APART:
            # expm1 keeps the digits of a small log_mass, which exp − 1 loses
            value = expm1(self.log_mass)
            return Number(value, exp(self.log_mass) * self.log_mass_error + ARITHMETIC_ROUNDING * abs(value))
        # e^log_mass may overflow: it is taken out of the number, and 1 becomes e^-log_mass
        return Number(1 - exp(-self.log_mass), self.log_mass_error + ARITHMETIC_ROUNDING, self.log_mass)

    def times(self, copies: int) -> Tilt:
        """The same for the sum of independent copies."""
        return Tilt(
            copies * self.log_mass,
            copies * self.log_mass_error,
            tuple(copies * cumulant for cumulant in self.cumulants),
            tuple(copies * error for error in self.errors),
            self.powers,
            copies * self.rounding,
        )

    def plus(self, other: Tilt) -> Tilt:
        """The same for the sum of two independent L."""
        powers = min(self.powers, other.powers)
        if powers < 0:
            return INFINITE
        return Tilt(
            self.log_mass + other.log_mass,
            self.log_mass_error + other.log_mass_error,
            tuple(a + b for a, b in zip(self.cumulants[:powers], other.cumulants[:powers], strict=True)),
            tuple(a + b for a, b in zip(self.errors[:powers], other.errors[:powers], strict=True)),
            powers,
            self.rounding + other.rounding,
        )


INFINITE = Tilt(inf, inf, (), (), -1, 0.0)


@dataclass(frozen=True)
class Tilts:
    """The laws of L by rate, 0 among them.

    Args:
        by_rate: the laws.
        centre: E L, 0 where it does not exist.
        road: the road they come from.
    """

    by_rate: Mapping[float, Tilt]
    centre: float
    road: str

    def exists(self, key: Key) -> bool:
        """Whether the expectation of a term exists."""
        return key[0] <= self.by_rate[key[1]].powers

    def expectation(self, key: Key) -> Number:
        """The expectation of a term in L − centre."""
        if key == CONSTANT:
            return Number(1.0)
        tilt = self.by_rate[key[1]]
        return tilt.excess() if key[0] == 0 else tilt.moment(key[0])

    @property
    def constant(self) -> bool:
        """Whether L is one number, as between two uniform densities or where q and p are the same."""
        cumulants = self.by_rate[0.0].cumulants
        return len(cumulants) > 1 and cumulants[1] == 0

    def times(self, copies: int) -> Tilts:
        """The same for the sum of independent copies."""
        return Tilts({rate: tilt.times(copies) for rate, tilt in self.by_rate.items()}, copies * self.centre, self.road)

    def plus(self, other: Tilts) -> Tilts:
        """The same for the sum of two independent L."""
        by_rate = {rate: tilt.plus(other.by_rate[rate]) for rate, tilt in self.by_rate.items()}
        return Tilts(by_rate, self.centre + other.centre, self.road)


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
