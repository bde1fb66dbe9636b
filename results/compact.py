"""The compact tables of the page: a few numbers of every row, side by side, for the eye.

Of values: estimators by cases, in one table, whichever there is more of going down. Of gradients: a table for each
pair, or for all pairs without a grid, what was put where going down; or, where a story asks for it, one for each case,
with its placements or precisions across. What comes out alike is one line: that two names are one number is a result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isnan, nan

from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.report.field import LEVEL, ROUNDING, Field
from klbench.report.fields import BIAS, PLACEMENT, STDEV, symbol
from klbench.report.numbers import MISSING, count, measured, parameters_text, plain_number
from klbench.results import CaseResult, Results
from klbench.row import Row

Grid = list[list[str]]

_ROADS_AGREE = 1e-8
"""What is smaller than this in units of the true gradient is 0 to the exact roads."""


@dataclass(frozen=True)
class Cells:
    """What a compact table shows.

    Args:
        shows: the fields of a cell, one below the other.
        across: what tells the columns of one case apart; None where the columns are the cases.
        says: what a cell is, in a few words, where the page has not said it.
        table: makes the one table of a story that has a table of its own.
    """

    shows: tuple[Field, ...] = (BIAS, STDEV)
    across: Callable[[Row], str] | None = None
    says: str = ""
    table: Callable[[Results], Grid] | None = None


def _short(name: str) -> Callable[[Row], str]:
    """A number in three digits, for a table to be looked at."""

    def show(row: Row) -> str:
        number = float(getattr(row, name))
        return measured(0.0 if abs(number) < _ROADS_AGREE else number, nan)

    return show


def _follows(row: Row) -> str:
    follows = row.follows if row.is_gradient else ""
    return f"<b>{follows}</b>" if follows == symbol(row.target) else follows or MISSING


def _rounding(row: Row) -> str:
    if row.nonfinite:
        return f"<b>{count(row.nonfinite)} NaN</b>"
    if isnan(row.rounding_over_true):
        return MISSING if row.dtype == FULL_PRECISION else "finite"
    return ROUNDING.show(row)


FOLLOWS = Field("follows", _follows)
EXACT_BIAS = Field("bias/true", _short("exact_bias_over_true"))
EXACT_STDEV = Field("stdev/true", _short("exact_stdev_over_true"))
EXACT_COSINE = Field("cosine", _short("exact_cosine"))
ROUNDED = Field("rounding/true", _rounding)


def compact(results: Results, cells: Cells) -> str:
    """The compact tables of a spec, in Markdown, and what their cells are."""
    if cells.table:
        tables: Iterable[Grid] = [cells.table(results)]
    else:
        tables = _by_variant(results, cells) if cells.across else _by_case(results, cells)
    return "\n\n".join([*("\n".join(_markdown(table)) for table in tables), *[cells.says] * bool(cells.says)])


def _by_variant(results: Results, cells: Cells) -> Iterator[Grid]:
    """One table for each case: estimators by placements or precisions."""
    across = cells.across or PLACEMENT.show
    for case in results.cases:
        yield [[_title(case), *dict.fromkeys(map(across, case.rows))], *_alike(_lines(case, cells))]


def _lines(case: CaseResult, cells: Cells) -> Iterator[list[str]]:
    for estimator, rows in groupby(case.rows, key=lambda row: row.estimator):
        yield [estimator, *(_cell(row, cells) for row in rows)]


def _by_case(results: Results, cells: Cells) -> Iterator[Grid]:
    """Rows by cases: gradients with a table for each set of grid parameters, values whichever way is the longer."""
    if "gradient" in results.spec.measure:
        for _, cases in groupby(results.cases, key=lambda case: tuple(case.case.parameters)):
            yield _rows_by_cases(tuple(cases), cells)
        return
    table = _rows_by_cases(results.cases, cells)
    turned = len(table[0]) > len(table)
    yield [list(line) for line in zip(*table, strict=True)] if turned else table


def _rows_by_cases(cases: Sequence[CaseResult], cells: Cells) -> Grid:
    names = _names(cases[0].rows)
    lines = ([name, *(_cell(case.rows[i], cells) for case in cases)] for i, name in enumerate(names))
    pairs = {case.case.pair for case in cases}
    return [[pairs.pop() if len(pairs) == 1 < len(cases) else "case", *map(_title, cases)], *_alike(lines)]


def _alike(lines: Iterable[list[str]]) -> Iterator[list[str]]:
    """The lines that say something, those that say the same under all their names."""
    names: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, *cells in lines:
        names[tuple(cells)].append(name)
    for cells, alike in names.items():
        if {*cells} != {MISSING}:
            yield ["<br>".join(alike), *cells]


def _names(rows: Sequence[Row]) -> list[str]:
    """What each row is called: its estimator, and how it is put and computed where rows differ in that."""
    traits: tuple[Callable[[Row], str], ...] = (LEVEL.show, _placed, lambda row: row.dtype)
    telling = [trait for trait in traits if len({trait(row) for row in rows}) > 1]
    return [", ".join([row.estimator, *(trait(row) for trait in telling)]) for row in rows]


def _placed(row: Row) -> str:
    return PLACEMENT.show(row) if row.is_gradient else ""


def _title(result: CaseResult) -> str:
    name = parameters_text(result.case.parameters) or result.case.pair
    return f"{name}<br>KL {plain_number(result.kl)}"


def _cell(row: Row, cells: Cells) -> str:
    return "<br>".join(field.show(row) for field in cells.shows)


def _markdown(table: Grid) -> Iterator[str]:
    yield _line(table[0])
    yield _line([":--", *["--:"] * (len(table[0]) - 1)])
    yield from map(_line, table[1:])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("*", r"\*")
