"""The columns of results.csv and components.csv: one table that every output follows (CSV, JSON, data frame, ``klbench
explain``).

Adding a column is one field of ``Row``, ``GradientRow`` or ``Components`` and one entry here, which says the files it
belongs to. Grid parameters become columns of their own after ``pair``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

from klbench.errors import unknown
from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.results import GradientRow, Results
from klbench.spec.cases import Case

Kind = Literal["text", "count", "number"]
File = Literal["values", "gradients", "components"]
"""results.csv of values, results.csv of gradients, components.csv."""
Value = str | int | float | None
"""What a cell holds. None: does not exist; empty in CSV, null in JSON."""


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        name: as the header of the file writes it.
        kind: ``text``, ``count`` (whole numbers) or ``number`` (floats, which may be infinite).
        description: what it means and its unit, a sentence or two.
        get: (the spec's name, the case, the row) -> what the cell holds before NaN and "" become None.
        files: where it stands.
        rounded: whether it stands there only where a spec asks for less than float64.
    """

    name: str
    kind: Kind
    description: str
    get: Callable[[str, Case, Any], Value]
    files: tuple[File, ...]
    rounded: bool = False

    @property
    def where(self) -> str:
        """The files it is in, ``results.csv of gradients and components.csv``."""
        kinds = [kind for kind in RESULTS if kind in self.files]
        results = {0: [], 1: [f"results.csv of {kinds[0]}"] if kinds else [], 2: ["results.csv"]}[len(kinds)]
        return " and ".join([*results, *["components.csv"] * ("components" in self.files)])

    def value(self, spec: str, case: Case, row: Any) -> Value:
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


RESULTS: tuple[File, ...] = ("values", "gradients")
EVERYWHERE: tuple[File, ...] = (*RESULTS, "components")


def _of_row(name: str, kind: Kind, description: str, *files: File, rounded: bool = False) -> Column:
    def get(_spec: str, _case: Case, row: Any) -> Value:
        value: Value = getattr(row, name)
        return value

    return Column(name, kind, description, get, files, rounded)


def _of_case(name: str, description: str) -> Column:
    def get(_spec: str, case: Case, _row: Any) -> Value:
        expression = getattr(case, name)
        return None if expression is None else str(expression)

    return Column(name, "text", description, get, RESULTS)


_BEFORE_GRID = (
    Column("spec", "text", "The spec's name.", lambda spec, _case, _row: spec, EVERYWHERE),
    Column("pair", "text", "The pair's name in the spec.", lambda _spec, case, _row: case.pair, EVERYWHERE),
)

_AFTER_GRID = (
    _of_case("q", "The distribution being penalised, KL's first argument."),
    _of_case("p", "The reference distribution, KL's second argument."),
    _of_case("sampler", "Where x is drawn from. Empty where that is q."),
    Column(
        "parameters",
        "text",
        "The parameters of q the gradient is taken in, in torch's names.",
        lambda _spec, _case, row: ", ".join(row.parameters) if isinstance(row, GradientRow) else None,
        ("gradients",),
    ),
    _of_row("estimator", "text", "The estimator's name; `klbench explain NAME` says what it is.", *EVERYWHERE),
    _of_row(
        "target",
        "text",
        "The number the estimator is meant to estimate; each estimator declares its own. A gradient is held to the "
        "gradient of that number.",
        *RESULTS,
    ),
    _of_row(
        "placement",
        "text",
        "Where the estimator sits in training: loss (its derivative with respect to log q, times the score) or reward "
        "(its value, held constant, times the score).",
        "gradients",
        "components",
    ),
    _of_row(
        "weighting",
        "text",
        "The importance weight ρ = q/sampler that multiplies the value: none; ratio, ρ differentiated; detached, "
        "sg(ρ), which is held constant (stop-gradient).",
        "gradients",
        "components",
    ),
    _of_row("parameter", "text", "The parameter of q this component belongs to, in torch's name.", "components"),
    _of_row(
        "index", "count", "Where in its parameter the component is, from 0; a matrix is read row by row.", "components"
    ),
    _of_row(
        "samples",
        "count",
        "How many samples were drawn; in the reward with a baseline, whole batches of them.",
        *RESULTS,
    ),
    _of_row(
        "true",
        "number",
        "The target's value, in nats, known exactly. In components.csv: the component of its gradient at q's "
        "parameters. Empty if klbench has no exact method for it.",
        "values",
        "components",
    ),
    _of_row("true_from", "text", "Where `true` is from: closed-form, enumeration or quadrature.", "values"),
    _of_row(
        "mean",
        "number",
        "The measured mean of the estimator's value, in nats. In components.csv: of its gradient's component.",
        "values",
        "components",
    ),
    _of_row(
        "mean_mcse",
        "number",
        "The Monte Carlo standard error of `mean`. Empty where the variance is infinite.",
        "values",
        "components",
    ),
    _of_row("bias", "number", "mean - true, in nats: the measured bias of one sample's value.", "values"),
    _of_row("bias_mcse", "number", "The Monte Carlo standard error of `bias`.", "values"),
    _of_row("exact", "number", "The mean of the component by an exact method. Empty if there is none.", "components"),
    _of_row(
        "stdev",
        "number",
        "The measured standard deviation of ONE sample's value, in nats. In components.csv: of its gradient's "
        "component.",
        "values",
        "components",
    ),
    _of_row(
        "stdev_mcse",
        "number",
        "The Monte Carlo standard error of `stdev`. Empty where the fourth moment is infinite, or it exceeds `stdev`.",
        "values",
    ),
    _of_row(
        "true_norm",
        "number",
        "The Euclidean norm of the gradient of the target at q's parameters. Empty if klbench has no exact method for "
        "it.",
        "gradients",
    ),
    _of_row(
        "bias_over_true",
        "number",
        "Values: bias / true. Gradients: ‖E g - ∇‖ / ‖∇‖, the distance of the mean gradient from the target's, in "
        "units of that. Empty where true is 0, infinite or unknown.",
        *RESULTS,
    ),
    _of_row("bias_over_true_mcse", "number", "The Monte Carlo standard error of `bias_over_true`.", *RESULTS),
    _of_row(
        "stdev_over_true",
        "number",
        "Values: stdev / true, the noise of one sample next to what it estimates. Gradients: √(trace of the covariance "
        "of one sample's gradient) / ‖∇‖; with a baseline, whose batch shares it, that of a batch of n, times √n.",
        *RESULTS,
    ),
    _of_row("stdev_over_true_mcse", "number", "The Monte Carlo standard error of `stdev_over_true`.", *RESULTS),
    _of_row(
        "cosine",
        "number",
        "The cosine of the angle between the mean gradient and the target's: 1 where they point the same way, -1 where "
        "opposite. Empty where one of them is 0 or unknown.",
        "gradients",
    ),
    _of_row("cosine_mcse", "number", "The Monte Carlo standard error of `cosine`.", "gradients"),
    _of_row(
        "bias_over_true_cv",
        "number",
        "bias / true after regression on the controls whose mean is known, k1 - KL and r - 1: the same number with a "
        "smaller error. Empty for an estimator in their span, and where r has no variance.",
        "values",
    ),
    _of_row("bias_over_true_cv_mcse", "number", "The Monte Carlo standard error of `bias_over_true_cv`.", "values"),
    _of_row(
        "exact_bias_over_true",
        "number",
        "`bias_over_true` by an exact method, without sampling. Empty if there is none.",
        *RESULTS,
    ),
    _of_row(
        "exact_stdev_over_true",
        "number",
        "`stdev_over_true` by an exact method; inf where the variance is infinite.",
        *RESULTS,
    ),
    _of_row("exact_cosine", "number", "`cosine` by an exact method. Empty if there is none.", "gradients"),
    _of_row("exact_from", "text", "The exact method: closed-form, enumeration or quadrature.", *RESULTS),
    _of_row("z_bias", "number", "(bias_over_true - exact_bias_over_true) / MCSE. `--check` fails beyond 5.", "values"),
    _of_row(
        "z_stdev", "number", "(stdev_over_true - exact_stdev_over_true) / MCSE. `--check` fails beyond 5.", "values"
    ),
    _of_row("negative_fraction", "number", "The share of samples, 0 to 1, whose value is negative.", "values"),
    _of_row(
        "follows",
        "text",
        "The divergence whose gradient equals the mean gradient, compared exactly: 0, KL(q‖p), KL(p‖q), "
        "KL(q‖p) − KL(p‖q), ½χ²(q‖p), χ²(p‖q), 2·TV, E_q[k] of the estimator itself, −KL(q‖p), −KL(p‖q), another "
        "multiple of a divergence or sum of two, such as 2·KL(q‖p) − KL(p‖q), or none of these. "
        "Empty if klbench has no exact method for it.",
        "gradients",
    ),
    _of_row(
        "nonfinite",
        "count",
        "How many samples' values (gradients) are infinite or NaN; counted, never dropped. With a baseline: how many "
        "batches' gradients.",
        *RESULTS,
    ),
    _of_row(
        "khat",
        "number",
        "The Pareto tail index k-hat of the upper tail of |k| (Vehtari et al., JMLR 2024). Above 0.7 the mean and its "
        "error bar cannot be trusted at any affordable sample count.",
        "values",
    ),
    _of_row("seed", "count", "The spec's seed.", *RESULTS),
    _of_row("dtype", "text", "What the estimator's arithmetic was done in.", *RESULTS),
    _of_row("device", "text", "The kind of device the samples were drawn on: cpu or cuda.", *RESULTS),
    _of_row(
        "rounding_over_true",
        "number",
        "How much of the bias is rounding: the mean in this dtype less the mean in float64 on the same draws, over "
        "true (gradients: the norm of that difference, over ‖∇‖). There only where the spec has a dtype below float64.",
        *RESULTS,
        rounded=True,
    ),
    _of_row(
        "rounding_over_true_mcse",
        "number",
        "The Monte Carlo standard error of `rounding_over_true`.",
        *RESULTS,
        rounded=True,
    ),
)

COLUMNS = (*_BEFORE_GRID, *_AFTER_GRID)
"""Every column there is, of any file."""


def columns_of(results: Results) -> tuple[Column, ...]:
    """Every column of these results in order, the grid parameters of any pair after ``pair``."""
    file: File = "gradients" if results.spec.measure == "gradient" else "values"
    rounded = any(dtype != FULL_PRECISION for dtype in results.spec.dtype)
    return _with_grid(results, [column for column in COLUMNS if file in column.files and column.rounded <= rounded])


def component_columns_of(results: Results) -> tuple[Column, ...]:
    """Every column of components.csv in order; at the end the dtype, where the lines could not be told apart else."""
    several = len(results.spec.dtype) > 1
    columns = [column for column in COLUMNS if "components" in column.files]
    return (*_with_grid(results, columns), *[find("dtype")] * several)


def _with_grid(results: Results, columns: Sequence[Column]) -> tuple[Column, ...]:
    grid = [grid_column(name, [result.case for result in results.cases]) for name in results.spec.grid_parameters()]
    return (*columns[: len(_BEFORE_GRID)], *grid, *columns[len(_BEFORE_GRID) :])


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
    """The column of a grid parameter of these cases, some of which have it."""
    values = [case.parameters[name] for case in cases if name in case.parameters]
    kind: Kind = "count" if _whole(values) else "number"
    description = "A grid parameter of the spec."
    return Column(name, kind, description, lambda _spec, case, _row: case.parameters.get(name), EVERYWHERE)


def _whole(values: Sequence[float]) -> bool:
    return all(isinstance(value, int) for value in values)
