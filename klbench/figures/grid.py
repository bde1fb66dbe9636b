"""Figures over a grid: bias, noise and the samples needed against the KL or the parameter; of gradients the cosine too.

With two parameters the second makes the panels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite

from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.figures.figure import Axis, Figure, Mark, Panel, colours
from klbench.figures.numbers_of_rows import (
    BIAS,
    COSINE,
    NEEDED,
    NOISE,
    Shown,
    axis_of,
    captions,
    in_words,
    named,
    rows_of,
    series_of,
    way,
)
from klbench.report.numbers import plain_number
from klbench.results import CaseResult, Crossing
from klbench.row import Row

KL = "KL(q‖p), nats"
_APART, _STEP = 1.5, 1.02
"""How much larger the largest KL is than the least, and each than the one before, for it to be what stands along x."""
_OF_LENGTH = ("length",)
"""Grid parameters that are themselves what one asks about, also where the KL changes with them."""


@dataclass(frozen=True)
class Across:
    """What stands along x: its label, and the value of each case."""

    label: str
    values: tuple[float, ...]
    parameter: str

    @property
    def axis(self) -> Axis:
        """Logarithmic where the values are of different sizes."""
        positive = [value for value in self.values if value > 0]
        wide = len(positive) == len(self.values) and max(positive) > 8 * min(positive)
        return Axis(self.label, "log" if wide else "linear")


def over_grid(pair: str, cases: Sequence[CaseResult], crossings: Sequence[Crossing], name: str) -> Iterator[Figure]:
    """The figures of a pair with a grid; values first, then gradients. None where nothing can be drawn."""
    for is_gradient in (False, True):
        own = [replace(case, rows=tuple(row for row in case.rows if row.is_gradient == is_gradient)) for case in cases]
        if any(case.rows for case in own):
            suffix = "-gradients" if is_gradient and any(not row.is_gradient for row in rows_of(cases)) else ""
            figure = _figure(pair, own, crossings, f"{name}{suffix}", is_gradient=is_gradient)
            if figure.panels:
                yield figure


def _figure(
    pair: str, cases: Sequence[CaseResult], crossings: Sequence[Crossing], name: str, *, is_gradient: bool
) -> Figure:
    names = tuple(cases[0].case.parameters)
    rows = rows_of(cases)
    palette = colours([named(row, rows) for row in rows])
    shown = (COSINE, BIAS, NOISE) if is_gradient else (BIAS, NOISE, NEEDED)
    ways = list(dict.fromkeys(map(way, rows)))
    what = "Gradients: cosine, bias and noise" if is_gradient else "Bias and noise"
    if len(names) > 1:
        label, panels = _multiples(cases, shown, palette)
    else:
        across = _across(cases)
        label = across.label
        panels = _whole(cases, shown, across, palette, crossings) if len(ways) < 2 else _by_way(cases, shown, across)
    panels = [panel for panel in panels if panel.series]
    columns = 1 if len(panels) == 1 else 3 if len(names) > 1 and len(panels) > 4 else 2
    title = f"{what} over {label.removesuffix(', nats')}"
    return Figure(name, title, pair, tuple(panels), columns, captions(panels))


def _whole(
    cases: Sequence[CaseResult],
    shown: Sequence[Shown],
    across: Across,
    palette: dict[str, int],
    crossings: Sequence[Crossing],
) -> list[Panel]:
    """A panel for each number."""
    return [_panel(each, cases, across, palette, crossings) for each in shown]


def _by_way(cases: Sequence[CaseResult], shown: Sequence[Shown], across: Across) -> list[Panel]:
    """A row of panels for each level, aggregation and precision."""
    ways = list(dict.fromkeys(map(way, rows_of(cases))))
    parts = {
        one: [replace(case, rows=tuple(_plain(row) for row in case.rows if way(row) == one)) for case in cases]
        for one in ways
    }
    plain = [row for part in parts.values() for row in rows_of(part)]
    palette = colours([named(row, plain) for row in plain])
    numbers = shown[:2] if shown[0] is BIAS else (COSINE, NOISE)
    return [
        replace(panel, title=f"{each.short}, {in_words(one, ways)}")
        for one, part in parts.items()
        for each in numbers
        for panel in [_panel(each, part, across, palette)]
    ]


def _plain(row: Row) -> Row:
    """The row under its estimator's name alone: the panel says the rest."""
    return replace(row, level="", aggregation="", dtype=FULL_PRECISION)


def _across(cases: Sequence[CaseResult]) -> Across:
    """The KL where it grows, or falls, with the parameter; else the parameter."""
    (parameter,) = cases[0].case.parameters
    values = tuple(float(case.case.parameters[parameter]) for case in cases)
    kls = tuple(case.kl for case in cases)
    usable = all(isfinite(kl) and kl > 0 for kl in kls) and max(kls) > _APART * min(kls)
    ordered = [kl for _, kl in sorted(zip(values, kls, strict=True))]
    # a KL that comes back, or stays, would lead a line back or straight up
    one_way = any(all(_grows(*pair) for pair in pairwise(kls)) for kls in (ordered, ordered[::-1]))
    if usable and one_way and parameter not in _OF_LENGTH:
        return Across(KL, kls, parameter)
    return Across(parameter, values, parameter)


def _grows(before: float, after: float) -> bool:
    return after > _STEP * before


def _panel(
    shown: Shown,
    cases: Sequence[CaseResult],
    across: Across,
    palette: dict[str, int],
    crossings: Sequence[Crossing] = (),
) -> Panel:
    """One number over the grid, for every name in the palette."""
    rows = rows_of(cases)
    points: dict[str, list[tuple[float, Row]]] = {}
    for x, case in zip(across.values, cases, strict=True):
        for row in case.rows:
            points.setdefault(named(row, rows), []).append((x, row))
    series = [
        one
        for name, found in points.items()
        for one in series_of(shown, name, palette[name], sorted(found, key=lambda point: point[0]))
    ]
    marks = tuple(_marks(crossings, across)) if shown is NOISE else ()
    return Panel(shown.title, across.axis, axis_of(shown, series), tuple(series), marks=marks)


_MOST_MARKS = 4


def _marks(crossings: Sequence[Crossing], across: Across) -> Iterator[Mark]:
    """The crossings of the noise, labelled with their KL; what would say the same at one place is said once."""
    told: dict[str, Mark] = {}
    for crossing in crossings:
        x = crossing.kl if across.label == KL else crossing.value
        if isfinite(x) and isfinite(crossing.size):
            at = f"KL {crossing.kl:.3g}" if isfinite(crossing.kl) else f"{crossing.parameter} {crossing.value:.3g}"
            told.setdefault(at, Mark(x, crossing.size, at))
    yield from list(told.values())[:_MOST_MARKS]


def _multiples(cases: Sequence[CaseResult], shown: Sequence[Shown], palette: dict[str, int]) -> tuple[str, list[Panel]]:
    """Over the parameter with the most values, a panel for each combination of the others; and that parameter."""
    parameters = tuple(cases[0].case.parameters)
    counts = {name: len({case.case.parameters[name] for case in cases}) for name in parameters}
    main = max(parameters, key=lambda name: counts[name])
    others = [name for name in parameters if name != main]
    groups: dict[tuple[float, ...], list[CaseResult]] = {}
    for case in cases:
        groups.setdefault(tuple(case.case.parameters[name] for name in others), []).append(case)
    panels: list[Panel] = []
    for each in shown[:2]:
        for values, own in groups.items():
            across = Across(main, tuple(float(case.case.parameters[main]) for case in own), main)
            at = ", ".join(f"{name} = {plain_number(value)}" for name, value in zip(others, values, strict=True))
            panels.append(replace(_panel(each, own, across, palette), title=f"{each.short}, {at}"))
    return main, panels
