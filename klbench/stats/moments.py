"""Streaming moments: what a block of values leaves behind, and how two blocks become one.

Everything klbench reports of a sample (mean, standard deviation, their errors, the regressed mean) is a function of
sums: of the first four powers of each value about a fixed shift, and of its products with the controls. Sums merge by
addition, so ``merge`` is a law: halves merged are the whole. The shift, the mean of a pilot sample, keeps the powers
from cancelling; it belongs to the case and never changes during a run. Sums are float64 whatever the values' dtype.

The accumulator is this loop, and nothing else::

    moments = empty(shift, controls)
    for block in blocks:                     # in block order, whoever computed them
        moments = moments.merge(of(block))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, nan, sqrt

import numpy as np
import torch
from torch import Tensor

from klbench.stats.estimate import Estimate, over_square, power
from klbench.stats.joint import Joint, products
from klbench.stats.tail import Largest, khat
from klbench.tolerances import CONSTANT_ROUNDING

POWERS = 4


@dataclass(frozen=True)
class Moments:
    """Sums over ``count`` samples of K values.

    Args:
        count: the number of samples.
        shift: what was subtracted from each value [K].
        sums: Σ (v − shift)^n for n = 1..4, then Σ (v − shift)(c − shift_c) for each control value [4 + C, K].
        counts: how many of the values are below 0, and how many are infinite or NaN [2, K].
        joint: sums of products with the value beside each [4, K], where some have one; else [0].
    """

    count: int
    shift: Tensor
    sums: Tensor
    counts: Tensor
    joint: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))

    def merge(self, other: Moments) -> Moments:
        """The moments of both samples together. Both must have the same shift."""
        return Moments(
            self.count + other.count,
            self.shift,
            self.sums + other.sums,
            self.counts + other.counts,
            self.joint + other.joint,
        )

    @property
    def powers(self) -> Tensor:
        """Σ (v − shift)^n for n = 1..4 [4, K]."""
        return self.sums[:POWERS]

    @property
    def cross(self) -> Tensor:
        """Σ (v − shift)(c − shift_c) for each of the C control values [C, K]."""
        return self.sums[POWERS:]

    @property
    def negative(self) -> Tensor:
        """How many values are below 0 [K]."""
        return self.counts[0]

    @property
    def nonfinite(self) -> Tensor:
        """How many values are infinite or NaN [K]."""
        return self.counts[1]

    def central(self, index: int) -> Central:
        """The mean and the central moments of one value, biased by O(1/count) as plug-in estimates are."""
        raw = (self.powers[:, index] / self.count).tolist()
        return Central.about(float(self.shift[index]), raw, self.count)

    def joint_with(self, index: int, other: int) -> Joint:
        """What a value has in common with the one beside it, which is ``other``."""
        shifts = float(self.shift[index]), float(self.shift[other])
        raw = (self.joint[:, index] / self.count).tolist()
        return Joint.about(self.central(index), self.central(other), shifts, raw)

    def covariances(self, index: int, controls: Sequence[int]) -> tuple[Tensor, Tensor]:
        """(covariance matrix of the controls [C, C], covariance of each with the value [C]).

        ``controls`` are the indices of the control values among the K.
        """
        first = self.powers[0] / self.count
        # both about the shift: with the controls' means near it little cancels here
        everything = self.cross / self.count - first[list(controls)][:, None] * first[None, :]
        return everything[:, list(controls)], everything[:, index]


@dataclass(frozen=True)
class Central:
    """Mean, variance and fourth central moment of one value."""

    mean: float
    variance: float
    fourth: float
    count: int

    @staticmethod
    def about(shift: float, raw: Sequence[float], count: int) -> Central:
        """From the first four moments about ``shift``."""
        # about a shift near the mean these differences keep their digits
        m1, m2, m3, m4 = raw
        mean, variance = shift + m1, m2 - m1 * m1
        fourth = m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * power(m1, 4)
        # a constant: what is left is rounding
        if variance <= max(CONSTANT_ROUNDING * m2, power(CONSTANT_ROUNDING * mean, 2)):
            variance, fourth = 0.0, 0.0
        return Central(mean, variance, fourth, count)

    @property
    def stdev(self) -> float:
        """The standard deviation of one value, NaN where it is not a number or there is one sample."""
        return sqrt(self.variance * self.count / (self.count - 1)) if self.count > 1 and self.variance >= 0 else nan

    @property
    def mean_mcse(self) -> float:
        """The Monte Carlo standard error of the mean: stdev/√n."""
        return self.stdev / sqrt(self.count)

    @property
    def stdev_mcse(self) -> float:
        """The Monte Carlo standard error of the standard deviation, by the fourth moment."""
        if self.variance == 0:
            return 0.0 if self.count > 1 else nan
        return self.stdev * relative_error_of_stdev(over_square(self.fourth, self.variance), self.count)


@dataclass(frozen=True)
class SampledValue:
    """One value as sampled: its moments, the share of values below 0, how many are infinite or NaN, and the largest
    sizes, None where there is no tail to speak of."""

    central: Central
    negative_fraction: float
    nonfinite: int
    largest: Largest | None

    @property
    def count(self) -> int:
        """The number of samples."""
        return self.central.count

    @property
    def khat(self) -> float:
        """Pareto-k̂ of |value|."""
        return nan if self.largest is None else khat(self.largest)

    @property
    def mean(self) -> Estimate:
        """The mean in nats."""
        return Estimate(self.central.mean, self.central.mean_mcse)

    @property
    def noise(self) -> Estimate:
        """The standard deviation of one value."""
        return Estimate(self.central.stdev, self.central.stdev_mcse)

    def off(self, true: float) -> Estimate:
        """mean − true."""
        return Estimate(self.central.mean - true, self.central.mean_mcse)

    @property
    def vanished(self) -> SampledValue:
        """The same with 0 for what was measured, where all of that is rounding."""
        return SampledValue(Central(0.0, 0.0, 0.0, self.count), 0.0, self.nonfinite, None)


def relative_error_of_stdev(kurtosis: float, count: int) -> float:
    """The standard error of a sample standard deviation, in units of it.

    From Var(s²) = (μ₄ − σ⁴)/n + 2σ⁴/(n(n − 1)) by the delta method. The second term matters where the kurtosis is 1,
    as for a fair coin. NaN where there are fewer than two samples.
    """
    spread = (kurtosis - 1) / count + 2 / (count * (count - 1)) if count > 1 else nan
    # a kurtosis that rounding has left below 1 has no error to tell, and neither has NaN
    return sqrt(spread) / 2 if spread >= 0 else nan


def of(values: Sequence[Tensor], shift: Tensor, controls: int, beside: Sequence[int | None] | None = None) -> Moments:
    """The moments of one block, on the CPU whatever device the values are on.

    Args:
        values: K tensors [n]; the first ``controls`` of them are the controls.
        shift: [K] float64, finite.
        controls: C.
        beside: for each value the index of the one that it is compared with, None for none.
    """
    centred = [_centred(value, centre) for value, centre in zip(values, shift.tolist(), strict=True)]
    sums = _sums(centred, controls)
    nonfinite = [_count_nonfinite(value, total) for value, total in zip(values, sums[0].tolist(), strict=True)]
    negative = [_count_negative(value) for value in values]
    found = Moments(len(values[0]), shift, sums, torch.tensor([negative, nonfinite]))
    return found if beside is None else replace(found, joint=products(centred, beside))


def _centred(value: Tensor, centre: float) -> Tensor:
    # float64 first: in bfloat16 the difference would be rounded once more
    return value.double() - centre if centre else value.double()


def _sums(centred: Sequence[Tensor], controls: int) -> Tensor:
    """The power sums, then the products with each control [4 + C, K], brought to the CPU in one piece."""
    powers = [_power_sums(value) for value in centred]
    products = {(i, j): torch.dot(centred[i], centred[j]) for i in range(controls) for j in range(i + 1, len(centred))}
    cross = [
        [powers[i][1] if i == j else products[min(i, j), max(i, j)] for j in range(len(centred))]
        for i in range(controls)
    ]
    rows = [*zip(*powers, strict=True), *cross]
    return torch.stack([sums for row in rows for sums in row]).view(POWERS + controls, -1).cpu()


def _power_sums(value: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    square = value * value
    # dot: the third and the fourth powers are added up without an array of either
    return value.sum(), square.sum(), torch.dot(square, value), torch.dot(square, square)


def _count_negative(value: Tensor) -> int:
    # NumPy compares and counts several times as fast as torch does on the CPU
    return int(np.count_nonzero(value.numpy() < 0)) if value.is_cpu else int((value < 0).sum())


def _count_nonfinite(value: Tensor, total: float) -> int:
    # a finite sum has only finite terms, so nearly every block is spared the pass over its values
    return 0 if isfinite(total) else int((~value.isfinite()).sum())
