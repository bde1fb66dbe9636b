"""Ticks with numbers that a person reads: 0.001, 0.1, 100, and 10⁵ beyond a thousand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from klbench.figures.figure import Panel
from klbench.figures.placing import is_crowded, on_axis
from klbench.figures.placing import width as text_width
from klbench.figures.scales import MOST, extra_digits, places, readable
from klbench.figures.style import TICK

_APART = 0.34
"""Inches from one tick along x to the next, at least."""
_BETWEEN = 0.06
"""Inches between the numbers of two ticks along x."""
_EVEN = 5
"""Ticks of an even scale."""


def put_ticks(axes: Axes, panel: Panel, width: float) -> None:
    """Give both axes of a panel, so many inches wide, their ticks."""
    across = max(int(width / _APART), 2)
    for axis, drawn, limits, most in (
        (panel.x, axes.xaxis, axes.get_xlim(), min(across, MOST)),
        (panel.y, axes.yaxis, axes.get_ylim(), MOST),
    ):
        drawn.set_minor_formatter(NullFormatter())
        if axis.categories:
            drawn.set_major_locator(FixedLocator(list(range(len(axis.categories)))))
            drawn.set_major_formatter(NullFormatter() if axis.is_bare else FixedFormatter(on_axis(axis.categories)))
            continue
        if axis.scale == "linear":
            drawn.set_major_locator(MaxNLocator(min(most, _EVEN), steps=[1, 2, 2.5, 5, 10]))
        else:
            drawn.set_minor_locator(NullLocator())
            drawn.set_major_locator(FixedLocator(places(axis, min(limits), max(limits), most)))
        ticks = _within(drawn.get_majorticklocs(), limits)
        if axis is panel.x and axis.scale == "linear" and _across(ticks) > width:
            drawn.set_major_locator(MaxNLocator(2, steps=[1, 2, 2.5, 5, 10]))
            ticks = _within(drawn.get_majorticklocs(), limits)
        extra, is_log = extra_digits(ticks), axis.scale == "log"
        drawn.set_major_formatter(FuncFormatter(partial(_told, extra=extra, is_log=is_log)))
    if is_crowded(panel, width):
        axes.tick_params(axis="x", rotation=90)


def _within(ticks: Iterable[float], limits: tuple[float, float]) -> list[float]:
    return [float(tick) for tick in ticks if min(limits) <= tick <= max(limits)]


def _across(ticks: Sequence[float]) -> float:
    """How many inches the numbers of some ticks take side by side."""
    extra = extra_digits(ticks)
    return sum(text_width(readable(tick, extra), TICK) + _BETWEEN for tick in ticks)


def _told(number: float, _place: int | None = None, *, extra: int, is_log: bool) -> str:
    return readable(number, extra, is_log=is_log)
