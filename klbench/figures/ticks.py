"""Ticks with numbers that a person reads: 0.001, 0.1, 100, and 10⁵ beyond a thousand."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from klbench.figures.figure import Panel
from klbench.figures.scales import places, readable


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
            drawn.set_major_locator(FixedLocator(places(axis, min(limits), max(limits))))
        drawn.set_major_formatter(FuncFormatter(lambda x, _: readable(x)))
