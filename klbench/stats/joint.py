"""Two values on the same samples: the quotient of their standard deviations, with an error that knows of both.

A sample that makes one standard deviation large makes that of a like value large too, so that their quotient is known
better than either. By the delta method n · Var(log of it) is the variance of (a²/σ_a² − b²/σ_b²)/2, where a and b are
the values less their means. It takes the fourth moments of both, and what the two have together: E a², E ab and E a²b².
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from klbench.stats.estimate import over_square

if TYPE_CHECKING:
    from klbench.stats.moments import Central

PRODUCTS = 4


def products(centred: Sequence[Tensor], beside: Sequence[int | None]) -> Tensor:
    """Σ xy, Σ x²y, Σ xy² and Σ x²y² of each value x with that beside it, on the CPU [4, K]; 0 where there is none.

    Args:
        centred: K values about their shifts, each [n].
        beside: for each the index of the other.
    """
    columns = [
        centred[0].new_zeros(PRODUCTS) if other is None else torch.stack(_products(value, centred[other]))
        for value, other in zip(centred, beside, strict=True)
    ]
    return torch.stack(columns, dim=1).cpu()


def _products(x: Tensor, y: Tensor) -> list[Tensor]:
    product = x * y
    return [product.sum(), torch.dot(product, x), torch.dot(product, y), torch.dot(product, product)]


@dataclass(frozen=True)
class Joint:
    """Two values of the same samples.

    Args:
        one, other: their own moments.
        covariance: E ab, of the values less their means.
        squares: E a²b².
    """

    one: Central
    other: Central
    covariance: float
    squares: float

    @staticmethod
    def about(one: Central, other: Central, shifts: tuple[float, float], raw: Sequence[float]) -> Joint:
        """From the means of the products of the values about their shifts, in the order of ``products``."""
        x, y = one.mean - shifts[0], other.mean - shifts[1]
        xy, xxy, xyy, xxyy = raw
        second_x, second_y = one.variance + x * x, other.variance + y * y
        squares = (
            xxyy - 2 * y * xxy - 2 * x * xyy + y * y * second_x + x * x * second_y + 4 * x * y * xy - 3 * x * x * y * y
        )
        return Joint(one, other, xy - x * y, squares)

    @property
    def relative_error(self) -> float:
        """The standard error of the quotient of the standard deviations, in units of it; NaN where one of them is 0 or
        no number, or there are fewer than two samples."""
        one, other, count = self.one, self.other, self.one.count
        if count < 2 or not (one.variance > 0 and other.variance > 0):
            return nan
        kurtoses = over_square(one.fourth, one.variance) + over_square(other.fourth, other.variance)
        together = self.squares / one.variance / other.variance
        correlation = self.covariance / sqrt(one.variance) / sqrt(other.variance)
        # what the variance of a variance has beyond its fourth moment matters where the kurtosis is 1
        few = 4 * (1 - correlation * correlation) / (count * (count - 1))
        spread = (kurtoses - 2 * together) / count + few
        # of one value and a multiple of it rounding may leave it below 0
        return sqrt(max(spread, 0.0)) / 2 if spread == spread else nan
