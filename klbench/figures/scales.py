"""Scales of axes: where ticks stand, how numbers are written there, and where a number stands along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import asinh, floor, isfinite, log10, nan

from klbench.figures.figure import Axis

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ROUNDING = 1e-12
"""A tick of an even scale that is 0 to rounding."""
MOST = 7
"""Ticks of an axis of decades, where there is room for them."""


def along(axis: Axis, number: float) -> float:
    """Where a number stands on an even scale, NaN where the axis has no place for it."""
    if not isfinite(number) or (axis.scale == "log" and number <= 0):
        return nan
    if axis.scale == "log":
        return log10(number)
    return asinh(number / axis.threshold) if axis.scale == "asinh" else number


def places(axis: Axis, low: float, high: float, most: int = MOST) -> list[float]:
    """The ticks of a logarithmic axis between two numbers."""
    if axis.scale == "log":
        return decades(low, high, most)
    positive = decades(axis.threshold, high, most) if high > axis.threshold else []
    negative = [-x for x in decades(axis.threshold, -low, most)] if -low > axis.threshold else []
    return _apart(axis, [0.0, *reversed(positive), *negative[::-1]], along(axis, high) - along(axis, low))


_NEAREST = 0.06
"""Of an axis, how near two ticks may be."""


def _apart(axis: Axis, ticks: Sequence[float], length: float) -> list[float]:
    """The ticks in order, without those too near to one that stands before them in the list."""
    kept: list[float] = []
    for tick in ticks:
        if all(abs(along(axis, tick) - along(axis, other)) >= _NEAREST * length for other in kept):
            kept.append(tick)
    return sorted(kept)


def decades(low: float, high: float, most: int = MOST) -> list[float]:
    """Round numbers between two: every decade or every few; 1, 2 and 5 of each where there are few decades."""
    first, last = floor(log10(low)), floor(log10(high))
    exponents = range(first, last + 1)
    whole = [10.0**e for e in exponents if low <= 10.0**e <= high]
    if len(whole) <= 1:
        return [m * 10.0**e for e in exponents for m in (1, 2, 5) if low <= m * 10.0**e <= high] or [low, high]
    if len(whole) == 2:
        return [m * 10.0**e for e in exponents for m in (1, 3) if low <= m * 10.0**e <= high]
    step = -(-len(whole) // most)
    # counted from 1, so that 1 is among them where it can be
    return [10.0**e for e in exponents if e % step == 0 and low <= 10.0**e <= high]


def extra_digits(numbers: Sequence[float]) -> int:
    """How many digits more than usual it takes to write numbers true to a tenth of what lies between two of them."""
    ordered = sorted(set(numbers))
    if len(ordered) < 2 or ordered[-1] - ordered[0] < _SAME * max(map(abs, ordered)):
        return 0
    different = {one + (other - one) * tenth / 10 for one, other in pairwise(ordered) for tenth in range(10)}
    short = (
        extra for extra in range(_MOST_EXTRA) if len({readable(one, extra) for one in different}) == len(different)
    )
    return next(short, 0)


_MOST_EXTRA = 10
_SAME = 1e-9
"""Numbers that differ by a smaller share differ by rounding."""


def readable(number: float, extra: int = 0, *, is_log: bool = False) -> str:
    """``0.001``, ``250``, ``10⁵``, ``−3``; with some digits more than usual."""
    size = abs(number)
    if size == 0 or (size < _ROUNDING and not is_log):
        return "0"
    if 1e-3 <= size < (1e7 if extra else 1e4):
        return f"{number:.{6 + extra}g}".replace("-", "−")
    exponent = floor(log10(size) + 1e-9)
    mantissa = f"{number / 10.0**exponent:.{3 + extra}g}".replace("-", "−")
    power = f"10{str(exponent).translate(_SUPERSCRIPTS)}"
    return {"1": power, "−1": f"−{power}"}.get(mantissa, f"{mantissa}·{power}")
