"""Finite sums of powers and exponentials of L = log_ratio, multiplied and shifted as polynomials are.

A term is known by its key (j, k): L^j e^(kL) where j > 0, e^(kL) − 1 where j = 0 and k is not 0, and the constant 1 at
(0, 0). With e^(kL) − 1 in place of e^(kL) every term is small where L is, so that little cancels where q is close to p.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import comb, copysign

from klbench.estimators.term import Expansion

Key = tuple[int, float]
"""(power j, rate k)."""

Sum = dict[Key, float]
"""The coefficient of each key; none is 0."""

CONSTANT: Key = (0, 0.0)
_DIGITS = 12
"""Rates are sums of those an estimator declares: rounded so far, equal ones meet whatever the order of adding."""


def from_declared(declared: Expansion, centre: float) -> Sum:
    """A declared expansion in ℓ = L − centre in place of L."""
    return _gathered(
        part for coefficient, power, rate in declared for part in _shifted(coefficient, power, _rate(rate), centre)
    )


def less(value: Sum, constant: float) -> Sum:
    """value − constant."""
    return _gathered([*value.items(), (CONSTANT, -constant)])


def combined(values: Sequence[Sum], coefficients: Sequence[float]) -> Sum:
    """Σ coefficient · value."""
    parts = zip(values, coefficients, strict=True)
    return _gathered((key, factor * a) for value, factor in parts for key, a in value.items())


def product(first: Sum, second: Sum) -> Sum:
    """first · second."""
    return _gathered(
        (key, sign * a * b)
        for one, a in first.items()
        for other, b in second.items()
        for key, sign in _product_of_keys(one, other)
    )


def without_constant(value: Sum) -> Mapping[Key, float]:
    """The terms that vary."""
    return {key: coefficient for key, coefficient in value.items() if key != CONSTANT}


def sign_far_out(value: Sum, side: int) -> float:
    """The sign of the value as L goes to +∞ (side 1) or −∞ (side −1)."""
    (power, _), coefficient = max(value.items(), key=lambda item: (side * item[0][1], item[0][0]))
    return copysign(1.0, coefficient) * float(side**power)


def _shifted(coefficient: float, power: int, rate: float, centre: float) -> Iterator[tuple[Key, float]]:
    if power == 0:
        yield (0, rate), coefficient
        return
    for left in range(power + 1):
        share = coefficient * comb(power, left) * centre ** (power - left)
        yield (left, rate), share
        if left == 0 and rate != 0:  # e^(kL) is e^(kL) − 1, and 1
            yield CONSTANT, share


def _product_of_keys(one: Key, other: Key) -> Iterator[tuple[Key, float]]:
    """The product of two terms as a sum of terms with their signs."""
    together = (one[0] + other[0], _rate(one[1] + other[1]))
    if CONSTANT in (one, other):
        yield together, 1.0
        return
    if together != CONSTANT:  # (e^(kL) − 1) with k = 0 is no constant but 0
        yield together, 1.0
    if one[0] == 0:
        yield other, -1.0
    if other[0] == 0:
        yield one, -1.0


def _rate(rate: float) -> float:
    # + 0.0 makes 0 of −0.0, so that a rate has one way to be written
    return round(rate, _DIGITS) + 0.0


def _gathered(parts: Iterator[tuple[Key, float]] | list[tuple[Key, float]]) -> Sum:
    total: Sum = {}
    for key, coefficient in parts:
        total[key] = total.get(key, 0.0) + coefficient
    return {key: coefficient for key, coefficient in total.items() if coefficient != 0}
