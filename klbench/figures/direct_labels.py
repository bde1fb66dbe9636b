"""Names written beside the ends of lines, each at its line's height or as near as the others let it."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from matplotlib.axes import Axes

from klbench.figures import style
from klbench.figures.figure import Panel, Series
from klbench.figures.placing import Place

_GAP = 0.155
"""Between the baselines of two labels, in inches."""


def beside(axes: Axes, panel: Panel, place: Place) -> None:
    """Write the names of a panel's series to its right."""
    ends: dict[str, tuple[float, int]] = {}
    for series in panel.series:
        height = _end(axes, series)
        if height is not None and (series.name not in ends or series.is_exact):
            ends[series.label or series.name] = (height, series.colour)
    order = sorted(ends, key=lambda name: ends[name][0])
    heights = spread([ends[name][0] * place.height for name in order], _GAP, place.height)
    for name, height in zip(order, heights, strict=True):
        axes.annotate(
            name,
            (1.0, height / place.height),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            size=style.DIRECT,
            color=style.ink(ends[name][1]).light,
            va="center",
            annotation_clip=False,
        )


def _end(axes: Axes, series: Series) -> float | None:
    """The height of the last number of a series as a share of the panel's; None where it has none."""
    shown = [(x, y) for x, y in zip(series.x, series.y, strict=True) if y == y]
    if not shown:
        return None
    x, y = shown[-1]
    if not isfinite(y):
        return 1.0
    across = axes.transData.transform((x, y))
    return float(min(max(axes.transAxes.inverted().transform(across)[1], 0.0), 1.0))


def spread(heights: Sequence[float], gap: float, top: float) -> list[float]:
    """Sorted heights moved apart to at least ``gap``, as little as can be, and kept at ``top`` or below.

    Neighbours that are too near make a group, which is centred on the mean of its heights; groups that then touch are
    one.
    """
    groups = [[height] for height in heights]
    while True:
        placed = [_centred(group, gap, top) for group in groups]
        for index in range(len(groups) - 1):
            if placed[index + 1][0] - placed[index][-1] < gap - 1e-9:
                groups[index : index + 2] = [groups[index] + groups[index + 1]]
                break
        else:
            return [height for group in placed for height in group]


def _centred(group: Sequence[float], gap: float, top: float) -> list[float]:
    length = gap * (len(group) - 1)
    low = max(min(sum(group) / len(group) - length / 2, top - length), 0.0)
    return [low + gap * index for index in range(len(group))]
