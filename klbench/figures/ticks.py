"""Ticks with numbers that a person reads: 0.001, 0.1, 100, and 10⁵ beyond a thousand."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from klbench.figures.figure import Panel
from klbench.figures.placing import category_names
from klbench.figures.scales import MOST, places, readable

_APART = 0.34
"""Inches from one tick along x to the next, at least."""
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
            names = category_names(axis) if axis is panel.y else axis.categories
            drawn.set_major_formatter(NullFormatter() if axis.is_bare else FixedFormatter(names))
            continue
        if axis.scale == "linear":
            drawn.set_major_locator(MaxNLocator(min(most, _EVEN), steps=[1, 2, 2.5, 5, 10]))
        else:
            drawn.set_minor_locator(NullLocator())
            drawn.set_major_locator(FixedLocator(places(axis, min(limits), max(limits), most)))
        drawn.set_major_formatter(FuncFormatter(lambda x, _: readable(x)))
