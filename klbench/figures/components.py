"""Figures of gradients component by component: a bar for each, beside the true gradient. A lost token is a bar gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan

from klbench.figures.figure import Axis, Figure, Panel, Series
from klbench.figures.numbers_of_rows import ERRORS, named
from klbench.results import CaseResult
from klbench.row import Components, Row
from klbench.wording import counted, file_stem

_MOST_COMPONENTS, _MOST_PANELS = 24, 12


def by_component(case: CaseResult) -> Iterator[Figure]:
    """A figure of a case whose gradients have components: a panel for each row."""
    rows = [row for row in case.rows if row.components is not None]
    if not rows:
        return
    first = rows[0].components
    assert first is not None
    places = _largest(first)
    groups = _alike(rows)
    panels = [_panel(group, rows, index, places) for index, group in enumerate(groups[:_MOST_PANELS])]
    said = [
        "Outlines are the true gradient, bars the exact mean gradient; points are measured, their bars are "
        f"{ERRORS} standard errors.",
    ]
    said += [f"The {len(places)} largest of {counted(len(first.index), 'component')}."] * (
        len(places) < len(first.index)
    )
    if any(len(group) > 1 for group in groups):
        said.append("Rows with one mean gradient share a panel, which shows the points of the first.")
    hidden = sum(map(len, groups[_MOST_PANELS:]))
    said += [f"{counted(hidden, 'more row')} in components.csv."] * (hidden > 0)
    name = f"components-{file_stem(case.case.pair)}"
    title = f"Gradients component by component: {case.case.pair}"
    yield Figure(name, title, "", tuple(panels), min(3 if len(places) <= _FEW else 2, len(panels)), tuple(said))


_FEW = 8


def _largest(components: Components) -> tuple[int, ...]:
    """The places of the largest components of the true gradient, in their order."""
    sizes = [abs(float(value)) if not isnan(value) else 0.0 for value in components.true]
    ranked = sorted(range(len(sizes)), key=lambda place: -sizes[place])[:_MOST_COMPONENTS]
    return tuple(sorted(ranked))


def _alike(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows in groups of one exact mean gradient; what has none is alone."""
    groups: list[list[Row]] = []
    for row in rows:
        group = next((group for group in groups if _is_same(group[0], row)), None)
        if group is None:
            groups.append([row])
        else:
            group.append(row)
    return groups


def _is_same(one: Row, other: Row) -> bool:
    first, second = one.components, other.components
    if first is None or second is None or len(first.exact) != len(second.exact):
        return False
    scale = max(abs(first.true).max(), 1e-300)
    return bool((abs(first.exact - second.exact) <= _SAME * scale).all())


_SAME = 1e-6
"""Of the largest true component: gradients that differ by less are one."""


def _panel(group: Sequence[Row], rows: Sequence[Row], colour: int, places: Sequence[int]) -> Panel:
    held = group[0].components
    assert held is not None
    name = _called([named(row, rows) for row in group])
    parameters = dict.fromkeys(held.parameter[place] for place in places)
    # of one parameter the axis has its name, and the places their numbers
    alone = len(parameters) == 1 and len(held.index) > 1
    names = tuple(str(held.index[place]) if alone else held.names[place] for place in places)
    label = next(iter(parameters)) if alone else ""
    x = tuple(float(index) for index in range(len(places)))

    def numbers(vector: str) -> tuple[float, ...]:
        values = getattr(held, vector)
        return tuple(float(values[place]) for place in places)

    bars = tuple(ERRORS * error for error in numbers("mean_mcse"))
    series = (
        Series(name, colour, "bars", x, numbers("exact")),
        Series("true", -1, "outline", x, numbers("true")),
        Series(name, colour, "points", x, numbers("mean"), bars, tuple(map(isnan, bars))),
    )
    return Panel(name, Axis(label, categories=names), Axis(""), series)


def _called(names: Sequence[str]) -> str:
    """``k1, loss``; of several the first and how many more: ``k2, loss (+3)``."""
    return names[0] if len(names) == 1 else f"{names[0]} (+{len(names) - 1})"
