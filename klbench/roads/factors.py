"""The exact road for independent factors: copies of one distribution, and two Gaussians of several dimensions.

There is no mesh in a hundred dimensions. But L = log_ratio is then a sum of independent ones, and a value that is a
finite sum of a L^j e^(kL) has moments that follow from the factors' own (``klbench.roads.tilts``). Its square and its
fourth power are such sums as well, and so are its variance and kurtosis. What cancels beyond use is not given.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, isfinite, log, nan
from typing import TYPE_CHECKING

from klbench.distributions.distribution import Distribution
from klbench.estimators.term import Expansion, Term
from klbench.roads.exact_moments import Exact
from klbench.roads.expansion import CONSTANT, Key, Sum, from_declared, less, product, sign_far_out, without_constant
from klbench.roads.independent import independent
from klbench.roads.tilted_factor import tilts_of
from klbench.roads.tilts import Number, Tilts
from klbench.tolerances import ACCURACY, ARITHMETIC_ROUNDING, FOURTH_ACCURACY, LOG_LARGEST

if TYPE_CHECKING:
    from klbench.roads.integrand import Integrand


def factors_road(integrand: Integrand) -> Exact | None:
    """The exact moments of an integrand's one term; None where it is no finite sum, or the factors have no road."""
    (term,) = integrand.terms
    if not isinstance(term, Term) or term.expansion is None:
        return None
    if integrand.pair.sampler is not None or integrand.factor is not None:
        return None
    laws = _laws_of(integrand.pair.q, integrand.pair.p, keys_of(term.expansion))
    return None if laws is None else exact_of_tilts(term.expansion, laws)


def keys_of(expansion: Expansion) -> frozenset[Key]:
    """The terms whose expectations are needed for mean, variance and kurtosis."""
    value = less(from_declared(expansion, ANY), ANY)
    square = product(value, value)
    return frozenset(key for each in (value, square, product(square, square)) for key in each)


def exact_of_tilts(expansion: Expansion, laws: Tilts) -> Exact:
    """The exact moments of a finite sum of powers and exponentials of L, from the tilted laws of L."""
    value = from_declared(expansion, laws.centre)
    infinite = infinity(value, laws)
    if infinite is not None:
        return Exact(infinite, inf, inf, inf, laws.road)
    mean, rounding = expectation(value, laws), rounding_of_mean(value, laws)
    size = abs(plain(mean))
    if laws.constant:
        return Exact(plain(mean), 0.0, nan, size, laws.road, rounding)
    about = less(value, plain(mean))
    square = product(about, about)
    if infinity(square, laws) is not None:
        known = error_of(mean) < ACCURACY * size
        return Exact(plain(mean) if known else nan, inf, inf, size, laws.road, rounding)
    return _from_variance(mean, square, laws, rounding)


def _from_variance(mean: Number, square: Sum, laws: Tilts, rounding: float) -> Exact:
    """The moments where the variance, the expectation of ``square``, exists."""
    variance, value = expectation(square, laws), plain(mean)
    if variance.error == 0 == variance.value:  # r is 0 all over
        return Exact(value, 0.0, nan, abs(value), laws.road, rounding)
    if not variance.error < ACCURACY * variance.value:
        size = max(abs(value), exponential((log(variance.error) + variance.log_scale) / 2))
        return Exact(value if error_of(mean) < ACCURACY * abs(value) else nan, nan, nan, size, laws.road, rounding)
    log_stdev = (log(variance.value) + variance.log_scale) / 2
    stdev = exponential(log_stdev)
    size = max(abs(value), stdev)
    if not error_of(mean) < ACCURACY * size:
        return Exact(nan, nan, nan, size, laws.road, rounding)
    fourth_power = product(square, square)
    if infinity(fourth_power, laws) is not None:
        return Exact(value, stdev, inf, size, laws.road, rounding)
    fourth = expectation(fourth_power, laws)
    known = fourth.error < FOURTH_ACCURACY * fourth.value
    kurtosis = exponential(log(fourth.value) + fourth.log_scale - 4 * log_stdev) if known else nan
    return Exact(value, stdev, kurtosis, size, laws.road, rounding)


def laws_for(q: Distribution, p: Distribution, values: Sequence[Sum]) -> Tilts | None:
    """The laws of the sum of all factors' L that the expectations of ``values`` need; None without a road."""
    return _laws_of(q, p, frozenset(key for value in values for key in value))


def _laws_of(q: Distribution, p: Distribution, needed: frozenset[Key]) -> Tilts | None:
    parts = independent(q, p)
    if parts is None:
        return None
    whole: Tilts | None = None
    for one_q, one_p, copies in parts:
        one = tilts_of(one_q, one_p, needed)
        if one is None:
            return None
        many = one.times(copies)
        whole = many if whole is None else whole.plus(many)
    return whole


def infinity(value: Sum, laws: Tilts) -> float | None:
    """The infinity the mean of a value goes to, NaN where it goes to both, None where it exists.

    Under q no e^(kL) with 0 ≤ k ≤ 1 is infinite, so that what is with k > 0 is so for L → ∞, with k ≤ 0 for L → −∞.
    """
    beyond = [key for key in without_constant(value) if not laws.exists(key)]
    sides = {1 if rate > 0 else -1 for _, rate in beyond}
    signs = {sign_far_out(value, side) for side in sides}
    if not signs:
        return None
    return inf * signs.pop() if len(signs) == 1 else nan


def expectation(value: Sum, laws: Tilts) -> Number:
    """E of a sum whose terms all exist, in units of the largest exponential in it."""
    parts = [(coefficient, laws.expectation(key)) for key, coefficient in value.items()]
    # in units of the largest exponential, so that none of the others can overflow
    scale = max((part.log_scale for _, part in parts if part.log_scale > -inf), default=0.0)
    total = error = 0.0
    for coefficient, part in parts:
        unit = coefficient * exp(part.log_scale - scale)
        total += unit * part.value
        error += abs(unit) * part.error
    largest = sum(abs(c * part.value) * exp(part.log_scale - scale) for c, part in parts)
    return Number(total, error + ARITHMETIC_ROUNDING * largest, scale)


def rounding_of_mean(value: Sum, laws: Tilts) -> float:
    """How far rounding of the log-densities may move the mean, to first order in each term's own."""
    total = 0.0
    for (power, rate), coefficient in value.items():
        if (power, rate) != CONSTANT:
            tilt = laws.by_rate[rate]
            total += abs(coefficient) * max(power, abs(rate)) * tilt.rounding * exponential(tilt.log_mass)
    return total if isfinite(total) else 0.0


ANY = 0.7236
"""A centre and a mean like any other: what matters of them is which terms they bring."""


def plain(number: Number) -> float:
    """The number itself; infinite where float64 does not hold it."""
    return number.value * exponential(number.log_scale)


def error_of(number: Number) -> float:
    """The bound of its error."""
    return number.error * exponential(number.log_scale)


def exponential(value: float) -> float:
    """e^value; infinite where float64 does not hold it."""
    return exp(value) if value < LOG_LARGEST else inf
