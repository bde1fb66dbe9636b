"""How a series is drawn, by its look: lines, points with their bars, bars of components, outlines, diamonds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, isfinite, nan
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from klbench.figures import style
from klbench.figures.figure import Axis, Look, Panel, Series

_TOP = 0.985
"""Where in a panel an infinite number stands."""
LEAST = 1e-3
"""Of its number, the end of a bar on a logarithmic axis that reaches below."""
_STEP = 0.06
"""Between the infinite numbers of two series."""


def line_look(colour: int) -> dict[str, Any]:
    """How matplotlib draws a line at a place of the palette."""
    dash = style.dash(colour) if colour >= 0 else ()
    return {
        "color": style.ink(colour).light,
        "lw": style.LINE,
        "ls": (0, dash) if dash else "-",
        "solid_capstyle": "round",
    }


def marker_look(colour: int, *, filled: bool) -> dict[str, Any]:
    """How matplotlib draws a marker at a place of the palette."""
    of = style.ink(colour).light
    return {
        "marker": style.marker(colour),
        "ms": style.MARKER,
        "mec": of,
        "mew": 1.0,
        "mfc": of if filled else style.PAPER.light,
    }


def _draw_line(axes: Axes, series: Series, panel: Panel) -> None:
    # what is true lies under what is held to it, broad enough to be seen on both sides
    width = {"lw": 4.5, "alpha": 0.6, "zorder": 2.5} if series.colour < 0 else {"zorder": 3}
    axes.plot(series.x, _on(panel.y, series.y), **{**line_look(series.colour), **width})
    _edges(axes, series, panel)


def _edges(axes: Axes, series: Series, panel: Panel) -> None:
    """What is infinite stands at one edge, and what is 0 on a logarithmic axis at the other, with an arrow's head."""
    sideways = bool(panel.y.categories)
    axis = panel.x if sideways else panel.y
    ends = [(inf, "high")] + [(0.0, "low")] * (axis.scale == "log")
    for end, side in ends:
        held, along = (series.x, series.y) if sideways else (series.y, series.x)
        places = [place for place, number in zip(along, held, strict=True) if number == end]
        # one below the other, where several series have some
        having = [*dict.fromkeys(other.name for other in panel.series if end in (other.x if sideways else other.y))]
        if not places:
            continue
        inset = 1 - _TOP + (0.0 if sideways else _STEP * having.index(series.name))
        edge = [1 - inset if side == "high" else inset] * len(places)
        axes.plot(
            *((edge, places) if sideways else (places, edge)),
            transform=axes.get_yaxis_transform() if sideways else axes.get_xaxis_transform(),
            ls="none",
            marker=_HEADS[side, sideways],
            ms=style.MARKER + 1.5,
            color=style.ink(series.colour).light,
            clip_on=False,
            zorder=5,
        )


_HEADS = {("high", False): "^", ("low", False): "v", ("high", True): ">", ("low", True): "<"}


def _on(axis: Axis, numbers: Sequence[float]) -> list[float]:
    """The numbers that an axis can show, NaN for the others."""
    least = 0.0 if axis.scale == "log" else -inf
    return [number if isfinite(number) and number > least else nan for number in numbers]


def _draw_points(axes: Axes, series: Series, panel: Panel) -> None:
    sideways = bool(panel.y.categories)
    x, y = np.array(_on(panel.x, series.x)), np.array(_on(panel.y, series.y))
    error = np.array(series.error or (nan,) * len(x))
    doubtful = np.array(series.doubtful or (False,) * len(x))
    for which, filled in ((~doubtful, True), (doubtful, False)):
        there = which & np.isfinite(x) & np.isfinite(y)
        if not there.any():
            continue
        bars = np.nan_to_num(error[there], nan=0.0, posinf=0.0)
        reach = {"xerr": bars} if sideways else {"yerr": _within(bars, y[there], panel.y)}
        axes.errorbar(
            x[there],
            y[there],
            **reach,
            ls="none",
            ecolor=style.ink(series.colour).light,
            elinewidth=1.0,
            capsize=0,
            zorder=4,
            **marker_look(series.colour, filled=filled),
        )
    if not any(other.is_exact and other.name == series.name for other in panel.series):
        _edges(axes, series, panel)


def _within(bars: Any, y: Any, axis: Axis) -> Any:
    """Bars that end where the axis can show no less."""
    if axis.scale == "linear":
        return bars
    least = 0.0 if axis.scale == "asinh" and (y >= 0).all() else y * LEAST if axis.scale == "log" else -inf
    return np.array([np.minimum(bars, y - least), bars])


def _draw_bars(axes: Axes, series: Series, _panel: Panel) -> None:
    axes.bar(series.x, series.y, width=0.5, color=style.ink(series.colour).light, alpha=0.75, lw=0, zorder=2)


def _draw_outline(axes: Axes, series: Series, _panel: Panel) -> None:
    axes.bar(series.x, series.y, width=0.78, fill=False, ec=style.TRUE.light, lw=1.1, zorder=3)


def _draw_diamonds(axes: Axes, series: Series, panel: Panel) -> None:
    _edges(axes, series, panel)
    axes.plot(
        _on(panel.x, series.x),
        series.y,
        ls="none",
        marker="D",
        ms=style.MARKER + 3.2,
        mfc="none",
        mec=style.TRUE.light,
        mew=1.0,
        zorder=3,
    )


DRAW: Mapping[Look, Callable[[Axes, Series, Panel], None]] = {
    "line": _draw_line,
    "points": _draw_points,
    "bars": _draw_bars,
    "outline": _draw_outline,
    "diamonds": _draw_diamonds,
}
