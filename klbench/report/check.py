"""What ``--check`` holds a run to: measured and exact agree, and every published value is met.

|z| is at most 5, and |measured - expected| at most ``within`` + 5 MCSE. What was expected and could not be measured is
missed. A result of chance fails a z once in 1.7 million. The exact values are of float64: of a row in less, whose noise
is in part rounding, only the bias is held to them, and not where rounding is seen to be part of that. Values that are
infinite or NaN fail, unless the true value is infinite too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isnan, nan

from klbench.report.field import SURPRISE
from klbench.report.gradient_fields import placement
from klbench.report.numbers import measured, parameters_text, plain_number
from klbench.results import CaseResult, GradientRow, Results, Row
from klbench.spec.cases import Expectation

COMPARED = {
    "z_bias": ("bias_over_true", "exact_bias_over_true"),
    "z_stdev": ("stdev_over_true", "exact_stdev_over_true"),
}
"""Of every row: the z, the measured column, the exact one."""
COMPARED_VALUES = {**COMPARED, "z_bias_cv": ("bias_over_true_cv", "exact_bias_over_true")}
COMPARED_GRADIENTS = {**COMPARED, "z_cosine": ("cosine", "exact_cosine")}
AnyRow = Row | GradientRow


@dataclass(frozen=True)
class Point:
    """One thing checked, whether it holds, and what it is in a line."""

    holds: bool
    text: str


def check(results: Results) -> Iterator[Point]:
    """Every point of every row, in their order."""
    for result in results.cases:
        for row in result.rows:
            yield from _agreement(result, row)
            yield from _numbers(result, row)
            for column, expectation in result.case.expect.get(row.estimator, {}).items():
                if expectation.dtype in (None, row.dtype):
                    yield _expected(result, row, column, expectation)


def not_checkable(results: Results) -> Iterator[str]:
    """Every measured number that has nothing to be held to: no exact value beside it, or no error bar."""
    for result in results.cases:
        for row in result.rows:
            for z_column, (column, _) in _compared(row).items():
                if isnan(_z(row, z_column)) and not isnan(getattr(row, column)):
                    yield _place(result, row, column)


def _agreement(result: CaseResult, row: AnyRow) -> Iterator[Point]:
    for z_column, (column, exact_column) in _compared(row).items():
        z = _z(row, z_column)
        if not isnan(z):
            beside = f"exactly {plain_number(getattr(row, exact_column))}: z = {z:.1f}, beyond ±{SURPRISE:g}"
            yield Point(abs(z) <= SURPRISE, f"{_place(result, row, column)}, {beside}")


def _numbers(result: CaseResult, row: AnyRow) -> Iterator[Point]:
    """Values that are infinite or NaN, unless that is what they should be: the KL itself may be infinite."""
    if row.nonfinite and not (isinstance(row, Row) and row.true == row.mean == inf):
        units = "gradients" if isinstance(row, GradientRow) else "values"
        how_many = f"all {row.samples:,}" if row.nonfinite == row.samples else f"{row.nonfinite:,} of {row.samples:,}"
        yield Point(False, f"{', '.join(_which(result, row))}: {how_many} {units} are infinite or NaN")


def _compared(row: AnyRow) -> Mapping[str, tuple[str, str]]:
    return COMPARED_GRADIENTS if isinstance(row, GradientRow) else COMPARED_VALUES


def _z(row: AnyRow, z_column: str) -> float:
    """How far measured is from exact; NaN where they are not comparable."""
    z: float = getattr(row, z_column)
    return z


def _expected(result: CaseResult, row: AnyRow, column: str, expectation: Expectation) -> Point:
    value, error = getattr(row, column), _error_of(row, column)
    allowed = expectation.within + SURPRISE * (0.0 if isnan(error) else error)
    beside = f"expected {plain_number(expectation.value)} within {plain_number(expectation.within)}" + " + 5 MCSE" * (
        not isnan(error)
    )
    holds = value == expectation.value or abs(value - expectation.value) <= allowed  # equal also where infinite
    return Point(holds, f"{_place(result, row, column)}, {beside}")


def _error_of(row: AnyRow, column: str) -> float:
    error: float = getattr(row, f"{column}_mcse", nan)
    return error


def _place(result: CaseResult, row: AnyRow, column: str) -> str:
    shown = _shown(getattr(row, column), _error_of(row, column))
    return f"{', '.join(_which(result, row))}: {column} is {shown}"


def _which(result: CaseResult, row: AnyRow) -> list[str]:
    """Which row of a run: the pair with its parameters, the estimator, where it is put, its precision among several."""
    parameters = parameters_text(result.case.parameters)
    where = f"{result.case.pair} ({parameters})" if parameters else result.case.pair
    which = [placement(row)] if isinstance(row, GradientRow) else []
    dtype = [row.dtype] if any(each.dtype != row.dtype for each in result.rows) else []
    return [where, row.estimator, *which, *dtype]


def _shown(value: float, error: float) -> str:
    if isnan(value):
        return "empty"
    return plain_number(value) if isnan(error) else measured(value, error)
