"""The columns a person reads of gradients: what each one follows first, then how far off and how noisy it is.

Where there are few components, each has a column in a table of its own.
"""

from __future__ import annotations

from collections import Counter
from math import inf, nan, sqrt

from klbench.estimators.divergence import FORWARD_KL, REVERSE_KL
from klbench.estimators.vocabulary import placed
from klbench.report.field import ESTIMATOR, MEASURED, Field, Layout, Meaning, with_error
from klbench.report.numbers import MISSING, count, exact_beside, measured, plain_number
from klbench.results import Components, GradientRow

FEW = 8
"""So many components are shown one by one."""

_SYMBOLS = {divergence.name: divergence.symbol for divergence in (REVERSE_KL, FORWARD_KL)}


def symbol(target: str) -> str:
    """The target as ``follows`` writes it, where it has a symbol: ``KL(q‖p)`` for the reverse KL."""
    return _SYMBOLS.get(target, target)


def placement(row: GradientRow) -> str:
    """Where the estimator is put, and what it is multiplied by."""
    return placed(row.placement, row.weighting)


def component_names(components: Components) -> tuple[str, ...]:
    """``loc``, or ``logits[2]`` where a parameter has several."""
    size = Counter(components.parameter)
    named = zip(components.parameter, components.index, strict=True)
    return tuple(name if size[name] == 1 else f"{name}[{index}]" for name, index in named)


def component_layouts(names: tuple[str, ...]) -> tuple[Layout, ...]:
    """The layouts of a table with a column for each component, the fullest first."""
    columns = [(_component(name, index), _exact_component(name, index)) for index, name in enumerate(names)]
    both = (field for pair in columns for field in pair)
    return (ESTIMATOR, PLACEMENT, *both), (ESTIMATOR, PLACEMENT, *(field for field, _ in columns))


def _component(name: str, index: int) -> Field:
    def show(row: GradientRow) -> str:
        held = row.components
        if held is None:
            return MISSING
        # no mark: components are not checked one by one, since where a token is rare the error bar is chance itself
        return with_error(float(held.mean[index]), float(held.mean_mcse[index]), 0.0, _tail(row))

    return Field(MEASURED, show, group=f"∇{name}")


def _exact_component(name: str, index: int) -> Field:
    def show(row: GradientRow) -> str:
        held = row.components
        return MISSING if held is None else exact_beside(float(held.exact[index]), float(held.stdev[index]))

    return Field("exact", show, quiet=True, group=f"∇{name}")


def _tail(row: GradientRow) -> float:
    """The tail index of the lengths, as far as it is cause for doubt; the exact noise settles it where known."""
    return inf if row.misses_rare_draws else -inf if row.confirmed else row.khat


def _bias(row: GradientRow) -> str:
    return with_error(row.bias_over_true, row.bias_over_true_mcse, row.z_bias, _tail(row))


def _stdev(row: GradientRow) -> str:
    # a stdev averages squares, whose tail index is twice as large
    return with_error(row.stdev_over_true, row.stdev_over_true_mcse, row.z_stdev, 2 * _tail(row))


def _cosine(row: GradientRow) -> str:
    return with_error(row.cosine, row.cosine_mcse, row.z_cosine, _tail(row))


def _colour(row: GradientRow) -> str:
    """Green where it follows what the estimator is meant to estimate, red where nothing that has a name."""
    if row.follows == symbol(row.target):
        return "bold green"
    return "bold red" if row.follows in ("0", "none") else "bold yellow"


def _length(row: GradientRow, name: str) -> float:
    """The Euclidean norm of one of its vectors."""
    if row.components is None:
        return nan
    vector = getattr(row.components, name)
    return sqrt(float((vector * vector).sum()))


PLACEMENT = Field("placement", placement, numeric=False)
FOLLOWS = Field("follows", lambda row: row.follows or MISSING, numeric=False, colour=_colour)
_BIAS, _STDEV, _COSINE, _LENGTH = "bias/true", "stdev/true", "cosine", "‖mean‖"

BIAS = Field(MEASURED, _bias, ("bias_over_true",), group=_BIAS)
EXACT_BIAS = Field(
    "exact",
    lambda row: exact_beside(row.exact_bias_over_true, 1.0),
    ("exact_bias_over_true",),
    quiet=True,
    group=_BIAS,
)
STDEV = Field(MEASURED, _stdev, ("stdev_over_true",), group=_STDEV)
EXACT_STDEV = Field(
    "exact", lambda row: plain_number(row.exact_stdev_over_true), ("exact_stdev_over_true",), quiet=True, group=_STDEV
)
COSINE = Field(MEASURED, _cosine, ("cosine",), group=_COSINE)
EXACT_COSINE = Field(
    "exact", lambda row: exact_beside(row.exact_cosine, 1.0), ("exact_cosine",), quiet=True, group=_COSINE
)
NONFINITE = Field("nonfinite", lambda row: count(row.nonfinite) if row.nonfinite else MISSING, ("nonfinite",))
LENGTH = Field(MEASURED, lambda row: measured(_length(row, "mean"), nan), group=_LENGTH)
EXACT_LENGTH = Field(
    "exact", lambda row: exact_beside(_length(row, "exact"), _length(row, "stdev")), quiet=True, group=_LENGTH
)
NOISE = Field("stdev", lambda row: measured(_length(row, "stdev"), nan))

RATIOS: tuple[Layout, ...] = (
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, COSINE, EXACT_COSINE, NONFINITE),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, COSINE, EXACT_COSINE),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, COSINE),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, EXACT_BIAS, STDEV, EXACT_STDEV),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, EXACT_BIAS, STDEV),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS, STDEV),
    (ESTIMATOR, PLACEMENT, FOLLOWS, BIAS),
)
ABSOLUTE: tuple[Layout, ...] = (
    (ESTIMATOR, PLACEMENT, FOLLOWS, LENGTH, EXACT_LENGTH, NOISE, NONFINITE),
    (ESTIMATOR, PLACEMENT, FOLLOWS, LENGTH, EXACT_LENGTH, NOISE),
)

MEANINGS = (
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
"""What the words of a table of gradients mean."""
