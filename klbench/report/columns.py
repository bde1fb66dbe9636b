"""The columns of results.csv and components.csv, for every output: CSV, JSON, data frame, ``klbench explain``.

Most are fields of ``Row`` or ``Components``, which say what they mean. The spec, the case and its grid parameters,
which stand after ``pair``, are added here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from klbench.errors import unknown
from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.results import Results
from klbench.row import EVERYWHERE, RESULTS, About, ColumnKind, Components, Row, columns_of
from klbench.spec.cases import Case

Value = str | int | float | None
"""The value of a cell; None, empty in CSV and null in JSON, if it does not exist."""
Get = Callable[[str, Case, Any], object]
"""(the spec's name, the case, the row) -> the value of the cell, before NaN and "" become None."""


@dataclass(frozen=True)
class Column:
    """One column: its description, and how to get the value of a cell."""

    about: About
    get: Get

    @property
    def name(self) -> str:
        """The name of the column in the header of the file."""
        return self.about.name

    @property
    def kind(self) -> ColumnKind:
        """``text``, ``count`` or ``number``."""
        return self.about.kind

    @property
    def where(self) -> str:
        """The files that have the column: ``results.csv of gradients and components.csv``."""
        kinds = [kind for kind in RESULTS if kind in self.about.files]
        results = {0: [], 1: [f"results.csv of {kinds[0]}"] if kinds else [], 2: ["results.csv"]}[len(kinds)]
        return " and ".join([*results, *["components.csv"] * ("components" in self.about.files)])

    def value(self, spec: str, case: Case, row: Any) -> Value:
        """The value of the cell; None if the number or text does not exist."""
        value = self.get(spec, case, row)
        if isinstance(value, tuple):
            value = ", ".join(value)
        if value is None or value == "" or (isinstance(value, float) and isnan(value)):
            return None
        if self.kind == "text":
            return str(value)
        assert isinstance(value, int | float)
        return int(value) if self.kind == "count" else float(value)


def _of_row(about: About) -> Column:
    return Column(about, lambda _spec, _case, row: getattr(row, about.name))


def _of_case(name: str, description: str) -> Column:
    def get(_spec: str, case: Case, _row: Any) -> object:
        expression = getattr(case, name)
        return None if expression is None else str(expression)

    return Column(About(name, "text", description, RESULTS), get)


_BEFORE_GRID = (
    Column(About("spec", "text", "The spec's name.", EVERYWHERE), lambda spec, _case, _row: spec),
    Column(About("pair", "text", "The pair's name in the spec.", EVERYWHERE), lambda _spec, case, _row: case.pair),
)
_OF_CASE = (
    _of_case("q", "The distribution being penalised, KL's first argument."),
    _of_case("p", "The reference distribution, KL's second argument."),
    _of_case("sampler", "Where x is drawn from. Empty where that is q."),
)
_OF_ROW = {about.name: _of_row(about) for about in columns_of(Row).values()}
_OF_COMPONENTS = {about.name: _of_row(about) for about in columns_of(Components).values()}
COLUMNS = (*_BEFORE_GRID, *_OF_CASE, *_OF_ROW.values(), *_OF_COMPONENTS.values())
"""The columns of all files."""
_PLACES = ("estimator", "level", "aggregation", "placement", "weighting")
_PER_COMPONENT = ("parameter", "index", "true", "mean", "mean_mcse", "exact", "stdev")
_COMPONENTS = [{**_OF_ROW, **_OF_COMPONENTS}[name] for name in (*_PLACES, *_PER_COMPONENT)]


def columns_in(results: Results) -> tuple[Column, ...]:
    """Every column of these results in order, the grid parameters of any pair after ``pair``."""
    files = {"gradients" if kind == "gradient" else "values" for kind in results.spec.measure}
    rounded = any(dtype != FULL_PRECISION for dtype in results.spec.dtype)
    of_row = [
        column
        for column in (*_OF_CASE, *_OF_ROW.values())
        if files & {*column.about.files} and column.about.rounded <= rounded
        if column.about.of_sequences <= has_sequences(results)
        if column.about.of_ratio <= (results.spec.ratio is not None)
    ]
    return (*_BEFORE_GRID, *_grid(results), *of_row)


def component_columns_in(results: Results) -> tuple[Column, ...]:
    """Every column of components.csv in order; the dtype comes last, if there are several."""
    several = len(results.spec.dtype) > 1
    shown = [column for column in _COMPONENTS if column.about.of_sequences <= has_sequences(results)]
    return (*_BEFORE_GRID, *_grid(results), *shown, *[find("dtype")] * several)


def has_sequences(results: Results) -> bool:
    """Whether a case is of policies over sequences."""
    return any(row.level for _, row in results.rows())


def _grid(results: Results) -> list[Column]:
    return [grid_column(name, [result.case for result in results.cases]) for name in results.spec.grid_parameters()]


def find(name: str) -> Column:
    """The column called ``name``.

    Raises:
        SpecError: there is none; says which there are and what was probably meant.
    """
    by_name = {column.name: column for column in COLUMNS}
    if name not in by_name:
        raise unknown("column", name, by_name)
    return by_name[name]


def grid_column(name: str, cases: Sequence[Case]) -> Column:
    """The column of a grid parameter, which at least one of these cases has."""
    values = [case.parameters[name] for case in cases if name in case.parameters]
    kind: ColumnKind = "count" if all(isinstance(value, int) for value in values) else "number"
    about = About(name, kind, "A grid parameter of the spec.", EVERYWHERE)
    return Column(about, lambda _spec, case, _row: case.parameters.get(name))
