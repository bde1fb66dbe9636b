"""A line of the results, and its columns: each is described once, on its field, and knows the columns beside it.

A number that does not exist is NaN here and empty in every output; infinite is infinite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import copysign, inf, isfinite, nan
from typing import TYPE_CHECKING, Any, Literal

from klbench.estimators.vocabulary import FULL_PRECISION, level_called
from klbench.tolerances import BIAS_ROUNDING

if TYPE_CHECKING:
    from numpy import ndarray

ColumnKind = Literal["text", "count", "number"]
File = Literal["values", "gradients", "components"]
"""results.csv of values, results.csv of gradients, components.csv."""

RESULTS: tuple[File, ...] = ("values", "gradients")
EVERYWHERE: tuple[File, ...] = (*RESULTS, "components")


@dataclass(frozen=True)
class About:
    """What is to be known of a column.

    Args:
        name: as the header of the file writes it.
        kind: ``text``, ``count`` (whole numbers) or ``number`` (floats, which may be infinite).
        description: what it means and its unit, a sentence or two.
        files: where it stands.
        rounded: whether it stands there only where a spec asks for less than float64.
        of_sequences: whether it stands there only where a pair is of policies over sequences.
        of_ratio: whether it stands there only where a spec has the key ratio.
        error, exact, z: of a measured number, the columns of its Monte Carlo error, of the exact number beside it, and
            of how many errors they are apart; empty where there is none.
    """

    name: str
    kind: ColumnKind
    description: str
    files: tuple[File, ...]
    rounded: bool = False
    of_sequences: bool = False
    of_ratio: bool = False
    error: str = ""
    exact: str = ""
    z: str = ""


CONFIRMED = 0.1
"""A measured stdev within this share of the exact one is confirmed by it."""
_KINDS: Mapping[str, ColumnKind] = {"int": "count", "float": "number"}


def column(description: str, *files: File, default: Any = nan, **beside: Any) -> Any:
    """A field that is a column: what it means, the files it stands in, and what ``About`` says besides."""
    return field(default=default, metadata=_about(description, *files, **beside))


def _about(description: str, *files: File, **beside: Any) -> dict[str, Any]:
    return {"about": (description, files, beside)}


def columns_of(record: type) -> dict[str, About]:
    """The columns among the fields of ``Row`` or ``Components``, in their order."""
    columns = {}
    for attribute in fields(record):
        if "about" in attribute.metadata:
            description, files, beside = attribute.metadata["about"]
            kind = beside.get("kind", _KINDS.get(str(attribute.type), "text"))
            columns[attribute.name] = About(
                attribute.name, description=description, files=files, **{**beside, "kind": kind}
            )
    return columns


def falls_far_short(measured: float, exact: float) -> bool:
    """Whether a measured standard deviation is so much smaller than a finite exact one that rare draws are unseen."""
    return measured < 0.8 * exact < inf


@dataclass(frozen=True, kw_only=True)
class Row:
    """The measured and exact numbers of one quantity on one case: an estimator's value, or its gradient.

    A gradient has a placement. Units: nats, or ratios to ``true`` (values) or ``true_norm`` (gradients).
    """

    parameters: tuple[str, ...] = column(
        "The parameters of q the gradient is taken in, in torch's names.", "gradients", default=()
    )
    estimator: str = column("The estimator's name; `klbench explain NAME` says what it is.", *EVERYWHERE, default="")
    level: str = column(
        "Of sequences: whether the estimator takes each token's log_ratio (token) or the sum over its sequence "
        "(sequence). There only where a pair is of policies over sequences.",
        *EVERYWHERE,
        default="",
        of_sequences=True,
    )
    aggregation: str = column(
        "How token values become one number, in verl's words: seq-mean-token-sum, seq-mean-token-mean, token-mean or "
        "seq-mean-token-sum-norm. Each estimates a number of its own, which is `true`. Empty at level sequence.",
        *EVERYWHERE,
        default="",
        of_sequences=True,
    )
    target: str = column(
        "The number the estimator is meant to estimate; each estimator declares its own. A gradient is held to the "
        "gradient of that number.",
        *RESULTS,
        default="",
    )
    placement: str = column(
        "Where the estimator sits in training: loss (its derivative with respect to log q, times the score) or reward "
        "(its value, held constant, times the score).",
        "gradients",
        "components",
        default="",
    )
    weighting: str = column(
        "The importance weight ρ = q/sampler that multiplies the value: none; ratio, ρ differentiated; detached, "
        "sg(ρ), which is held constant (stop-gradient).",
        "gradients",
        "components",
        default="",
    )
    samples: int = column(
        "How many samples were drawn; in the reward with a baseline, whole batches of them.", *RESULTS, default=0
    )
    true: float = column(
        "The target's value, in nats, known exactly. In components.csv: the component of its gradient at q's "
        "parameters. Empty if klbench has no exact method for it.",
        "values",
        "components",
    )
    true_from: str = column(
        "Where `true` is from: closed-form, enumeration, quadrature or, of sequences, dynamic-programming.",
        "values",
        default="",
    )
    mean: float = column(
        "The measured mean of the estimator's value, in nats. In components.csv: of its gradient's component.",
        "values",
        "components",
        error="mean_mcse",
    )
    mean_mcse: float = column(
        "The Monte Carlo standard error of `mean`. Empty where the variance is infinite.", "values", "components"
    )
    bias: float = column("mean - true, in nats: the measured bias of one sample's value.", "values", error="bias_mcse")
    bias_mcse: float = column("The Monte Carlo standard error of `bias`.", "values")
    stdev: float = column(
        "The measured standard deviation of ONE sample's value, in nats. In components.csv: of its gradient's "
        "component.",
        "values",
        "components",
        error="stdev_mcse",
    )
    stdev_mcse: float = column(
        "The Monte Carlo standard error of `stdev`. Empty where the fourth moment is infinite, or it exceeds `stdev`.",
        "values",
    )
    true_norm: float = column(
        "The Euclidean norm of the gradient of the target at q's parameters. Empty if klbench has no exact method for "
        "it.",
        "gradients",
    )
    bias_over_true: float = column(
        "Values: bias / true. Gradients: ‖E g - ∇‖ / ‖∇‖, the distance of the mean gradient from the target's, in "
        "units of that. Empty where true is 0, infinite or unknown.",
        *RESULTS,
        error="bias_over_true_mcse",
        exact="exact_bias_over_true",
        z="z_bias",
    )
    bias_over_true_mcse: float = column("The Monte Carlo standard error of `bias_over_true`.", *RESULTS)
    stdev_over_true: float = column(
        "Values: stdev / true, the noise of one sample next to what it estimates. Gradients: √(trace of the covariance "
        "of one sample's gradient) / ‖∇‖; with a baseline, whose batch shares it, that of a batch of n, times √n.",
        *RESULTS,
        error="stdev_over_true_mcse",
        exact="exact_stdev_over_true",
        z="z_stdev",
    )
    stdev_over_true_mcse: float = column("The Monte Carlo standard error of `stdev_over_true`.", *RESULTS)
    cosine: float = column(
        "The cosine of the angle between the mean gradient and the target's: 1 where they point the same way, -1 where "
        "opposite. Empty where one of them is 0 or unknown.",
        "gradients",
        error="cosine_mcse",
        exact="exact_cosine",
        z="z_cosine",
    )
    cosine_mcse: float = column("The Monte Carlo standard error of `cosine`.", "gradients")
    bias_over_true_cv: float = column(
        "bias / true after regression on the controls whose mean is known, k1 - KL and r - 1: the same number with a "
        "smaller error. Empty for an estimator in their span, and where r has no variance.",
        "values",
        error="bias_over_true_cv_mcse",
        exact="exact_bias_over_true",
        z="z_bias_cv",
    )
    bias_over_true_cv_mcse: float = column("The Monte Carlo standard error of `bias_over_true_cv`.", "values")
    exact_bias_over_true: float = column(
        "`bias_over_true` by an exact method, without sampling. Empty if there is none.", *RESULTS
    )
    exact_stdev_over_true: float = column(
        "`stdev_over_true` by an exact method; inf where the variance is infinite.", *RESULTS
    )
    exact_cosine: float = column("`cosine` by an exact method. Empty if there is none.", "gradients")
    exact_from: str = column(
        "The exact method: closed-form, enumeration, quadrature or, of sequences, dynamic-programming.",
        *RESULTS,
        default="",
    )
    z_bias: float = column("(bias_over_true - exact_bias_over_true) / MCSE. `--check` fails beyond 5.", "values")
    z_stdev: float = column("(stdev_over_true - exact_stdev_over_true) / MCSE. `--check` fails beyond 5.", "values")
    negative_fraction: float = column("The share of samples, 0 to 1, whose value is negative.", "values")
    follows: str = column(
        "The divergence whose gradient equals the mean gradient, compared exactly: 0, KL(q‖p), KL(p‖q), "
        "KL(q‖p) − KL(p‖q), ½χ²(q‖p), χ²(p‖q), 2·TV, E_q[k] of the estimator itself, −KL(q‖p), −KL(p‖q), another "
        "multiple of a divergence or sum of two, such as 2·KL(q‖p) − KL(p‖q), or none of these. "
        "Empty if klbench has no exact method for it.",
        "gradients",
        default="",
    )
    nonfinite: int = column(
        "How many samples' values (gradients) are infinite or NaN; counted, never dropped. With a baseline: how many "
        "batches' gradients.",
        *RESULTS,
        default=0,
    )
    khat: float = column(
        "The Pareto tail index k-hat of the upper tail of |k| (Vehtari et al., JMLR 2024). Above 0.7 the mean and its "
        "error bar cannot be trusted at any affordable sample count.",
        "values",
    )
    seed: int = column("The spec's seed.", *RESULTS, default=0)
    dtype: str = column("What the estimator's arithmetic was done in.", *RESULTS, default=FULL_PRECISION)
    device: str = column("The kind of device the samples were drawn on: cpu or cuda.", *RESULTS, default="cpu")
    noise_ratio: float = column(
        "The measured noise relative to that of the estimator that the spec's key `ratio` names: stdev over its stdev "
        "on the same case, level and dtype. There only where a spec has that key; of gradients empty.",
        *RESULTS,
        of_ratio=True,
        error="noise_ratio_mcse",
        exact="exact_noise_ratio",
        z="z_noise_ratio",
    )
    noise_ratio_mcse: float = column(
        "The Monte Carlo standard error of `noise_ratio`, by the delta method on the same draws: what both share does "
        "not count. Empty where one of the two stdevs has no error bar.",
        *RESULTS,
        of_ratio=True,
    )
    exact_noise_ratio: float = column(
        "`noise_ratio` by an exact method; of gradients that of √(trace of the covariance). inf where only this "
        "variance is infinite, 0 where only the other is, empty where both are.",
        *RESULTS,
        of_ratio=True,
    )
    rounding_over_true: float = column(
        "How much of the bias is rounding: the mean in this dtype less the mean in float64 on the same draws, over "
        "true (gradients: the norm of that difference, over ‖∇‖). There only where the spec has a dtype below float64.",
        *RESULTS,
        rounded=True,
        error="rounding_over_true_mcse",
    )
    rounding_over_true_mcse: float = column(
        "The Monte Carlo standard error of `rounding_over_true`.", *RESULTS, rounded=True
    )
    z_bias_cv: float = nan
    z_cosine: float = nan
    z_noise_ratio: float = nan
    components: Components | None = field(default=None, compare=False)
    reference: Row | None = field(default=None, compare=False)
    """That of the estimator whose noise it is compared with; None where nothing is."""

    @property
    def called(self) -> str:
        """``k3``, ``k3 (sequence)``: the estimator, and how it takes sequences where that is not the default."""
        level = level_called(self.level, self.aggregation)
        return f"{self.estimator} ({level})" if level else self.estimator

    @property
    def is_gradient(self) -> bool:
        """Whether it is of a gradient, which is put somewhere, and not of a value."""
        return bool(self.placement)

    @property
    def scale(self) -> float:
        """What its ratios are in units of: the true value, or the length of the true gradient."""
        return self.true_norm if self.is_gradient else self.true

    @property
    def misses_rare_draws(self) -> bool:
        """Whether the measured stdev falls far short of a finite exact one: then the error bar is too small.

        Below float64 it is not said: the exact number is of float64, and the difference may be rounding.
        """
        return self.dtype == FULL_PRECISION and falls_far_short(self.stdev_over_true, self.exact_stdev_over_true)

    @property
    def confirmed(self) -> bool:
        """Whether the measured stdev is within a tenth of the exact one: then the error bar is right, whatever k̂
        says."""
        return abs(self.stdev_over_true - self.exact_stdev_over_true) < CONFIRMED * self.exact_stdev_over_true


def held_to_exact(row: Row) -> Row:
    """The row with how far its ratios are from the exact ones, in errors.

    Those of a value's bias and stdev are there already: in nats they exist also where a ratio does not. Exact numbers
    are of float64. Below it a bias is held to them where rounding has no part in it, and nothing else is.
    """
    regressed, exact_bias = row.bias_over_true_cv_mcse, row.exact_bias_over_true
    z_bias_cv = z_score(row.bias_over_true_cv, exact_bias, regressed) if _is_comparable(row, regressed) else nan
    if not row.is_gradient:
        return replace(row, z_bias_cv=z_bias_cv)
    error, noise = row.bias_over_true_mcse, row.exact_stdev_over_true
    in_float64 = row.dtype == FULL_PRECISION
    return replace(
        row,
        # a length is a difference of two vectors, which are known to a share of the noise
        z_bias=z_score(row.bias_over_true, exact_bias, error, scale=noise) if _is_comparable(row, error) else nan,
        z_stdev=z_score(row.stdev_over_true, noise, row.stdev_over_true_mcse) if in_float64 else nan,
        z_cosine=z_score(row.cosine, row.exact_cosine, row.cosine_mcse, scale=1.0) if in_float64 else nan,
    )


def with_references(rows: Sequence[Row], name: str | None) -> list[Row]:
    """Rows of one case, each with that of the estimator of this name in the same place, at the same level and dtype."""
    own = {_place(row): row for row in rows if row.estimator == name}
    return [replace(row, reference=own.get(_place(row))) for row in rows]


def _place(row: Row) -> tuple[str, ...]:
    return row.level, row.aggregation, row.placement, row.weighting, row.dtype


def _is_comparable(row: Row, mcse: float) -> bool:
    rounding, error = row.rounding_over_true, row.rounding_over_true_mcse
    return row.dtype == FULL_PRECISION or rounding_is_unseen(rounding, error, mcse)


def rounding_is_unseen(rounding: float, rounding_mcse: float, mcse: float) -> bool:
    """Whether rounding is known to be too small to move a z of a mean by more than a fifth."""
    return abs(rounding) + 2 * rounding_mcse <= _UNSEEN * mcse


@dataclass(frozen=True)
class Components:
    """A gradient, component by component: J numbers each, float64, NaN where there is none.

    ``true``, ``mean``, ``mean_mcse`` and ``stdev`` are columns of ``Row`` too, and described there.
    """

    parameter: tuple[str, ...] = field(
        metadata=_about("The parameter of q this component belongs to, in torch's name.", "components")
    )
    index: tuple[int, ...] = field(
        metadata=_about(
            "Where in its parameter the component is, from 0; a matrix is read row by row.", "components", kind="count"
        )
    )
    true: ndarray
    mean: ndarray
    mean_mcse: ndarray
    exact: ndarray = field(
        metadata=_about(
            "The mean of the component by an exact method. Empty if there is none.", "components", kind="number"
        )
    )
    stdev: ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """``loc``, or ``logits[2]`` where a parameter has several."""
        size = Counter(self.parameter)
        named = zip(self.parameter, self.index, strict=True)
        return tuple(name if size[name] == 1 else f"{name}[{index}]" for name, index in named)


_UNSEEN = 0.2
"""Of an error bar: rounding that moves a z by less is not seen in it."""


def z_score(measured: float, exact: float, mcse: float, scale: float = 0.0) -> float:
    """(measured − exact) / MCSE: NaN where one of them is missing, 0 where they differ by rounding only, of the exact
    number or of ``scale``."""
    off = measured - exact
    if not (isfinite(off) and isfinite(mcse)):
        return nan
    if abs(off) <= BIAS_ROUNDING * max(scale if isfinite(scale) else 0.0, abs(exact)):
        return 0.0
    return off / mcse if mcse > 0 else copysign(inf, off)
