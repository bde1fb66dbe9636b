"""The one rule for error bars: the sample's own, and never shorter than the exact noise makes them.

A sample that has missed the rare draws shows too little noise, and an error bar made of that is too short: of 1e5
draws of N(0, 1), none shows what carries r under N(8, 1). Where an exact road knows the noise of one sample, the error
of a mean is at least that over √n, and the error of a standard deviation at least the exact one.
"""

from __future__ import annotations

from math import inf, isnan, nan, sqrt

from klbench.row import falls_far_short
from klbench.stats.moments import relative_error_of_stdev

_SAME_NOISE = 0.1
"""If rounding adds a smaller share of the noise, the noise counts as that of float64."""


def holds_below_float64(rounding_noise: float, exact_noise: float) -> bool:
    """Whether the exact noise in float64 also holds in a lower precision, whose rounding has this noise."""
    return rounding_noise < _SAME_NOISE * exact_noise


def error_of_mean(error: float, measured_noise: float, exact_noise: float, count: int) -> float:
    """The error of a mean, or of a number that depends on it: the sampled one, longer if the exact noise is larger.

    Args:
        error: the sample's own.
        measured_noise: of one unit, in the same units as ``exact_noise``.
        exact_noise: NaN where it is not known; NaN comes back where it is infinite.
        count: how many units there are.
    """
    if exact_noise == inf:
        return nan
    # ``not <``, no ``>=``: a measured noise that is NaN leaves the error as it is
    if isnan(exact_noise) or not measured_noise < exact_noise:
        return error
    # a measured noise of 0 has no ratio to the exact one, and an error of 0 nothing to lengthen
    return error * exact_noise / measured_noise if measured_noise > 0 else exact_noise / sqrt(count)


def error_of_stdev(error: float, measured: float, exact: float, kurtosis: float, count: int) -> float:
    """The error of a standard deviation.

    NaN where the second or fourth moment does not exist, where the error would be larger than the number, and where the
    sample has missed rare draws and the fourth moment is not known.
    """
    if exact == inf:
        return nan
    if isnan(exact):
        return error
    if isnan(kurtosis):
        return nan if falls_far_short(measured, exact) else error
    relative = relative_error_of_stdev(kurtosis, count)
    # of one sample it is NaN, which passes no <=
    return max(error, relative * exact) if relative <= 1 else nan
