"""The columns of results.csv: one table that every output follows (CSV, JSON, data frame, ``klbench explain``).

Adding a column is one field of ``Row`` and one entry here. Grid parameters become columns of their own after ``pair``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal

from klbench.errors import unknown
from klbench.results import Results, Row
from klbench.spec.cases import Case

Kind = Literal["text", "count", "number"]
Value = str | int | float | None
"""What a cell holds. None: does not exist; empty in CSV, null in JSON."""


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        name: as the header of results.csv writes it.
        kind: ``text``, ``count`` (whole numbers) or ``number`` (floats, which may be infinite).
        description: what it means and its unit, a sentence or two.
        get: (the spec's name, the case, the row) -> what the cell holds before NaN and "" become None.
    """

    name: str
    kind: Kind
    description: str
    get: Callable[[str, Case, Row], Value]

    def value(self, spec: str, case: Case, row: Row) -> Value:
        """What the cell holds; None where the number or text does not exist."""
        value = self.get(spec, case, row)
        if value is None or value == "" or (isinstance(value, float) and isnan(value)):
            return None
        match self.kind:
            case "text":
                return str(value)
            case "count":
                return int(value)
            case "number":
                return float(value)


def _of_row(name: str, kind: Kind, description: str) -> Column:
    def get(_spec: str, _case: Case, row: Row) -> Value:
        value: Value = getattr(row, name)
        return value

    return Column(name, kind, description, get)


def _text(expression: object) -> str | None:
    return None if expression is None else str(expression)


_BEFORE_GRID = (
    Column("spec", "text", "The spec's name.", lambda spec, _case, _row: spec),
    Column("pair", "text", "The pair's name in the spec.", lambda _spec, case, _row: case.pair),
)

_AFTER_GRID = (
    Column(
        "q", "text", "The distribution being penalised, KL's first argument.", lambda _spec, case, _row: _text(case.q)
    ),
    Column("p", "text", "The reference distribution, KL's second argument.", lambda _spec, case, _row: _text(case.p)),
    Column(
        "sampler",
        "text",
        "Where x is drawn from. Empty where that is q.",
        lambda _spec, case, _row: _text(case.sampler),
    ),
    _of_row("estimator", "text", "The estimator's name; `klbench explain NAME` says what it is."),
    _of_row("target", "text", "The number the estimator is meant to estimate; each estimator declares its own."),
    _of_row("samples", "count", "How many samples were drawn."),
    _of_row("true", "number", "The target's value, in nats, known exactly. Empty where no exact road exists."),
    _of_row("true_from", "text", "Where `true` is from: closed-form, enumeration or quadrature."),
    _of_row("mean", "number", "The measured mean of the estimator's value, in nats."),
    _of_row("mean_mcse", "number", "The Monte Carlo standard error of `mean`. Empty where the variance is infinite."),
    _of_row("bias", "number", "mean - true, in nats: the measured bias of one sample's value."),
    _of_row("bias_mcse", "number", "The Monte Carlo standard error of `bias`."),
    _of_row("stdev", "number", "The measured standard deviation of ONE sample's value, in nats."),
    _of_row(
        "stdev_mcse",
        "number",
        "The Monte Carlo standard error of `stdev`. Empty where the fourth moment is infinite, or it exceeds `stdev`.",
    ),
    _of_row("bias_over_true", "number", "bias / true. Empty where true is 0, infinite or unknown."),
    _of_row("bias_over_true_mcse", "number", "The Monte Carlo standard error of `bias_over_true`."),
    _of_row("stdev_over_true", "number", "stdev / true: the noise of one sample next to what it estimates."),
    _of_row("stdev_over_true_mcse", "number", "The Monte Carlo standard error of `stdev_over_true`."),
    _of_row(
        "bias_over_true_cv",
        "number",
        "bias / true after regression on the controls whose mean is known, k1 - KL and r - 1: the same number with a "
        "smaller error. Empty for an estimator in their span, and where r has no variance.",
    ),
    _of_row("bias_over_true_cv_mcse", "number", "The Monte Carlo standard error of `bias_over_true_cv`."),
    _of_row("exact_bias_over_true", "number", "bias / true by an exact road, no sampling. Empty where there is none."),
    _of_row("exact_stdev_over_true", "number", "stdev / true by an exact road; inf where the variance does not exist."),
    _of_row("exact_from", "text", "The exact road: closed-form, enumeration or quadrature."),
    _of_row("z_bias", "number", "(bias_over_true - exact_bias_over_true) / MCSE. `--check` fails beyond 5."),
    _of_row("z_stdev", "number", "(stdev_over_true - exact_stdev_over_true) / MCSE. `--check` fails beyond 5."),
    _of_row("negative_fraction", "number", "The share of samples, 0 to 1, whose value is negative."),
    _of_row("nonfinite", "count", "How many samples' values are infinite or NaN; counted, never dropped."),
    _of_row(
        "khat",
        "number",
        "The Pareto tail index k-hat of the upper tail of |k| (Vehtari et al., JMLR 2024). Above 0.7 the mean and its "
        "error bar cannot be trusted at any affordable sample count.",
    ),
    _of_row("seed", "count", "The spec's seed."),
    _of_row("dtype", "text", "What the estimator's arithmetic was done in."),
    _of_row("device", "text", "The kind of device the samples were drawn on: cpu or cuda."),
)

COLUMNS = (*_BEFORE_GRID, *_AFTER_GRID)


def columns_of(results: Results) -> tuple[Column, ...]:
    """Every column of these results in order, the grid parameters of any pair after ``pair``."""
    parameters = results.spec.grid_parameters()
    return (*_BEFORE_GRID, *(_grid_column(name, results) for name in parameters), *_AFTER_GRID)


def find(name: str) -> Column:
    """The column called ``name``.

    Raises:
        SpecError: there is none; says which there are and what was probably meant.
    """
    by_name = {column.name: column for column in COLUMNS}
    if name not in by_name:
        raise unknown("column", name, by_name)
    return by_name[name]


def _grid_column(name: str, results: Results) -> Column:
    values = [result.case.parameters[name] for result in results.cases if name in result.case.parameters]
    kind: Kind = "count" if _whole(values) else "number"
    return Column(name, kind, "A grid parameter of the spec.", lambda _spec, case, _row: case.parameters.get(name))


def _whole(values: Sequence[float]) -> bool:
    return all(isinstance(value, int) for value in values)
