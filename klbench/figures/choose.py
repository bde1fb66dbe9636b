"""Which figures suit some results: what is drawn of a pair depends on its grid and on what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from klbench.figures.components import by_component
from klbench.figures.figure import Figure
from klbench.figures.grid import over_grid
from klbench.figures.running import running_means
from klbench.figures.single import side_by_side
from klbench.results import Results
from klbench.wording import file_stem


def figures_of(results: Results) -> tuple[Figure, ...]:
    """The figures of a run, in the order of its pairs; those without a grid share one."""
    return tuple(_figures(results))


def _figures(results: Results) -> Iterator[Figure]:
    grouped = [(pair, list(cases)) for pair, cases in groupby(results.cases, key=lambda case: case.case.pair)]
    alone = [case for _, cases in grouped for case in cases if not case.case.parameters]
    yield from side_by_side(alone)
    for case in alone:
        yield from by_component(case)
        if case.data is not None:
            from klbench.figures.saved import of_data  # torch, which no other figure of rows needs

            yield from of_data(case)
    for pair, cases in grouped:
        yield from running_means(cases, pair)
        if cases[0].case.parameters:
            crossings = [crossing for crossing in results.crossings if crossing.pair == pair]
            yield from over_grid(pair, cases, crossings, file_stem(pair))
