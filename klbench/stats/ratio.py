"""A mean that is a ratio of sums over the samples: of all tokens, where tokens of one sequence share an error; of
weighted values over their weights.

Such a mean is a smooth function of the means of some features of a unit, and so is its noise. Units are independent, so
the error of either is that of the mean of its slopes times the features (the delta method), whatever the features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan, sqrt
from typing import Protocol

import torch
from torch import Tensor

from klbench.stats.estimate import Estimate
from klbench.stats.tail import Largest, khat
from klbench.tolerances import CONSTANT_ROUNDING

COUNT = 2
"""Where the number of a unit's values stands among its features."""


class Smooth(Protocol):
    """A mean and a variance as functions of means of features [F], of values about a centre."""

    @property
    def of_units(self) -> bool:
        """Whether the variance is one of n values, which is over n − 1."""

    def mean(self, means: Tensor, centre: float) -> Tensor:
        """The estimate."""

    def variance(self, means: Tensor, centre: float) -> Tensor:
        """The variance of one unit."""


@dataclass(frozen=True)
class RatioSums:
    """Sums over ``count`` units of the features of K values, F at most.

    Args:
        count: the number of units: draws, sequences, or groups of them.
        shift: what the values are taken about [K].
        first: Σ of the features [K, F], 0 where a value has fewer.
        second: Σ of their products [K, F, F].
        counts: how many values are below 0, and how many are infinite or NaN [2, K].
    """

    count: int
    shift: Tensor
    first: Tensor
    second: Tensor
    counts: Tensor

    def merge(self, other: RatioSums) -> RatioSums:
        """Both samples together."""
        return RatioSums(
            self.count + other.count,
            self.shift,
            self.first + other.first,
            self.second + other.second,
            self.counts + other.counts,
        )


@dataclass(frozen=True)
class SampledRatio:
    """One ratio as sampled: see ``SampledValue``, whose words it has.

    Args:
        sums: of all ratios.
        index: which of them.
        ratio: what it is of its features.
        largest: the largest sizes of values; None where there is no tail to speak of.
        is_nothing: whether all that was measured is rounding: then it is 0.
    """

    sums: RatioSums
    index: int
    ratio: Smooth
    largest: Largest | None
    is_nothing: bool = False

    @property
    def count(self) -> int:
        """The number of units."""
        return self.sums.count

    @property
    def tokens(self) -> float:
        """How many values there are: tokens where the mean is over tokens, elsewhere sequences or draws."""
        return float(self.sums.first[self.index, COUNT])

    @property
    def nonfinite(self) -> int:
        """How many values are infinite or NaN."""
        return int(self.sums.counts[1, self.index])

    @property
    def negative_fraction(self) -> float:
        """The share of values below 0."""
        return 0.0 if self.is_nothing else int(self.sums.counts[0, self.index]) / self.tokens

    @property
    def khat(self) -> float:
        """Pareto-k̂ of a |value|."""
        return nan if self.largest is None or self.is_nothing else khat(self.largest)

    @cached_property
    def mean(self) -> Estimate:
        """The estimate, nats."""
        return self._estimate(self._mean)

    @cached_property
    def noise(self) -> Estimate:
        """The standard deviation of one unit, of a token where the mean is over tokens; NaN for one alone."""
        if self.tokens <= 1:
            return Estimate()
        variance = self._estimate(self._variance)
        # a constant: what is left is rounding
        mean, off = CONSTANT_ROUNDING * self.mean.value, self._off_centre
        if variance.value <= max(mean * mean, CONSTANT_ROUNDING * off * off):
            return Estimate(0.0, 0.0 if self.count > 1 else nan)
        if not variance.value > 0:
            return Estimate()
        noise = Estimate(sqrt(variance.value), variance.mcse / (2 * sqrt(variance.value)))
        bessel = self.tokens / (self.tokens - 1) if self.ratio.of_units else 1.0
        return noise.times(sqrt(bessel))

    def off(self, true: float) -> Estimate:
        """mean − true."""
        return Estimate(self.mean.value - true, self.mean.mcse)

    @property
    def vanished(self) -> SampledRatio:
        """The same with 0 for what was measured, where all of that is rounding."""
        return replace(self, is_nothing=True)

    @property
    def _centre(self) -> float:
        return float(self.sums.shift[self.index])

    @property
    def _off_centre(self) -> float:
        """How far the estimate is from what it would be, were all values at their centre."""
        means = self._means.clone()
        means[0] = 0.0
        return self.mean.value - float(self._mean(means))

    def _mean(self, means: Tensor) -> Tensor:
        return self.ratio.mean(means, self._centre)

    def _variance(self, means: Tensor) -> Tensor:
        return self.ratio.variance(means, self._centre)

    @cached_property
    def _means(self) -> Tensor:
        return self.sums.first[self.index] / self.count

    def _estimate(self, function: Callable[[Tensor], Tensor]) -> Estimate:
        if self.is_nothing:
            return Estimate(0.0, 0.0)
        value, variance = with_variance(function, self._means, self.sums.second[self.index] / self.count)
        return Estimate(value, sqrt(variance / (self.count - 1)) if self.count > 1 else nan)


def with_variance(function: Callable[[Tensor], Tensor], means: Tensor, second: Tensor) -> tuple[float, float]:
    """(a function of the means [F] of features, n times the variance of it when these are means of n units).

    Args:
        function: smooth.
        means: of the features [F].
        second: the means of their products [F, F].
    """
    at = means.clone().requires_grad_()
    with torch.enable_grad():
        value = function(at)
        (slopes,) = torch.autograd.grad(value, at)
    along = float(slopes @ means)
    # of what is nearly a constant rounding may leave it below 0
    variance = float(slopes @ second @ slopes) - along * along
    return float(value.detach()), max(variance, 0.0) if variance == variance else nan
