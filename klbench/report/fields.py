"""The columns of the tables for people, chosen from those of results.csv, and the meanings of their words and marks.

Adding a column to the table and to Markdown is one ``Field``, named in the layouts it belongs to. If the fullest
layout does not fit, the next is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, isnan, nan, sqrt

from klbench.estimators.divergence import FORWARD_KL, REVERSE_KL
from klbench.estimators.vocabulary import placed
from klbench.report.field import (
    DISAGREES,
    ESTIMATOR,
    MEASURED,
    NO_ERROR_BAR,
    REGRESSED,
    ROUNDING,
    SURPRISE,
    TRUE,
    UNTRUSTED,
    Field,
    Layout,
    Meaning,
    with_error,
)
from klbench.report.numbers import MISSING, count, exact_beside, fixed, measured, plain_number
from klbench.row import CONFIRMED, About, Row, columns_of
from klbench.tolerances import TRUSTED
from klbench.wording import percent

_COLUMNS = columns_of(Row)
_SYMBOLS = {divergence.name: divergence.symbol for divergence in (REVERSE_KL, FORWARD_KL)}


def symbol(target: str) -> str:
    """The symbol of a target, as in ``follows``, or else its name: ``KL(q‖p)`` for the reverse KL."""
    return _SYMBOLS.get(target, target)


def tail(row: Row) -> float:
    """The tail index of the values; -inf if the exact stdev confirms the measured one, inf if it lacks rare draws."""
    return inf if row.misses_rare_draws else -inf if row.confirmed else row.khat


def _with_error(row: Row, about: About, order: int = 1) -> str:
    """A measured number of a row with its error and marks; a mean of k-th powers has k times the tail index."""
    value, error = getattr(row, about.name), getattr(row, about.error)
    return with_error(value, error, getattr(row, about.z) if about.z else 0.0, order * tail(row))


def _measured(name: str, header: str = MEASURED, group: str = "", order: int = 1) -> Field:
    about = _COLUMNS[name]
    return Field(header, lambda row: _with_error(row, about, order), (name,), group=group)


def _exact(name: str, group: str) -> Field:
    column = _COLUMNS[name].exact
    return Field("exact", lambda row: _beside(row, column), (column,), quiet=True, group=group)


def _beside(row: Row, column: str) -> str:
    """The exact number; for a gradient 0 if it is only rounding next to 1, because its length is a difference."""
    value = getattr(row, column)
    return exact_beside(value, 1.0) if row.is_gradient and column != "exact_stdev_over_true" else plain_number(value)


def _z(name: str, group: str) -> Field:
    column = _COLUMNS[name].z
    return Field("z", lambda row: fixed(getattr(row, column), 1, sign="+"), (column,), quiet=True, group=group)


def _better_bias(row: Row) -> str:
    return BIAS.show(row) if isnan(row.bias_over_true_cv) else REGRESSED_BIAS.show(row) + REGRESSED


def _colour(row: Row) -> str:
    """Green if the gradient follows the estimator's target, red if it follows nothing with a name."""
    if row.follows == symbol(row.target):
        return "bold green"
    return "bold red" if row.follows in ("0", "none") else "bold yellow"


def _length(row: Row, name: str) -> float:
    """The Euclidean norm of one vector of a row's components."""
    if row.components is None:
        return nan
    vector = getattr(row.components, name)
    return sqrt(float((vector * vector).sum()))


_BIAS, _STDEV, _COSINE, _LENGTH = "bias/true", "stdev/true", "cosine", "‖mean‖"
_SQUARES = 2
"""A stdev averages squares, and their tail index is twice as large."""

BIAS = _measured("bias_over_true", group=_BIAS)
REGRESSED_BIAS = _measured("bias_over_true_cv", "regressed", group=_BIAS)
BETTER_BIAS = Field(MEASURED, _better_bias, ("bias_over_true", "bias_over_true_cv"), group=_BIAS)
EXACT_BIAS = _exact("bias_over_true", _BIAS)
Z_BIAS = _z("bias_over_true", _BIAS)
STDEV = _measured("stdev_over_true", group=_STDEV, order=_SQUARES)
EXACT_STDEV = _exact("stdev_over_true", _STDEV)
Z_STDEV = _z("stdev_over_true", _STDEV)
COSINE = _measured("cosine", group=_COSINE)
EXACT_COSINE = _exact("cosine", _COSINE)
MEAN = _measured("mean", "mean")
ABSOLUTE_STDEV = _measured("stdev", "stdev", order=_SQUARES)
NEGATIVE = Field("k < 0", lambda row: percent(row.negative_fraction), ("negative_fraction",))
KHAT = Field("k̂", lambda row: fixed(row.khat, 2), ("khat",))
PLACEMENT = Field("placement", lambda row: placed(row.placement, row.weighting), numeric=False)
FOLLOWS = Field("follows", lambda row: row.follows or MISSING, numeric=False, colour=_colour)
NONFINITE = Field("nonfinite", lambda row: count(row.nonfinite) if row.nonfinite else MISSING, ("nonfinite",))
LENGTH = Field(
    MEASURED, lambda row: measured(_length(row, "mean"), nan), group=_LENGTH, number=lambda row: _length(row, "mean")
)
EXACT_LENGTH = Field(
    "exact",
    lambda row: exact_beside(_length(row, "exact"), _length(row, "stdev")),
    quiet=True,
    group=_LENGTH,
    number=lambda row: _length(row, "exact"),
)
NOISE = Field("stdev", lambda row: measured(_length(row, "stdev"), nan), number=lambda row: _length(row, "stdev"))

_RATIOS: tuple[Layout, ...] = (
    (ESTIMATOR, BIAS, REGRESSED_BIAS, EXACT_BIAS, Z_BIAS, STDEV, EXACT_STDEV, Z_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, BIAS, REGRESSED_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, BIAS, REGRESSED_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE),
    (ESTIMATOR, BIAS, REGRESSED_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV),
    (ESTIMATOR, BETTER_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, BETTER_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE),
    (ESTIMATOR, BETTER_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV),
)
_ABSOLUTE: tuple[Layout, ...] = (
    (ESTIMATOR, MEAN, ABSOLUTE_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, MEAN, ABSOLUTE_STDEV),
)
_GRADIENT_RATIOS: tuple[Layout, ...] = (
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, COSINE, EXACT_COSINE, NONFINITE),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, COSINE, EXACT_COSINE),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, COSINE),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, EXACT_BIAS, STDEV, EXACT_STDEV),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, EXACT_BIAS, STDEV),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, STDEV),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS),
)
_GRADIENT_ABSOLUTE: tuple[Layout, ...] = (
    (ESTIMATOR, PLACEMENT, FOLLOWS, LENGTH, EXACT_LENGTH, NOISE, NONFINITE),
    (ESTIMATOR, PLACEMENT, FOLLOWS, LENGTH, EXACT_LENGTH, NOISE),
)
NOISE_RATIO = Field(MEASURED, lambda row: _noise_ratio(row), ("noise_ratio",))
EXACT_NOISE_RATIO = Field("exact", lambda row: plain_number(row.exact_noise_ratio), ("exact_noise_ratio",), quiet=True)
_SPARED = (
    TRUE,
    EXACT_NOISE_RATIO,
    EXACT_STDEV,
    EXACT_BIAS,
    EXACT_LENGTH,
    ROUNDING,
    STDEV,
    ABSOLUTE_STDEV,
    NOISE,
    BIAS,
)
"""The columns of the leanest layout that go where even that does not fit, in this order; of gradients the bias too."""


def leaner(layout: Layout) -> Iterator[Layout]:
    """The layout without one column after the other; who is measured, and one measured number, stay."""
    for spared in _SPARED:
        # of a field under the name of a run, show alone is its own
        kept = tuple(field for field in layout if field.show is not spared.show)
        if kept != layout:
            layout = kept
            yield layout


def with_noise_ratio(layout: Layout, rows: Sequence[Row]) -> Layout:
    """The layout with the noise next to that of the estimator it is compared with, where it is."""
    group = _group_of_noise(rows)
    return (*layout, *(replace(field, group=group) for field in (NOISE_RATIO, EXACT_NOISE_RATIO) if group))


def _group_of_noise(rows: Sequence[Row]) -> str:
    """``noise/k1's``; empty where noise is not compared."""
    return next((f"noise/{row.reference.estimator}'s" for row in rows if row.reference), "")


def _noise_ratio(row: Row) -> str:
    """The measured number with the marks that either stdev would have."""
    if row.reference is None or row.reference.estimator == row.estimator:
        return plain_number(row.noise_ratio)
    worst = _SQUARES * max(tail(row), tail(row.reference))
    return with_error(row.noise_ratio, row.noise_ratio_mcse, row.z_noise_ratio, worst)


def noise_ratio_meanings(rows: Sequence[Row]) -> tuple[Meaning, ...]:
    """What the columns of ``with_noise_ratio`` mean."""
    if not (group := _group_of_noise(rows)):
        return ()
    what = "√(trace of the covariance)" if rows[0].is_gradient else "stdev"
    error = "" if rows[0].is_gradient else "; the error is that of the quotient on the same draws"
    return (Meaning(f"{group}: {what} over that of {group[6:-2]}{error}.", group),)


_REGRESSION = "after regression on k1 - KL and r - 1, whose means are known: the same bias, a smaller error."
_MEANINGS = (
    Meaning("bias and stdev are of one sample's value; exact is without sampling.", _STDEV),
    Meaning(f"{REGRESSED_BIAS.header}: the bias {_REGRESSION}", REGRESSED_BIAS.header),
    Meaning(f"{REGRESSED} {_REGRESSION}", _BIAS, REGRESSED),
)
_GRADIENT_MEANINGS = (
    Meaning("follows: the divergence whose gradient equals the mean gradient, compared exactly.", FOLLOWS.header),
    Meaning(
        "E_q[k]: the mean of the estimator itself, whatever it is meant to estimate.",
        FOLLOWS.header,
        "E_q[k]",
        whole=True,
    ),
    Meaning(
        "none: the mean gradient equals that of no divergence it was compared with. One active clamp is enough for "
        "that.",
        FOLLOWS.header,
        "none",
        whole=True,
    ),
    Meaning(
        "bias is ‖E g - ∇‖ and stdev √(trace of g's covariance): g is one sample's gradient, ∇ the target's; "
        "exact is without sampling.",
        _STDEV,
    ),
    Meaning("cosine: that of the angle between E g and ∇.", _COSINE),
    Meaning("‖mean‖: the length of the mean gradient; stdev: √(trace of the covariance of one sample's).", _LENGTH),
    Meaning("× ratio: times the importance weight ρ = q/sampler, differentiated.", PLACEMENT.header, "× ratio"),
    Meaning(
        "× detached: times sg(ρ), the importance weight ρ = q/sampler held constant (stop-gradient).",
        PLACEMENT.header,
        "× detached",
    ),
)
NO_NUMBER = Meaning(f"{MISSING} there is none, or klbench has no exact method for it.", mark=MISSING, whole=True)
MARKS = (
    Meaning(
        "rounding: the part of the bias that the precision makes; the same draws in float64 are the truth.",
        ROUNDING.header,
    ),
    Meaning(
        f"{UNTRUSTED} do not trust the error bar: k̂ > {TRUSTED} (a stdev: {TRUSTED / 2}) without an exact stdev within "
        f"{100 * CONFIRMED:g} % of the measured one, or rare samples did not occur.",
        mark=UNTRUSTED,
    ),
    Meaning(
        f"{NO_ERROR_BAR} no error bar: the variance is infinite, or too rare to measure with this many samples or "
        "groups.",
        mark=NO_ERROR_BAR,
    ),
    Meaning(f"{DISAGREES} more than {SURPRISE:g} standard errors from the exact value.", mark=DISAGREES),
    NO_NUMBER,
)
"""The meanings of the marks, which any table may have."""


@dataclass(frozen=True)
class Columns:
    """The layouts of a table of values or of gradients, the fullest first, and the meanings of its words."""

    ratios: tuple[Layout, ...]
    absolute: tuple[Layout, ...]
    meanings: tuple[Meaning, ...]


VALUES = Columns(_RATIOS, _ABSOLUTE, _MEANINGS)
GRADIENTS = Columns(_GRADIENT_RATIOS, _GRADIENT_ABSOLUTE, _GRADIENT_MEANINGS)


def columns_for(rows: Sequence[Row]) -> Columns:
    """The columns for a table of these rows."""
    return GRADIENTS if rows[0].is_gradient else VALUES
