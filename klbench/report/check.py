"""The checks of ``--check``: measured numbers agree with exact ones, and with every published value.

|z| is at most 5, and |measured - expected| at most ``within`` + 5 MCSE. What was expected and could not be measured is
missed. A result of chance fails a z once in 1.7 million. The exact values are of float64: of a row in less, whose noise
is in part rounding, only the bias is held to them, and not where rounding is seen to be part of that. Values that are
infinite or NaN fail, unless the true value is infinite too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isnan, nan

from klbench.estimators.vocabulary import placed
from klbench.report.field import SURPRISE
from klbench.report.numbers import measured, parameters_text, plain_number
from klbench.results import CaseResult, Results
from klbench.row import Row, columns_of
from klbench.spec.cases import Expectation

_COLUMNS = columns_of(Row)
_MEASURED = [column for column in _COLUMNS.values() if column.z]
"""The measured columns with an exact number beside them and a z."""


@dataclass(frozen=True)
class Point:
    """One check: whether it holds, a line that says what was checked, and where the spec asks for it.

    ``expected``: the estimator and the column that the pair's ``expect`` has; empty where klbench checks by itself.
    """

    holds: bool
    text: str
    pair: str = ""
    expected: tuple[str, ...] = ()


def check(results: Results) -> Iterator[Point]:
    """Every check of every row, in the order of the rows."""
    for result in results.cases:
        for row in result.rows:
            yield from _agreement(result, row)
            yield from _numbers(result, row)
            for column, expectation in result.case.expect.get(row.estimator, {}).items():
                if _is_of(expectation, row, result):
                    yield _expected(result, row, column, expectation)


def _is_of(expectation: Expectation, row: Row, result: CaseResult) -> bool:
    if row.is_gradient or expectation.dtype not in (None, row.dtype):
        return False
    same = [other for other in result.rows if other.estimator == row.estimator and not other.is_gradient]
    return expectation.row_of([(other.level, other.aggregation) for other in same]) == (row.level, row.aggregation)


def not_checkable(results: Results) -> Iterator[str]:
    """Every measured number that cannot be checked: it has no exact number beside it, or no error bar."""
    for result in results.cases:
        for row in result.rows:
            for column in _MEASURED:
                if isnan(getattr(row, column.z)) and not isnan(getattr(row, column.name)):
                    yield _place(result, row, column.name)


def _agreement(result: CaseResult, row: Row) -> Iterator[Point]:
    for column in _MEASURED:
        z = getattr(row, column.z)
        if not isnan(z):
            beside = f"exactly {plain_number(getattr(row, column.exact))}: z = {z:.1f}, beyond ±{SURPRISE:g}"
            yield Point(abs(z) <= SURPRISE, f"{_place(result, row, column.name)}, {beside}", result.case.pair)


def _numbers(result: CaseResult, row: Row) -> Iterator[Point]:
    """A failed check if values are infinite or NaN, unless the true value is infinite too."""
    if row.nonfinite and not row.true == row.mean == inf:
        units = "gradients" if row.is_gradient else "values"
        how_many = f"all {row.samples:,}" if row.nonfinite == row.samples else f"{row.nonfinite:,} of {row.samples:,}"
        said = f"{', '.join(_which(result, row))}: {how_many} {units} are infinite or NaN"
        yield Point(False, said, result.case.pair)


def _expected(result: CaseResult, row: Row, column: str, expectation: Expectation) -> Point:
    value, error = getattr(row, column), _error_of(row, column)
    allowed = expectation.within + SURPRISE * (0.0 if isnan(error) else error)
    beside = f"expected {plain_number(expectation.value)} within {plain_number(expectation.within)}" + " + 5 MCSE" * (
        not isnan(error)
    )
    holds = value == expectation.value or abs(value - expectation.value) <= allowed  # two infinite values are equal
    said = f"{_place(result, row, column)}, {beside}"
    return Point(holds, said, result.case.pair, (row.estimator, column))


def _error_of(row: Row, column: str) -> float:
    error: float = getattr(row, _COLUMNS[column].error, nan) if _COLUMNS[column].error else nan
    return error


def _place(result: CaseResult, row: Row, column: str) -> str:
    shown = _shown(getattr(row, column), _error_of(row, column))
    return f"{', '.join(_which(result, row))}: {column} is {shown}"


def _which(result: CaseResult, row: Row) -> list[str]:
    """The parts that name a row: pair and parameters, estimator, place, and the precision if there are several."""
    parameters = parameters_text(result.case.parameters)
    where = f"{result.case.pair} ({parameters})" if parameters else result.case.pair
    which = [placed(row.placement, row.weighting)] if row.is_gradient else []
    dtype = [row.dtype] if any(other.dtype != row.dtype for other in result.rows) else []
    return [where, row.called, *which, *dtype]


def _shown(value: float, error: float) -> str:
    if isnan(value):
        return "empty"
    return plain_number(value) if isnan(error) else measured(value, error)
