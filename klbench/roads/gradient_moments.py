"""The first two moments of a gradient, component by component, put together from those of parts."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor

from klbench.tolerances import EPSILON


@dataclass(frozen=True)
class GradientMoments:
    """E g and E g² of each component [R, V], and E g² − (E g)², 0 where it is nothing but rounding."""

    mean: Tensor
    square: Tensor
    variance: Tensor

    def with_square(self, square: Tensor) -> GradientMoments:
        """With another E g² [R, V]: of a weighted g, whose mean and square are sums along two chains."""
        variance = square - self.mean**2
        # not what overflows: that would be said to have no variance
        known = torch.where(square.isfinite(), variance.masked_fill(variance <= EPSILON * square, 0.0), nan)
        return GradientMoments(self.mean, square, known)


@dataclass(frozen=True)
class Pooled:
    """Of what has ended: its weight, the mean of g, and Σ weight · (g − mean)² [R, V]."""

    weight: float
    mean: Tensor
    scatter: Tensor

    @staticmethod
    def nothing(zeros: Tensor) -> Pooled:
        """No sequence."""
        return Pooled(0.0, zeros, zeros)

    def plus(self, weight: float, first: Tensor, second: Tensor, shifted: Tensor, over: int) -> Pooled:
        """With more sequences, of whose G − ``shifted`` the two moments are given, g being G / ``over``."""
        if weight == 0:
            return self
        about = first / weight
        mean, scatter = (about + shifted) / over, ((second - first * about) / over**2).clamp_min(0.0)
        total, away = self.weight + weight, mean - self.mean
        share = weight / total
        return Pooled(total, self.mean + share * away, self.scatter + scatter + self.weight * share * away**2)

    @property
    def moments(self) -> GradientMoments:
        """Of sums with the weights."""
        square = self.scatter + self.weight * self.mean**2
        return GradientMoments(self.weight * self.mean, square, self.scatter)
