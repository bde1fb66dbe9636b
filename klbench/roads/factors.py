"""The exact road for independent factors: copies of one distribution, and two Gaussians of several dimensions.

There is no mesh in a hundred dimensions. But L = log_ratio is then a sum of independent ones, and a value that is a
finite sum of a L^j e^(kL) has moments that follow from the factors' own (``klbench.roads.tilts``). Its square and its
fourth power are such sums as well, and so are its variance and kurtosis. What cancels beyond use is not given.
"""

from __future__ import annotations

from math import exp, inf, isfinite, log, nan

from klbench.estimators.term import Expansion, Term
from klbench.roads.expansion import (
    CONSTANT,
    Key,
    Sum,
    from_declared,
    less,
    product,
    sign_far_out,
    without_constant,
)
from klbench.roads.independent import Factors, independent
from klbench.roads.integrand import Integrand
from klbench.roads.points import ACCURACY, LARGEST, ROUGHLY, Exact
from klbench.roads.tilted_factor import tilts_of
from klbench.roads.tilts import Number, Tilts


def factors_road(integrand: Integrand) -> Exact | None:
    """The exact moments of an integrand's one term; None where it is no finite sum, or the factors have no road."""
    (term,) = integrand.terms
    if not isinstance(term, Term) or term.expansion is None or integrand.log_weight is not None:
        return None
    if integrand.factor is not None:
        return None
    parts = independent(integrand.q, integrand.p)
    if parts is None:
        return None
    value = less(from_declared(term.expansion, _ANY), _ANY)
    square = product(value, value)
    needed = frozenset(key for each in (value, square, product(square, square)) for key in each)
    laws = _laws(parts, needed)
    return None if laws is None else _exact(term.expansion, laws)


def _laws(parts: Factors, needed: frozenset[Key]) -> Tilts | None:
    """The laws of the sum of all factors' L; None where one factor has no road."""
    whole: Tilts | None = None
    for q, p, copies in parts:
        one = tilts_of(q, p, needed)
        if one is None:
            return None
        many = one.times(copies)
        whole = many if whole is None else whole.plus(many)
    return whole


def _exact(expansion: Expansion, laws: Tilts) -> Exact:
    value = from_declared(expansion, laws.centre)
    infinite = _infinity(value, laws)
    if infinite is not None:
        return Exact(infinite, inf, inf, inf, laws.road)
    mean, rounding = _expectation(value, laws), _rounding(value, laws)
    size = abs(_plain(mean))
    if laws.constant:
        return Exact(_plain(mean), 0.0, nan, size, laws.road, rounding)
    about = less(value, _plain(mean))
    square = product(about, about)
    if _infinity(square, laws) is not None:
        known = _error(mean) < ACCURACY * size
        return Exact(_plain(mean) if known else nan, inf, inf, size, laws.road, rounding)
    return _from_variance(mean, square, laws, rounding)


def _from_variance(mean: Number, square: Sum, laws: Tilts, rounding: float) -> Exact:
    """The moments where the variance, the expectation of ``square``, exists."""
    variance, value = _expectation(square, laws), _plain(mean)
    if not variance.error < ACCURACY * variance.value:
        size = max(abs(value), _exp((log(variance.error) + variance.log_scale) / 2))
        return Exact(value if _error(mean) < ACCURACY * abs(value) else nan, nan, nan, size, laws.road, rounding)
    log_stdev = (log(variance.value) + variance.log_scale) / 2
    stdev = _exp(log_stdev)
    size = max(abs(value), stdev)
    if not _error(mean) < ACCURACY * size:
        return Exact(nan, nan, nan, size, laws.road, rounding)
    fourth_power = product(square, square)
    if _infinity(fourth_power, laws) is not None:
        return Exact(value, stdev, inf, size, laws.road, rounding)
    fourth = _expectation(fourth_power, laws)
    known = fourth.error < ROUGHLY * fourth.value
    kurtosis = _exp(log(fourth.value) + fourth.log_scale - 4 * log_stdev) if known else nan
    return Exact(value, stdev, kurtosis, size, laws.road, rounding)


def _infinity(value: Sum, laws: Tilts) -> float | None:
    """The infinity the mean of a value goes to, NaN where it goes to both, None where it exists.

    Under q no e^(kL) with 0 ≤ k ≤ 1 is infinite, so that what is with k > 0 is so for L → ∞, with k ≤ 0 for L → −∞.
    """
    beyond = [key for key in without_constant(value) if not laws.exists(key)]
    sides = {1 if rate > 0 else -1 for _, rate in beyond}
    signs = {sign_far_out(value, side) for side in sides}
    if not signs:
        return None
    return inf * signs.pop() if len(signs) == 1 else nan


def _expectation(value: Sum, laws: Tilts) -> Number:
    """E of a sum whose terms all exist, in units of the largest exponential in it."""
    parts = [(coefficient, laws.expectation(key)) for key, coefficient in value.items()]
    scale = max((part.log_scale for _, part in parts), default=0.0)
    total = error = 0.0
    for coefficient, part in parts:
        unit = coefficient * exp(part.log_scale - scale)
        total += unit * part.value
        error += abs(unit) * part.error
    largest = sum(abs(c * part.value) * exp(part.log_scale - scale) for c, part in parts)
    return Number(total, error + _ADDING * largest, scale)


def _rounding(value: Sum, laws: Tilts) -> float:
    """How far rounding of the log-densities may move the mean, to first order in each term's own."""
    total = 0.0
    for (power, rate), coefficient in value.items():
        if (power, rate) != CONSTANT:
            tilt = laws.by_rate[rate]
            total += abs(coefficient) * max(power, abs(rate)) * tilt.rounding * _exp(tilt.log_mass)
    return total if isfinite(total) else 0.0


_ADDING = 4e-16
_ANY = 0.7236
"""A centre and a mean like any other: what matters of them is which terms they bring."""


def _plain(number: Number) -> float:
    return number.value * _exp(number.log_scale)


def _error(number: Number) -> float:
    return number.error * _exp(number.log_scale)


def _exp(value: float) -> float:
    return exp(value) if value < LARGEST else inf
