"""What a figure is: panels of series, as values. No matplotlib, no torch here.

A figure holds numbers of rows and nothing else; how it looks is in ``style``, who draws it in ``drawing`` (matplotlib)
and ``terminal`` (plotext).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite, isnan
from typing import Literal

Look = Literal["line", "points", "bars", "outline", "diamonds"]
"""Exact numbers as lines, outlines of bars or diamonds; measured ones as points; a bar is of one component."""
Scale = Literal["linear", "log", "asinh"]


@dataclass(frozen=True)
class Axis:
    """One axis of a panel.

    Args:
        label: what it is of, with its unit.
        scale: an asinh axis is linear within ``threshold`` of 0 and logarithmic beyond, without a seam.
        limits: where it ends; None for where its numbers do.
        categories: its places by name, 0 on; none where it is of numbers.
        is_bare: whether its names stand at the panel beside it.
    """

    label: str
    scale: Scale = "linear"
    threshold: float = 1.0
    limits: tuple[float, float] | None = None
    categories: tuple[str, ...] = ()
    is_bare: bool = False


@dataclass(frozen=True)
class Series:
    """Numbers that belong together, n each.

    Args:
        name: whose they are; series of one name share their colour.
        colour: the place of that name in the palette.
        look: how they are drawn.
        x, y: where; an infinite y stands at the edge.
        error: what a bar reaches to either side, in y, or in x where the y axis has categories; NaN for no bar.
        doubtful: whether an error bar is not to be trusted, or there is none although the number was measured.
        label: what is written beside it in place of its name.
    """

    name: str
    colour: int
    look: Look
    x: tuple[float, ...]
    y: tuple[float, ...]
    error: tuple[float, ...] = ()
    doubtful: tuple[bool, ...] = ()
    label: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it was computed and not measured."""
        return self.look in ("line", "outline", "diamonds")


@dataclass(frozen=True)
class Zone:
    """A shaded range of x, of the colour of a series or of none (-1)."""

    low: float
    high: float
    label: str
    colour: int = -1


@dataclass(frozen=True)
class Rule:
    """A thin line across a panel at a value of one axis."""

    axis: Literal["x", "y"]
    at: float
    label: str = ""
    is_quiet: bool = False


@dataclass(frozen=True)
class Mark:
    """A place with a few words: a crossing."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Panel:
    """One pair of axes with what is in it."""

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    zones: tuple[Zone, ...] = ()
    rules: tuple[Rule, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Figure:
    """One figure.

    Args:
        name: the stem of its file.
        title: what it shows, in a few words.
        subtitle: of what, in a line; may be empty.
        panels: row by row.
        columns: how many panels stand side by side.
        captions: what its marks mean, a sentence each.
    """

    name: str
    title: str
    subtitle: str
    panels: tuple[Panel, ...]
    columns: int = 1
    captions: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[tuple[str, int], ...]:
        """The names of all series with their colours, each once; not of those that stand on an axis of names."""
        panels = [panel for panel in self.panels if not (panel.x.categories or panel.y.categories)]
        return tuple(dict.fromkeys((series.name, series.colour) for panel in panels for series in panel.series))

    @property
    def alt(self) -> str:
        """What it shows, for who cannot see it: its panels, and where each series begins and ends."""
        return " ".join([f"{self.title}. {self.subtitle}".strip(), *map(_described, self.panels), *self.captions])


_MOST_TOLD = 8
"""Series of a panel that are described one by one."""


def _described(panel: Panel) -> str:
    told = list(dict.fromkeys(filter(None, (_ends(series, panel) for series in _told(panel)))))
    more = len(told) - _MOST_TOLD
    rest = [f"and {more} more"] if more > 0 else []
    what = f"{panel.title or panel.y.label or panel.x.label}, against {panel.x.label}" if panel.x.label else panel.title
    marks = [mark.text for mark in panel.marks]
    return f"{what}: {'; '.join([*told[:_MOST_TOLD], *rest, *marks])}."


def _told(panel: Panel) -> Iterator[Series]:
    """The exact series, and the measured ones of names that have no exact one."""
    exact = [series for series in panel.series if series.is_exact]
    known = {series.name for series in exact}
    return chain(exact, (series for series in panel.series if not series.is_exact and series.name not in known))


def _ends(series: Series, panel: Panel) -> str:
    numbers = series.x if panel.y.categories else series.y
    shown = [number for number in numbers if not isnan(number)]
    if not shown:
        return ""
    first, last = (_short(number) for number in (shown[0], shown[-1]))
    return f"{series.name} {first}" if len(shown) == 1 else f"{series.name} from {first} to {last}"


def _short(number: float) -> str:
    return f"{number:.3g}" if isfinite(number) else "infinite"


def colours(names: Sequence[str]) -> dict[str, int]:
    """A place in the palette for each name, in the order of their first appearance."""
    return {name: index for index, name in enumerate(dict.fromkeys(names))}
