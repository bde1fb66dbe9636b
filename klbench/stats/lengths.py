"""From the moments of a sampled gradient to its three numbers, each with its error: bias, noise, and cosine.

With m the mean of n gradients and t the true one, ‖m − t‖² overstates the squared bias by the noise of m, trace Σ / n,
which is taken off; its variance is 4 vᵀΣv/n + 2‖Σ‖²/n², v = m − t. The errors are by the delta method on these, with
the second term kept (and tripled, for where v is itself nothing but noise), so that they hold for an unbiased
gradient too.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan, sqrt

from torch import Tensor

from klbench.stats.estimate import Estimate, over_square
from klbench.stats.moments import relative_error_of_stdev
from klbench.stats.tail import Largest, khat
from klbench.stats.vectors import VectorMoments

_CERTAIN = 5.0
"""Standard errors: a mean gradient shorter than these has no direction that can be measured."""


@dataclass(frozen=True)
class SampledVector:
    """One gradient as sampled: its moments over ``count`` units, how many of these are no numbers, and their largest
    lengths, None where every moment exists."""

    moments: VectorMoments
    count: int
    nonfinite: int
    longest: Largest | None = None

    @property
    def khat(self) -> float:
        """Pareto-k̂ of the lengths."""
        return nan if self.longest is None else khat(self.longest)

    @property
    def noise(self) -> Estimate:
        """√(trace of the covariance of one unit)."""
        return noise(self.moments, self.count)

    def off(self, true: Tensor) -> Estimate:
        """‖E g − true‖."""
        return length(self.moments, self.count, true)

    def cosine(self, true: Tensor) -> Estimate:
        """Of the angle between E g and the true gradient."""
        return cosine(self.moments, self.count, true)


def length(moments: VectorMoments, count: int, origin: Tensor) -> Estimate:
    """‖E g − origin‖."""
    squared, error = _squared_length(moments, count, moments.mean - origin)
    # shorter than the noise that was taken off: as far as can be told it is 0
    squared_length = max(squared, 0.0)
    if isnan(error):
        return Estimate(sqrt(squared_length))
    # error/(2 length) where there is a length, √error at 0, where that would divide by 0
    return Estimate(sqrt(squared_length), error / sqrt(4 * squared_length + error) if error > 0 else 0.0)


def noise(moments: VectorMoments, count: int) -> Estimate:
    """√(trace of the covariance of one gradient)."""
    trace = moments.trace
    if count < 2 or not trace >= 0:
        return Estimate()
    if trace == 0:
        return Estimate(0.0, 0.0)
    stdev = sqrt(trace * count / (count - 1))
    return Estimate(stdev, stdev * relative_error_of_stdev(over_square(moments.fourth, trace), count))


def cosine(moments: VectorMoments, count: int, true: Tensor) -> Estimate:
    """The cosine between E g and the true gradient; empty where E g cannot be told from 0."""
    squared, error = _squared_length(moments, count, moments.mean)
    size = float(true.norm())
    if not (size > 0 and squared > _CERTAIN * error):
        return Estimate()
    raw = float(moments.mean @ moments.mean)
    # only the noise across the mean turns it, and makes it look longer than it is in its direction
    turning = max(moments.trace - moments.variance_along(moments.mean) / raw, 0.0) / (count - 1)
    # never shorter than what is left once all of the noise is taken off
    norm = sqrt(max(raw - turning, squared))
    turned = float(moments.mean @ true) / (norm * size)
    across = (true / size - turned * moments.mean / norm) / norm
    first = moments.variance_along(across) / (count - 1)
    second = over_square(6 * moments.squared_covariance, (count - 1) * 2 * squared)
    # a norm with its noise taken off may be too short, and the ratio beyond 1
    return Estimate(min(max(turned, -1.0), 1.0), sqrt(first + second))


def _squared_length(moments: VectorMoments, count: int, vector: Tensor) -> tuple[float, float]:
    """(‖E vector‖², free of the noise of the mean, its standard error)."""
    if count < 2:  # one vector has no spread to tell an error from
        return float(vector @ vector), nan
    # ‖m − t‖² is too long by the noise of m: E‖m − t‖² = ‖E m − t‖² + trace/n
    squared = float(vector @ vector) - moments.trace / (count - 1)
    first = 4 * moments.variance_along(vector) / (count - 1)
    return squared, sqrt(first + 6 * moments.squared_covariance / (count - 1) ** 2)
