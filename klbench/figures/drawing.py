"""Drawing figures with matplotlib. Every place is worked out in inches, so that type has the same size at any width."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, isnan, nan
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from klbench.figures import style
from klbench.figures.direct_labels import beside
from klbench.figures.figure import Axis, Figure, Mark, Panel, Rule
from klbench.figures.looks import DRAW, LEAST, line_look, marker_look
from klbench.figures.placing import BOLD, Entry, Place, Placed, fitted, placed
from klbench.figures.ticks import put_ticks


def draw(figures: Sequence[Figure]) -> Canvas:
    """The figures, one below the other."""
    layouts = [placed(figure) for figure in figures]
    height = sum(layout.height for layout in layouts)
    canvas = Canvas(figsize=(style.WIDTH, height))
    bottom = height
    for figure, layout in zip(figures, layouts, strict=True):
        bottom -= layout.height
        _Drawn(canvas, layout, bottom, height).draw(figure)
    return canvas


class _Drawn:
    """One figure on a canvas that it may share."""

    def __init__(self, canvas: Canvas, layout: Placed, bottom: float, height: float) -> None:
        self.canvas, self.layout, self.bottom, self.height = canvas, layout, bottom, height

    def draw(self, figure: Figure) -> None:
        """Put everything in its place."""
        for text in self.layout.texts:
            self._text(text.x, text.y, text.said, size=text.size, color=text.ink.light, weight=text.weight)
        for entry in self.layout.legend:
            lines = any(series.look == "line" for panel in figure.panels for series in panel.series)
            self._legend(entry, has_line=lines)
        for number, (panel, place) in enumerate(zip(figure.panels, self.layout.panels, strict=True)):
            beside = figure.panels[number + 1 :][: figure.columns - 1 - number % figure.columns]
            # a title that stands alone in its row has all of it
            alone = beside and not any(other.title for other in beside)
            room = style.WIDTH - place.x if alone else place.width + place.right
            _panel(self._axes(place), panel, place, room, direct=self.layout.is_direct)

    def _axes(self, place: Place) -> Axes:
        wide, high = style.WIDTH, self.height
        box = (place.x / wide, (self.bottom + place.y) / high, place.width / wide, place.height / high)
        return self.canvas.add_axes(box)

    def _text(self, x: float, y: float, said: str, **kwargs: Any) -> None:
        self.canvas.text(x / style.WIDTH, (self.bottom + y) / self.height, said, va="baseline", **kwargs)

    def _legend(self, entry: Entry, *, has_line: bool) -> None:
        high = (self.bottom + entry.y + 0.04) / self.height
        ends = [entry.x / style.WIDTH, (entry.x + 0.26) / style.WIDTH] if has_line else [(entry.x + 0.2) / style.WIDTH]
        look = {**line_look(entry.colour), **marker_look(entry.colour, filled=True)}
        line = Line2D(ends, [high] * len(ends), transform=self.canvas.transFigure, **look)
        line.set_markevery([len(ends) - 1])
        self.canvas.add_artist(line)
        self._text(entry.x + 0.34, entry.y, entry.said, size=style.DIRECT, color=style.TEXT.light)


def _panel(axes: Axes, panel: Panel, place: Place, room: float, *, direct: bool) -> None:
    axes.set_facecolor(style.PAPER.light)
    _frame(axes)
    title = fitted(panel.title, style.LABEL * BOLD, room)
    axes.set_title(title, size=style.LABEL, loc="left", color=style.TEXT.light, pad=5, weight="bold")
    axes.set_xlabel(panel.x.label, size=style.LABEL, color=style.QUIET.light, labelpad=3)
    axes.set_ylabel(panel.y.label, size=style.LABEL, color=style.QUIET.light, labelpad=3)
    _scale(axes, panel.x, "x")
    _scale(axes, panel.y, "y")
    _limits(axes, panel)
    for zone in panel.zones:
        colour = style.SHADE.light if zone.colour < 0 else style.ink(zone.colour).light
        low, high = max(zone.low, axes.get_xlim()[0]), min(zone.high, axes.get_xlim()[1])
        if low < high:
            axes.axvspan(low, high, color=colour, alpha=1.0 if zone.colour < 0 else 0.10, lw=0, zorder=0)
    for rule in panel.rules:
        _rule(axes, rule)
    for series in panel.series:
        DRAW[series.look](axes, series, panel)
    for line, mark in enumerate(panel.marks):
        _mark(axes, mark, line)
    put_ticks(axes, panel, place.width)
    if direct and not panel.y.categories:
        beside(axes, panel, place)


def _frame(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(style.QUIET.light)
        axes.spines[side].set_linewidth(style.THIN)
    axes.tick_params(which="both", colors=style.QUIET.light, labelsize=style.TICK, width=style.THIN, length=3)
    axes.tick_params(which="minor", length=0)
    axes.grid(visible=True, which="major", color=style.GRID.light, lw=style.THIN, zorder=0)
    axes.set_axisbelow(True)


def _scale(axes: Axes, axis: Axis, which: str) -> None:
    setter = getattr(axes, f"set_{which}scale")
    if axis.scale == "asinh":
        setter("asinh", linear_width=axis.threshold)
    elif axis.scale == "log":
        setter("log")


def _limits(axes: Axes, panel: Panel) -> None:
    axes.set_xlim(*_range(panel.x, panel, "x"))
    axes.set_ylim(*_range(panel.y, panel, "y"))


def _range(axis: Axis, panel: Panel, which: str) -> tuple[float, float]:
    if axis.limits is not None:
        return axis.limits
    if axis.categories:
        low, high = -0.6, len(axis.categories) - 0.4
        return (high, low) if which == "y" else (low, high)
    numbers = [*_numbers(panel, which)]
    finite = [number for number in numbers if isfinite(number)]
    if axis.scale == "log":
        finite = [number for number in finite if number > 0]
    if not finite:
        return (0.1, 10.0) if axis.scale == "log" else (-1.0, 1.0)
    low, high = min(finite), max(finite)
    if axis.scale == "log":
        pad = (1.25 if which == "y" or panel.y.categories else 1.08) * (high / low) ** 0.04
        return low / pad, high * (pad if len(finite) == len(numbers) or which == "x" else 4)
    if axis.scale == "asinh":
        return (0.0 if low >= 0 else low * 1.5), max(high, axis.threshold) * 2.0
    pad = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    # bars begin at 0
    return (low - pad if low < 0 or which == "x" or low > pad else 0.0), high + pad


def _numbers(panel: Panel, which: str) -> list[float]:
    found = [rule.at for rule in panel.rules if rule.axis == which]
    sideways = bool(panel.y.categories)
    is_log = (panel.x if which == "x" else panel.y).scale == "log"
    for series in panel.series:
        held = series.x if which == "x" else series.y
        errors = series.error if series.error and (which == "x") == sideways else (nan,) * len(held)
        found += held
        for number, error in zip(held, errors, strict=True):
            # a number without a place on the axis has no bar there either
            if isfinite(error) and (number > 0 or not is_log):
                found += [number + error, *[number - error] * (not is_log or not 0 < number - error < number * LEAST)]
        if which == "y" and series.look in ("bars", "outline"):
            found.append(0.0)
    return [number for number in found if not isnan(number)]


def _rule(axes: Axes, rule: Rule) -> None:
    colour, dash = (style.QUIET.light, "-") if rule.is_quiet else (style.TRUE.light, (0, (4, 2)))
    draw: dict[str, Any] = {"color": colour, "lw": style.THIN + 0.2 * (not rule.is_quiet), "ls": dash, "zorder": 2}
    if rule.axis == "y":
        axes.axhline(rule.at, **draw)
        return
    axes.axvline(rule.at, **draw)
    if rule.label:
        place, across = (rule.at, 0.03), axes.get_xaxis_transform()
        beside: dict[str, Any] = {"xytext": (-3, 0), "textcoords": "offset points", "ha": "right", "va": "bottom"}
        axes.annotate(rule.label, place, xycoords=across, size=style.TICK, color=style.QUIET.light, **beside)


def _mark(axes: Axes, mark: Mark, line: int) -> None:
    """A ring at a crossing, and its words at the top of a thin line through it."""
    axes.axvline(mark.x, color=style.QUIET.light, lw=0.7, ls=(0, (1.5, 2)), zorder=1)
    axes.plot([mark.x], [mark.y], marker="o", ms=8, mfc="none", mec=style.TEXT.light, mew=1.0, ls="none", zorder=6)
    axes.annotate(
        mark.text,
        (mark.x, 0.985 - 0.085 * line),
        xycoords=axes.get_xaxis_transform(),
        xytext=(-3, 0),
        textcoords="offset points",
        size=style.TICK,
        color=style.TEXT.light,
        ha="right",
        va="top",
        zorder=7,
        bbox={"facecolor": style.PAPER.light, "edgecolor": "none", "pad": 0.6},
    )
