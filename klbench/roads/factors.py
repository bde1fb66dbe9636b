"""The exact road for independent factors: copies of one distribution, and two Gaussians of several dimensions.

There is no mesh in a hundred dimensions. But L = log_ratio is then a sum of independent ones, and a value that is a
finite sum of a L^j e^(kL) has moments that follow from the factors' own (``klbench.roads.tilts``). Its square and its
fourth power are such sums as well, and so are its variance and kurtosis. What cancels beyond use is not given.
"""

from __future__ import annotations

from dataclasses import replace
from math import exp, inf, isfinite, log, nan, sqrt

from klbench.estimators.term import Term
from klbench.roads.expansion import (
    CONSTANT,
    Sum,
    from_declared,
    less,
    product,
    sign_far_out,
    without_constant,
)
from klbench.roads.independent import independent
from klbench.roads.integrand import Integrand
from klbench.roads.points import ACCURACY, LARGEST, ROUGHLY, ROUNDING, Exact
from klbench.roads.tilts import Number, Tilts, tilts_of


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
    needed = {key for each in (value, square, product(square, square)) for key in each}
    laws: Tilts | None = None
    for q, p, copies in parts:
        one = tilts_of(Integrand.of((), q, p), needed)
        if one is None:
            return None
        many = one.times(copies)
        laws = many if laws is None else laws.plus(many)
    return None if laws is None else _exact(term, laws)


def _exact(term: Term, laws: Tilts) -> Exact:
    assert term.expansion is not None
    untilted = laws.by_rate[0.0]
    centre = untilted.cumulants[0] if untilted.powers > 0 else 0.0
    value = from_declared(term.expansion, centre)
    infinite = _infinity(value, laws)
    if infinite is not None:
        return Exact(infinite, inf, inf, inf, laws.road)
    mean = _expectation(value, laws, centre)
    rounding = _rounding(value, laws)
    about = less(value, _plain(mean))
    square = product(about, about)
    if _infinity(square, laws) is not None:
        size = abs(_plain(mean))
        known = _error(mean) < ACCURACY * size
        return Exact(_plain(mean) if known else nan, inf, inf, size, laws.road, rounding)
    variance = _expectation(square, laws, centre)
    return _from_variance(mean, variance, square, laws, centre, rounding)


def _from_variance(
    mean: Number, variance: Number, square: Sum, laws: Tilts, centre: float, rounding: float
) -> Exact:
    log_stdev = (log(variance.value) + variance.log_scale) / 2 if variance.value > 0 else -inf
    stdev = _exp(log_stdev)
    size = max(abs(_plain(mean)), stdev)
    spread = _exp((log(max(variance.value, variance.error)) + variance.log_scale) / 2) if variance.error else stdev
    if spread <= ROUNDING * abs(_plain(mean)) or spread == 0:  # of a constant only rounding is left
        return Exact(_plain(mean), 0.0, nan, abs(_plain(mean)), laws.road, rounding)
    if not _error(mean) < ACCURACY * max(size, spread):
        return Exact(nan, nan, nan, size, laws.road, rounding)
    if not variance.error < ACCURACY * variance.value:
        return Exact(_plain(mean), nan, nan, size, laws.road, rounding)
    fourth_power = product(square, square)
    if _infinity(fourth_power, laws) is not None:
        return Exact(_plain(mean), stdev, inf, size, laws.road, rounding)
    fourth = _expectation(fourth_power, laws, centre)
    known = fourth.error < ROUGHLY * fourth.value
    kurtosis = _exp(log(fourth.value) + fourth.log_scale - 4 * log_stdev) if known else nan
    return Exact(_plain(mean), stdev, kurtosis, size, laws.road, rounding)


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


def _expectation(value: Sum, laws: Tilts, centre: float) -> Number:
    """E of a sum whose terms all exist, in units of the largest exponential in it."""
    parts = [(coefficient, laws.expectation(key, centre)) for key, coefficient in value.items()]
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
