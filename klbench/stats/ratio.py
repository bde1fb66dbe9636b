"""A mean that is a ratio of two sums: of all tokens, where tokens of one sequence share an error.

With S a sequence's sum of token values and L its length, the mean of a token is Σ S / Σ L. Sequences are independent,
tokens are not, so its error is that of S − mean · L over sequences; and with Q the sum of squares the error of a
token's variance is that of Q − 2 mean S + (mean² − variance) L (the delta method on a ratio).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import torch
from torch import Tensor

from klbench.stats.estimate import Estimate
from klbench.stats.tail import Largest, khat
from klbench.tolerances import CONSTANT_ROUNDING


@dataclass(frozen=True)
class RatioSums:
    """Sums over ``count`` sequences of K token values v about a shift c.

    Args:
        count: the number of sequences.
        shift: c [K].
        first: Σ z [K, 3], z = (Σ (v − c), Σ (v − c)², L) of a sequence.
        second: Σ z zᵀ [K, 3, 3].
        counts: how many tokens are below 0, and how many are infinite or NaN [2, K].
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
    """One value of tokens as sampled: see ``SampledValue``, whose words it has.

    Args:
        sums: of all values.
        index: which of them.
        largest: the largest sizes of tokens; None where there is no tail to speak of.
    """

    sums: RatioSums
    index: int
    largest: Largest | None

    @property
    def count(self) -> int:
        """The number of sequences."""
        return self.sums.count

    @property
    def tokens(self) -> float:
        """The number of tokens."""
        return float(self.sums.first[self.index, 2])

    @property
    def nonfinite(self) -> int:
        """How many tokens' values are infinite or NaN."""
        return int(self.sums.counts[1, self.index])

    @property
    def negative_fraction(self) -> float:
        """The share of tokens whose value is below 0."""
        return int(self.sums.counts[0, self.index]) / self.tokens

    @property
    def khat(self) -> float:
        """Pareto-k̂ of a token's |value|."""
        return nan if self.largest is None else khat(self.largest)

    @property
    def mean(self) -> Estimate:
        """The mean over tokens, nats."""
        return Estimate(float(self.sums.shift[self.index]) + self._off, self._error((1.0, 0.0, -self._off)))

    @property
    def noise(self) -> Estimate:
        """The standard deviation of one token's value, every token counting alike."""
        variance = self._variance
        if not variance > 0:
            return Estimate(0.0 if variance == 0 else nan, 0.0 if variance == 0 and self.count > 1 else nan)
        error = self._error((-2 * self._off, 1.0, self._off * self._off - variance))
        return Estimate(sqrt(variance), error / (2 * sqrt(variance)))

    def off(self, true: float) -> Estimate:
        """mean − true."""
        mean = self.mean
        return Estimate(mean.value - true, mean.mcse)

    @property
    def vanished(self) -> SampledRatio:
        """The same with 0 for what was measured, where all of that is rounding."""
        # the lengths stay: there are as many tokens as there were
        kept = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
        nothing = torch.zeros_like(self.sums.counts)
        sums = RatioSums(
            self.count,
            torch.zeros_like(self.sums.shift),
            self.sums.first * kept,
            self.sums.second * torch.outer(kept, kept),
            torch.stack([nothing[0], self.sums.counts[1]]),
        )
        return SampledRatio(sums, self.index, None)

    @property
    def _off(self) -> float:
        """The mean less the shift."""
        return float(self.sums.first[self.index, 0]) / self.tokens

    @property
    def _variance(self) -> float:
        second = float(self.sums.first[self.index, 1]) / self.tokens
        variance = second - self._off * self._off
        mean = float(self.sums.shift[self.index]) + self._off
        # a constant: what is left is rounding
        if variance <= max(CONSTANT_ROUNDING * second, CONSTANT_ROUNDING * mean * (CONSTANT_ROUNDING * mean)):
            return 0.0
        return variance

    def _error(self, influence: tuple[float, float, float]) -> float:
        """The standard error of a ratio to the tokens, by what a sequence adds to it: influence · z, of mean 0."""
        n = self.count
        if n < 2:
            return nan
        along = torch.tensor(influence, dtype=torch.float64)
        first, second = self.sums.first[self.index], self.sums.second[self.index]
        mean = float(along @ first) / n
        variance = float(along @ second @ along) / n - mean * mean
        # the mean of a sequence's part is 0 by what the influence is: rounding may leave it below
        return sqrt(max(variance, 0.0) / (n - 1)) * n / self.tokens if variance == variance else nan
