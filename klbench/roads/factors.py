"""The exact road for independent factors: copies of one distribution, and two Gaussians of several dimensions.

There is no mesh in a hundred dimensions. But L = log_ratio is then a sum of independent ones, and a value that is a
finite sum of a L^j e^(kL) has moments that follow from the factors' own (``klbench.roads.tilts``). Its square and its
fourth power are such sums as well, and so are its variance and kurtosis. What cancels beyond use is not given.
"""

from __future__ import annotations

from math import inf, log, nan

from klbench.estimators.term import Expansion, Term
from klbench.roads.expansion import Sum, from_declared, less, product
from klbench.roads.expectation import (
    ANY,
    error_of,
    expectation,
    exponential,
    infinity,
    laws_for,
    plain,
    rounding_of_mean,
)
from klbench.roads.integrand import Integrand
from klbench.roads.points import ACCURACY, ROUGHLY, Exact
from klbench.roads.tilts import Number, Tilts


def factors_road(integrand: Integrand) -> Exact | None:
    """The exact moments of an integrand's one term; None where it is no finite sum, or the factors have no road."""
    (term,) = integrand.terms
    if not isinstance(term, Term) or term.expansion is None:
        return None
    if integrand.log_weight is not None or integrand.factor is not None:
        return None
    value = less(from_declared(term.expansion, ANY), ANY)
    square = product(value, value)
    laws = laws_for(integrand.q, integrand.p, [value, square, product(square, square)])
    return None if laws is None else _exact(term.expansion, laws)


def _exact(expansion: Expansion, laws: Tilts) -> Exact:
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
    known = fourth.error < ROUGHLY * fourth.value
    kurtosis = exponential(log(fourth.value) + fourth.log_scale - 4 * log_stdev) if known else nan
    return Exact(value, stdev, kurtosis, size, laws.road, rounding)
