"""A measured number with its error."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan


@dataclass(frozen=True)
class Estimate:
    """A measured number with its Monte Carlo standard error; NaN for what does not exist."""

    value: float = nan
    mcse: float = nan

    def times(self, factor: float) -> Estimate:
        """The same in other units."""
        return Estimate(self.value * factor, self.mcse * factor)
