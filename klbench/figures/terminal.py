"""Figures at a terminal, by plotext: the same panels, one below the other, in letters."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, isnan, nan
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any, TextIO

from klbench.errors import RunError
from klbench.figures.figure import Axis, Figure, Panel, Series
from klbench.figures.scales import along, places, readable

MISSING = "a figure at the terminal needs plotext"
INSTALL = ("pip install 'klbench[plot]'", "or draw it in a file: -o figure.svg")
_WIDEST, _HIGHEST, _LOWEST = 110, 24, 12
_COLOURS = ("blue+", "orange+", "green+", "magenta+", "yellow", "cyan+", "red+", "white")
_MARKERS = ("dot", "sd", "at", "x", "o", "star", "+", "v")
_TICKS = 5


def drawn(figure: Figure, stream: TextIO) -> str:
    """The figure as text, as wide as the terminal that it goes to, with colours where that has some.

    Raises:
        RunError: plotext is not installed.
    """
    try:
        import plotext
    except ImportError as error:
        raise RunError(MISSING, help=INSTALL) from error
    size = get_terminal_size((80, 24))
    width = min(size.columns, _WIDEST)
    coloured = stream.isatty()
    parts = [figure.title, *([figure.subtitle] if figure.subtitle else []), ""]
    parts += [_panel(plotext, panel, width, coloured=coloured) for panel in figure.panels]
    captions = [line for caption in figure.captions for line in wrap(caption, width)]
    return "\n".join([*parts, *captions, ""])


def _panel(plotext: Any, panel: Panel, width: int, *, coloured: bool) -> str:
    """One panel. plotext has one figure, which is cleared before and after."""
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, _height(panel))
    plotext.title(panel.title or panel.x.label)
    if panel.x.label and panel.title:
        plotext.xlabel(panel.x.label)
    shown = [series for series in panel.series if series.look != "outline"]
    for series in shown:
        _series(plotext, series, panel)
    _ticks(plotext, "x", panel.x, [x for series in panel.series for x in series.x])
    _ticks(plotext, "y", panel.y, [y for series in panel.series for y in series.y])
    text = str(plotext.build())
    plotext.clear_figure()
    return text if coloured else str(plotext.uncolorize(text))


def _height(panel: Panel) -> int:
    return min(max(len(panel.y.categories) + 5, _LOWEST), 60) if panel.y.categories else _HIGHEST


def _series(plotext: Any, series: Series, panel: Panel) -> None:
    points = [(along(panel.x, x), _up(panel.y, y)) for x, y in zip(series.x, series.y, strict=True)]
    there = [(x, y) for x, y in points if isfinite(x) and isfinite(y)]
    if not there:
        return
    named = not panel.y.categories and (series.is_exact or not _has_exact(panel, series.name))
    kind = {"color": _COLOURS[series.colour % len(_COLOURS)] if series.colour >= 0 else "default"}
    if named:
        kind["label"] = series.name
    x, y = [x for x, _ in there], [y for _, y in there]
    if series.look == "line":
        plotext.plot(x, y, marker="braille", **kind)
    elif series.look == "bars":
        plotext.bar(x, y, width=0.5, **kind)
    else:
        marker = "◇" if series.look == "diamonds" else _MARKERS[series.colour % len(_MARKERS)]
        plotext.scatter(x, y, marker=marker, **kind)


def _has_exact(panel: Panel, name: str) -> bool:
    return any(series.is_exact and series.name == name for series in panel.series)


def _up(axis: Axis, y: float) -> float:
    """Where a number stands; categories are counted from the top."""
    return -y if axis.categories else along(axis, y)


def _ticks(plotext: Any, which: str, axis: Axis, numbers: Sequence[float]) -> None:
    """Ticks with the words that the figure has, at the places that the scale gives them."""
    put = plotext.xticks if which == "x" else plotext.yticks
    if axis.categories:
        sign = -1 if which == "y" else 1
        put([sign * place for place in range(len(axis.categories))], list(axis.categories))
        return
    finite = [number for number in numbers if isfinite(number)]
    if axis.scale == "linear" or not finite:
        return
    low, high = min(finite), max(finite)
    if axis.scale == "log":
        positive = [number for number in finite if number > 0]
        low, high = (min(positive), max(positive)) if positive else (nan, nan)
    if isnan(low):
        return
    at = places(axis, low, high)
    step = -(-len(at) // (_TICKS + 2))
    put([along(axis, number) for number in at[::step]], [readable(number) for number in at[::step]])
