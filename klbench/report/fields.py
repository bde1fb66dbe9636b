"""The columns a person reads of values, a few chosen from the many of results.csv, and what their marks mean.

Adding a column to the table and to Markdown is one ``Field``, named in the layouts it belongs to. Where the fullest
layout does not fit, the next is tried. The columns of gradients are in ``gradient_fields``.
"""

from __future__ import annotations

from math import inf, isnan

from klbench.report.field import (
    DISAGREES,
    ESTIMATOR,
    MEASURED,
    NO_ERROR_BAR,
    REGRESSED,
    ROUNDING,
    SURPRISE,
    UNTRUSTED,
    Field,
    Meaning,
    with_error,
)
from klbench.report.numbers import fixed, plain_number
from klbench.results import Row
from klbench.stats.tail import TRUSTED
from klbench.wording import percent


def _tail(row: Row) -> float:
    """The tail index of what is averaged, as far as it is cause for doubt; the exact stdev settles it where known."""
    return inf if row.misses_rare_draws else -inf if row.confirmed else row.khat


def _bias(row: Row) -> str:
    return with_error(row.bias_over_true, row.bias_over_true_mcse, row.z_bias, _tail(row))


def _regressed(row: Row) -> str:
    return with_error(row.bias_over_true_cv, row.bias_over_true_cv_mcse, row.z_bias_cv, _tail(row))


def _better_bias(row: Row) -> str:
    return _bias(row) if isnan(row.bias_over_true_cv) else _regressed(row) + REGRESSED


def _stdev(row: Row) -> str:
    # a stdev averages squares, whose tail index is twice as large
    return with_error(row.stdev_over_true, row.stdev_over_true_mcse, row.z_stdev, 2 * _tail(row))


_BIAS, _STDEV = "bias/true", "stdev/true"

BIAS = Field(MEASURED, _bias, ("bias_over_true",), group=_BIAS)
REGRESSED_BIAS = Field("regressed", _regressed, ("bias_over_true_cv",), group=_BIAS)
BETTER_BIAS = Field(MEASURED, _better_bias, ("bias_over_true", "bias_over_true_cv"), group=_BIAS)
EXACT_BIAS = Field(
    "exact", lambda row: plain_number(row.exact_bias_over_true), ("exact_bias_over_true",), quiet=True, group=_BIAS
)
Z_BIAS = Field("z", lambda row: fixed(row.z_bias, 1, sign="+"), ("z_bias",), quiet=True, group=_BIAS)
STDEV = Field(MEASURED, _stdev, ("stdev_over_true",), group=_STDEV)
EXACT_STDEV = Field(
    "exact", lambda row: plain_number(row.exact_stdev_over_true), ("exact_stdev_over_true",), quiet=True, group=_STDEV
)
Z_STDEV = Field("z", lambda row: fixed(row.z_stdev, 1, sign="+"), ("z_stdev",), quiet=True, group=_STDEV)
MEAN = Field("mean", lambda row: with_error(row.mean, row.mean_mcse, 0.0, _tail(row)))
ABSOLUTE_STDEV = Field("stdev", lambda row: with_error(row.stdev, row.stdev_mcse, 0.0, 2 * _tail(row)))
NEGATIVE = Field("k < 0", lambda row: percent(row.negative_fraction), ("negative_fraction",))
KHAT = Field("k̂", lambda row: fixed(row.khat, 2), ("khat",))

RATIOS = (
    (ESTIMATOR, BIAS, REGRESSED_BIAS, EXACT_BIAS, Z_BIAS, STDEV, EXACT_STDEV, Z_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, BIAS, REGRESSED_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, BIAS, REGRESSED_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE),
    (ESTIMATOR, BIAS, REGRESSED_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV),
    (ESTIMATOR, BETTER_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, BETTER_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE),
    (ESTIMATOR, BETTER_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV),
)
ABSOLUTE = (
    (ESTIMATOR, MEAN, ABSOLUTE_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, MEAN, ABSOLUTE_STDEV),
)

_REGRESSION = "after regression on k1 - KL and r - 1, whose means are known: the same bias, a smaller error."
MEANINGS = (
    Meaning("bias and stdev are of one sample's value; exact is without sampling.", _STDEV),
    Meaning(f"{REGRESSED_BIAS.header}: the bias {_REGRESSION}", REGRESSED_BIAS.header),
    Meaning(f"{REGRESSED} {_REGRESSION}", _BIAS, REGRESSED),
)
"""What the words of a table of values mean."""
MARKS = (
    Meaning(
        "rounding: the part of the bias that the precision makes; the same draws in float64 are the truth.",
        ROUNDING.header,
    ),
    Meaning(
        f"{UNTRUSTED} do not trust the error bar: k̂ > {TRUSTED} (a stdev: {TRUSTED / 2}), or rare samples did not "
        "occur.",
        mark=UNTRUSTED,
    ),
    Meaning(
        f"{NO_ERROR_BAR} no error bar: the variance is infinite, or too rare to measure with this many samples.",
        mark=NO_ERROR_BAR,
    ),
    Meaning(f"{DISAGREES} more than {SURPRISE:g} standard errors from the exact value.", mark=DISAGREES),
)
"""What the marks of any table mean."""
