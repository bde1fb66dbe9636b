"""A measured number with its error."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan


@dataclass(frozen=True)
class Estimate:
    """A measured number with its Monte Carlo standard error; NaN for what does not exist."""

    value: float = nan
    mcse: float = nan

    def times(self, factor: float) -> Estimate:
        """The same in other units."""
        return Estimate(self.value * factor, self.mcse * factor)


def power(number: float, exponent: int) -> float:
    """number^exponent for an even exponent; infinite where it overflows, where Python raises an error."""
    try:
        return float(number**exponent)
    except OverflowError:
        return inf


def over_square(number: float, divisor: float) -> float:
    """number / divisor², for a divisor above 0 whose square may leave float64."""
    square = power(divisor, 2)
    return number / square if 0 < square < inf else number / divisor / divisor
