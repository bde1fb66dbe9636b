"""Figures at a terminal, by plotext: the same panels, one below the other, in letters."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from math import inf, isfinite, isnan, nan
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any, TextIO

from klbench.errors import RunError
from klbench.figures.figure import Axis, Figure, Panel, Rule, Series
from klbench.figures.scales import along, places, readable

MISSING = "a figure at the terminal needs plotext"
INSTALL = "pip install 'klbench[plot]'"
_WIDEST, _HIGHEST, _LOWEST = 110, 24, 12
_COLOURS = ("blue+", "orange+", "green+", "magenta+", "yellow", "cyan+", "red+", "white")
_MARKERS = ("dot", "sd", "at", "x", "o", "star", "+", "v")
_TICKS = 5
_ENDS = (-1.0, 1.0)
"""Of an axis that has no number at all."""
_EDGE = 0.06
"""Of the length of an axis, between its numbers and what stands at its edge."""


def ensure_installed() -> None:
    """Refuse to draw without plotext, at once.

    Raises:
        RunError: it is not installed.
    """
    if find_spec("plotext") is None:
        raise RunError(MISSING, help=[INSTALL])


def drawn(figure: Figure, stream: TextIO) -> str:
    """The figure as text, as wide as the terminal that it goes to, with colours where that has some.

    Raises:
        RunError: plotext is not installed.
    """
    try:
        import plotext
    except ImportError as error:
        raise RunError(MISSING, help=[INSTALL]) from error
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
        _edges(plotext, series, panel)
    for rule in panel.rules:
        if not rule.is_quiet:
            _rule(plotext, rule, panel)
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


def _edges(plotext: Any, series: Series, panel: Panel) -> None:
    """What is infinite at one edge, and what is 0 on a logarithmic axis at the other, as in a file."""
    if not series.is_exact and _has_exact(panel, series.name):
        return
    sideways = bool(panel.y.categories)
    axis = panel.x if sideways else panel.y
    held, beside = (series.x, series.y) if sideways else (series.y, series.x)
    ends = [(inf, "▶" if sideways else "▲")] + [(0.0, "◀" if sideways else "▼")] * (axis.scale == "log")
    low, high = _reach(panel, axis, sideways=sideways)
    if (low, high) == _ENDS:
        (plotext.xlim if sideways else plotext.ylim)(*_ENDS)
    for end, head in ends:
        at = [place for place, number in zip(beside, held, strict=True) if number == end]
        across = [_up(panel.y, place) if sideways else along(panel.x, place) for place in at]
        edge = [high if end == inf else low] * len(at)
        if at:
            plotext.scatter(*((edge, across) if sideways else (across, edge)), marker=head)


def _reach(panel: Panel, axis: Axis, *, sideways: bool) -> tuple[float, float]:
    """The edges beyond the numbers of an axis that has some without a place."""
    held = (number for series in panel.series for number in (series.x if sideways else series.y))
    finite = [place for place in (along(axis, number) for number in held) if isfinite(place)]
    if not finite:
        return _ENDS
    low, high = min(finite), max(finite)
    room = (high - low) * _EDGE or 1.0
    return low - room, high + room


def _rule(plotext: Any, rule: Rule, panel: Panel) -> None:
    place = along(panel.x if rule.axis == "x" else panel.y, rule.at)
    if isfinite(place):
        (plotext.vline if rule.axis == "x" else plotext.hline)(place)


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
