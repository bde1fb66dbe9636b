"""Ticks with numbers that a person reads: 0.001, 0.1, 100, and 10⁵ beyond a thousand."""

from __future__ import annotations

from math import floor, log10

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from klbench.figures.figure import Axis, Panel

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MOST = 7
"""Ticks of an axis of decades."""


def put_ticks(axes: Axes, panel: Panel) -> None:
    """Give both axes of a panel their ticks."""
    for axis, drawn, limits in (
        (panel.x, axes.xaxis, axes.get_xlim()),
        (panel.y, axes.yaxis, axes.get_ylim()),
    ):
        drawn.set_minor_formatter(NullFormatter())
        if axis.categories:
            drawn.set_major_locator(FixedLocator(list(range(len(axis.categories)))))
            names = axis.categories
            drawn.set_major_formatter(NullFormatter() if axis.is_bare else FixedFormatter(names))
            continue
        if axis.scale == "linear":
            drawn.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        else:
            drawn.set_minor_locator(NullLocator())
            drawn.set_major_locator(FixedLocator(_places(axis, min(limits), max(limits))))
        drawn.set_major_formatter(FuncFormatter(lambda x, _: readable(x)))


def _places(axis: Axis, low: float, high: float) -> list[float]:
    if axis.scale == "log":
        return decades(low, high)
    positive = decades(axis.threshold, high) if high > axis.threshold else []
    negative = [-x for x in decades(axis.threshold, -low)] if -low > axis.threshold else []
    return [*negative, 0.0, *positive]


def decades(low: float, high: float) -> list[float]:
    """Round numbers between two: every decade or every few; 1, 2 and 5 of each where there are few decades."""
    first, last = floor(log10(low)), floor(log10(high))
    exponents = range(first, last + 1)
    whole = [10.0**e for e in exponents if low <= 10.0**e <= high]
    if len(whole) <= 1:
        return [m * 10.0**e for e in exponents for m in (1, 2, 5) if low <= m * 10.0**e <= high] or [low, high]
    if len(whole) == 2:
        return [m * 10.0**e for e in exponents for m in (1, 3) if low <= m * 10.0**e <= high]
    step = -(-len(whole) // _MOST)
    # counted from 1, so that 1 is among them where it can be
    return [10.0**e for e in exponents if e % step == 0 and low <= 10.0**e <= high]


def readable(number: float) -> str:
    """``0.001``, ``250``, ``10⁵``, ``−3``."""
    size = abs(number)
    if size < 1e-12:
        return "0"
    if 1e-3 <= size < 1e4:
        return f"{number:.6g}".replace("-", "−")
    exponent = floor(log10(size) + 1e-9)
    mantissa = f"{number / 10.0**exponent:.3g}".replace("-", "−")
    power = f"10{str(exponent).translate(_SUPERSCRIPTS)}"
    return {"1": power, "−1": f"−{power}"}.get(mantissa, f"{mantissa}·{power}")
