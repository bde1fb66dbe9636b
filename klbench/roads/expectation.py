"""Expectations of finite sums under laws of L = log_ratio: whether they exist, what they are, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, isfinite, nan

from klbench.distributions.distribution import Distribution
from klbench.roads.expansion import CONSTANT, Sum, sign_far_out, without_constant
from klbench.roads.independent import independent
from klbench.roads.points import LARGEST
from klbench.roads.tilted_factor import tilts_of
from klbench.roads.tilts import ARITHMETIC, Number, Tilts


def laws_for(q: Distribution, p: Distribution, values: Sequence[Sum]) -> Tilts | None:
    """The laws of the sum of all factors' L that the expectations of ``values`` need; None without a road."""
    parts = independent(q, p)
    if parts is None:
        return None
    needed = frozenset(key for value in values for key in value)
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
    scale = max((part.log_scale for _, part in parts if part.log_scale > -inf), default=0.0)
    total = error = 0.0
    for coefficient, part in parts:
        unit = coefficient * exp(part.log_scale - scale)
        total += unit * part.value
        error += abs(unit) * part.error
    largest = sum(abs(c * part.value) * exp(part.log_scale - scale) for c, part in parts)
    return Number(total, error + ARITHMETIC * largest, scale)


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
    return exp(value) if value < LARGEST else inf
