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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt

import numpy as np
import torch
from torch import Tensor

POWERS = 4


@dataclass(frozen=True)
class Moments:
    """Sums over ``count`` samples of K values.

    Args:
        count: the number of samples.
        shift: what was subtracted from each value [K].
        powers: Σ (v − shift)^n for n = 1..4 [4, K].
        cross: Σ (v − shift)(c − shift_c) for each of the C control values [C, K].
        negative: how many values are below 0 [K].
        nonfinite: how many values are infinite or NaN [K].
    """

    count: int
    shift: Tensor
    powers: Tensor
    cross: Tensor
    negative: Tensor
    nonfinite: Tensor

    def merge(self, other: Moments) -> Moments:
        """The moments of both samples together. Both must have the same shift."""
        return Moments(
            self.count + other.count,
            self.shift,
            self.powers + other.powers,
            self.cross + other.cross,
            self.negative + other.negative,
            self.nonfinite + other.nonfinite,
        )

    def central(self, index: int) -> Central:
        """The mean and the central moments of one value, biased by O(1/count) as plug-in estimates are."""
        raw = (self.powers[:, index] / self.count).tolist()
        return Central.about(float(self.shift[index]), raw, self.count)

    def covariances(self, index: int, controls: Sequence[int]) -> tuple[Tensor, Tensor]:
        """(covariance matrix of the controls [C, C], covariance of each with the value [C]).

        ``controls`` are the indices of the control values among the K.
        """
        first = self.powers[0] / self.count
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
        m1, m2, m3, m4 = raw
        mean, variance = shift + m1, m2 - m1 * m1
        fourth = m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * m1**4
        if variance <= max(_ROUNDING * m2, (_ROUNDING * mean) ** 2):  # a constant: what is left is rounding
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
        return self.stdev * relative_error_of_stdev(self.fourth / self.variance**2, self.count)


_ROUNDING = 1e-13


def relative_error_of_stdev(kurtosis: float, count: int) -> float:
    """The standard error of a sample standard deviation, in units of it.

    From Var(s²) = (μ₄ − σ⁴)/n + 2σ⁴/(n(n − 1)) by the delta method. The second term matters where the kurtosis is 1,
    as for a fair coin. NaN where there are fewer than two samples.
    """
    spread = (kurtosis - 1) / count + 2 / (count * (count - 1)) if count > 1 else nan
    return sqrt(spread) / 2 if spread >= 0 else nan


def of(values: Sequence[Tensor], shift: Tensor, controls: int) -> Moments:
    """The moments of one block, on the CPU whatever device the values are on.

    Args:
        values: K tensors [n]; the first ``controls`` of them are the controls.
        shift: [K] float64, finite.
        controls: C.
    """
    centred = [_centred(value, centre) for value, centre in zip(values, shift.tolist(), strict=True)]
    powers = torch.stack([sums for value in centred for sums in _power_sums(value)]).view(-1, POWERS).T.cpu()
    return Moments(
        count=len(values[0]),
        shift=shift,
        powers=powers,
        cross=_cross_sums(centred, controls),
        negative=torch.tensor([_count(value, _negative) for value in values]),
        nonfinite=torch.tensor([_count_nonfinite(*pair) for pair in zip(values, powers[0].tolist(), strict=True)]),
    )


def _centred(value: Tensor, centre: float) -> Tensor:
    return value.double() - centre if centre else value.double()


def _power_sums(value: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    square = value * value
    return value.sum(), square.sum(), torch.dot(square, value), torch.dot(square, square)


def _cross_sums(centred: Sequence[Tensor], controls: int) -> Tensor:
    sums = [
        [torch.dot(control, value) for value in centred[index:]] for index, control in enumerate(centred[:controls])
    ]
    cross = torch.zeros(controls, len(centred), dtype=torch.float64)
    for index, row in enumerate(sums):
        cross[index, index:] = torch.stack(row).cpu()
        cross[index:, index] = cross[index, index:controls].clone()
    return cross


def _negative(value: Tensor) -> Tensor:
    return value < 0


def _count_nonfinite(value: Tensor, total: float) -> int:
    # a finite sum has only finite terms, so nearly every block is spared the pass over its values
    return 0 if isfinite(total) else _count(value, lambda each: ~each.isfinite())


def _count(value: Tensor, where: Callable[[Tensor], Tensor]) -> int:
    found = where(value)
    # NumPy counts booleans several times as fast as torch does on the CPU
    return int(np.count_nonzero(found.numpy())) if found.is_cpu else int(found.sum())
