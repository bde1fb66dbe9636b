"""Where everything of a figure stands, in inches from its lower left: its texts, its legend and its panels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from klbench.figures import style
from klbench.figures.figure import Axis, Figure, Panel
from klbench.figures.scales import readable
from klbench.figures.style import Ink

_EDGE = 0.14
_PANEL_HEIGHT, _CATEGORY, _PANEL_TITLE, _BELOW = 2.15, 0.235, 0.24, 0.46
_BARS = 1.35
_LEGEND_ENTRY, _LINE_HEIGHT = 0.2, 0.165
_LONGEST_CATEGORY, _LONGEST_ENTRY = 2.1, 4.5
"""Of a name on an axis and of one in the legend, in inches."""
_MOST_DIRECT, _LONGEST_DIRECT = 6, 1.5
"""Names that are written beside lines, and the longest of them, in inches; more or longer ones make a legend."""
_TICKS = 0.44
_POINTS = 72


@dataclass(frozen=True)
class Place:
    """The axes of a panel; ``right`` is the room beside them."""

    x: float
    y: float
    width: float
    height: float
    right: float


@dataclass(frozen=True)
class Said:
    """A line of text; y is its baseline."""

    x: float
    y: float
    said: str
    size: float
    ink: Ink
    weight: str = "normal"


@dataclass(frozen=True)
class Entry:
    """An entry of the legend."""

    x: float
    y: float
    said: str
    colour: int


@dataclass(frozen=True)
class Placed:
    """A figure's places."""

    height: float
    texts: tuple[Said, ...]
    legend: tuple[Entry, ...]
    panels: tuple[Place, ...]
    is_direct: bool


@dataclass
class _Paper:
    """Places are taken from the top down: ``y`` is how far, below 0; the paper is as high as is taken in the end."""

    y: float = -_EDGE

    def down(self, height: float) -> float:
        """Take so much; the lower edge of it."""
        self.y -= height
        return self.y


def placed(figure: Figure) -> Placed:
    """The places of everything in a figure."""
    named = [(name, colour) for name, colour in figure.names if colour >= 0]
    direct = _is_direct(figure, [name for name, _ in named])
    paper = _Paper()
    texts = [*_header(figure, paper)]
    legend = [] if direct else [*_legend(named, paper)]
    panels = [place for row in _rows(figure) for place in _row(figure, row, paper, direct)]
    texts += _captions(figure, paper)
    height = -paper.down(_EDGE)
    return Placed(
        height,
        tuple(replace(text, y=text.y + height) for text in texts),
        tuple(replace(entry, y=entry.y + height) for entry in legend),
        tuple(replace(place, y=place.y + height) for place in panels),
        direct,
    )


def _header(figure: Figure, paper: _Paper) -> Iterator[Said]:
    for text, size, ink, weight in (
        (figure.title, style.TITLE, style.TEXT, "bold"),
        (figure.subtitle, style.SUBTITLE, style.QUIET, "normal"),
    ):
        for line in _lines(text, size):
            yield Said(_EDGE, paper.down(size / _POINTS * 1.5) + size / _POINTS * 0.4, line, size, ink, weight)


def _legend(named: list[tuple[str, int]], paper: _Paper) -> Iterator[Entry]:
    rows = _legend_rows(named)
    for row in rows:
        bottom = paper.down(_LEGEND_ENTRY)
        yield from (Entry(x, bottom + 0.02, name, colour) for x, name, colour in row)
    paper.down(0.06 * bool(rows))


def _row(figure: Figure, row: tuple[Panel, ...], paper: _Paper, direct: bool) -> list[Place]:
    height = max(map(_height, row))
    places = _across(figure, row, paper.down(_PANEL_TITLE + height), height, direct)
    paper.down(_BELOW)
    return places


def _captions(figure: Figure, paper: _Paper) -> Iterator[Said]:
    for caption in figure.captions:
        for line in wrapped(caption, style.TICK, style.WIDTH - 2 * _EDGE):
            yield Said(_EDGE, paper.down(_LINE_HEIGHT) + 0.04, line, style.TICK, style.QUIET)


def _rows(figure: Figure) -> list[tuple[Panel, ...]]:
    return [figure.panels[first : first + figure.columns] for first in range(0, len(figure.panels), figure.columns)]


def _height(panel: Panel) -> float:
    if panel.y.categories:
        return len(panel.y.categories) * _CATEGORY + 0.12
    return _BARS if panel.x.categories else _PANEL_HEIGHT


def _across(figure: Figure, row: tuple[Panel, ...], bottom: float, height: float, direct: bool) -> list[Place]:
    """The panels of a row: equally wide, each with room for its numbers on the left and its names on the right."""
    # one below the other they are in line, but for those under a panel of names
    mixed = len({bool(panel.y.categories) for panel in figure.panels}) > 1
    lefts = [*map(_left, row)] if mixed else [max(map(_left, column)) for column in _columns(figure)][: len(row)]
    right = max((width(name, style.DIRECT) for name, _ in figure.names), default=0.0) + 0.16 if direct else 0.12
    # a last row that is not full has wider panels, where there are lines to see
    wide = any(series.look == "line" for panel in row for series in panel.series)
    across = len(row) if wide else figure.columns
    each = (style.WIDTH - 2 * _EDGE - sum(lefts) - right * across) / across
    x, places = _EDGE, []
    for left in lefts:
        places.append(Place(x + left, bottom, each, height, right))
        x += left + each + right
    return places


def _columns(figure: Figure) -> list[tuple[Panel, ...]]:
    return [figure.panels[first :: figure.columns] for first in range(figure.columns)]


def _left(panel: Panel) -> float:
    label = 0.2 * bool(panel.y.label)
    if panel.y.is_bare:
        return 0.3
    if panel.y.categories:
        return max(width(name, style.TICK) for name in category_names(panel.y)) + 0.12 + label
    numbers = [readable(y) for series in panel.series for y in series.y if abs(y) < float("inf")]
    longest = max((width(text, style.TICK) for text in numbers if len(text) < 7), default=0.0)
    return max(_TICKS, longest) + label


def _is_direct(figure: Figure, names: list[str]) -> bool:
    lines = any(series.look == "line" for panel in figure.panels for series in panel.series)
    long = max((width(name, style.DIRECT) for name in names), default=0.0)
    return (
        lines and figure.columns < 3 and len(names) <= _MOST_DIRECT and long <= _LONGEST_DIRECT / figure.columns + 0.3
    )


def _legend_rows(named: list[tuple[str, int]]) -> list[list[tuple[float, str, int]]]:
    rows: list[list[tuple[float, str, int]]] = []
    x = style.WIDTH
    for full, colour in named:
        name = without_middle(full, style.DIRECT, _LONGEST_ENTRY)
        wide = 0.34 + width(name, style.DIRECT) + 0.22
        if x + wide > style.WIDTH - _EDGE:
            rows.append([])
            x = _EDGE
        rows[-1].append((x, name, colour))
        x += wide
    return rows


def _lines(text: str, size: float) -> list[str]:
    return wrapped(text, size, style.WIDTH - 2 * _EDGE) if text else []


def wrapped(text: str, size: float, room: float) -> list[str]:
    """The text in lines no wider than some inches."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def fitted(text: str, size: float, room: float) -> str:
    """The text, cut where it is wider than some inches."""
    if width(text, size) <= room:
        return text
    while text and width(f"{text}…", size) > room:
        text = text[:-1]
    return f"{text.rstrip()}…"


def category_names(axis: Axis) -> tuple[str, ...]:
    """The names on an axis as they are written: long ones without their middle."""
    return tuple(without_middle(name, style.TICK, _LONGEST_CATEGORY) for name in axis.categories)


def without_middle(text: str, size: float, room: float) -> str:
    """The text, or its beginning and its end where it is wider than some inches: names often differ in their ends."""
    kept = len(text)
    shown = text
    while width(shown, size) > room and kept > 2:
        kept -= 1
        shown = f"{text[: kept - kept // 2]}…{text[-(kept // 2) :]}"
    return shown


@cache
def width(text: str, size: float) -> float:
    """How wide a text is, in inches."""
    across, _, _ = TextToPath().get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(across) / _POINTS
