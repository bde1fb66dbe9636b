"""From moments to a row: the measured numbers with their errors, the exact ones beside them, and how far apart they
are.

What does not exist is NaN: a ratio to a true value that is 0 or infinite, an error bar where the variance is
infinite, an exact number without a road.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isnan, nan

from klbench.estimators.estimator import Estimator
from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.error_bars import error_of_mean, error_of_stdev, holds_below_float64
from klbench.measure.truth import Truth
from klbench.observer import Headline
from klbench.results import Row, falls_far_short, rounding_is_unseen, z_score
from klbench.roads.points import Exact
from klbench.spec.model import Spec
from klbench.stats.moments import Central


@dataclass(frozen=True)
class Answers:
    """All that is known of one estimator on one case.

    Args:
        estimator: with nothing left to fit.
        dtype: the precision it was computed in.
        truth: the target's true value.
        exact: its exact moments, or None without a road.
        sample: its measured moments.
        rounding: those of what rounding to ``dtype`` added, None in float64.
        regressed: its mean and MCSE after regression on the controls, where that is possible.
        negative_fraction, nonfinite, khat: the share of values below 0, the number that are infinite or NaN, Pareto-k̂.
    """

    estimator: Estimator
    dtype: str
    truth: Truth
    exact: Exact | None
    sample: Central
    rounding: Central | None
    regressed: tuple[float, float] | None
    negative_fraction: float
    nonfinite: int
    khat: float

    @property
    def measured(self) -> Central:
        """Its measured moments; 0 where all there is to measure is rounding of the log-densities."""
        return Central(0.0, 0.0, 0.0, self.sample.count) if self.is_rounding else self.sample

    @property
    def is_rounding(self) -> bool:
        """Whether all there is to measure is the rounding of the log-densities: q and p are the same distribution."""
        if self.exact is None or self.dtype != FULL_PRECISION:
            return False
        return self.exact.size == 0 and abs(self.sample.mean) <= self.exact.rounding

    @property
    def mean_mcse(self) -> float:
        """The error of the mean; NaN where the variance does not exist."""
        return error_of_mean(self.measured.mean_mcse, self.measured.stdev, self._noise, self.sample.count)

    @property
    def stdev_mcse(self) -> float:
        """The error of the standard deviation; NaN where the fourth moment does not exist or cannot be measured."""
        kurtosis = nan if self.exact is None else self.exact.kurtosis
        sample = self.measured
        return error_of_stdev(sample.stdev_mcse, sample.stdev, self._noise, kurtosis, sample.count)

    @property
    def _noise(self) -> float:
        """The exact stdev, NaN where it is not known to be that of this precision."""
        if self.exact is None:
            return nan
        if self.rounding is None or not self.exact.has_variance:
            return self.exact.stdev
        return self.exact.stdev if holds_below_float64(self.rounding.stdev, self.exact.stdev) else nan

    @property
    def has_no_mean(self) -> bool:
        """Whether a sample's value was no number, or infinities of both signs were summed."""
        return self.nonfinite > 0 and isnan(self.sample.mean)

    @property
    def misses_rare_draws(self) -> bool:
        """Whether the measured standard deviation falls far short of an exact one that is finite."""
        return falls_far_short(self.sample.stdev, self._noise)

    @property
    def bias_is_comparable(self) -> bool:
        """Whether the measured bias can be held to the exact one, which is of float64."""
        return self.rounding is None or rounding_is_unseen(self.rounding.mean, self.rounding.mean_mcse, self.mean_mcse)

    @property
    def exact_bias(self) -> float:
        """The exact mean less the true value; 0 where they differ by rounding only."""
        return nan if self.exact is None else bias_of(self.exact, self.truth)


_ROUNDING = 1e-11
_SUM_ROUNDING = 1e-13


def bias_of(exact: Exact, truth: Truth) -> float:
    """The exact mean less the true value, in nats; 0 where they differ by rounding only."""
    bias = exact.mean - truth.value
    noise = exact.stdev if exact.has_variance else 0.0
    tolerance = _ROUNDING * abs(truth.value) + _SUM_ROUNDING * noise + exact.rounding
    return 0.0 if abs(bias) <= tolerance else bias


def row(answers: Answers, spec: Spec, device: str) -> Row:
    """The row of results.csv."""
    sample, exact, true = answers.measured, answers.exact, answers.truth.value
    known = exact or Exact(nan, nan, nan, nan, "")
    bias = sample.mean - true
    regressed_mean, regressed_mcse = answers.regressed or (nan, nan)
    return Row(
        estimator=answers.estimator.name,
        target=answers.estimator.target.name,
        samples=spec.samples,
        true=true,
        true_from=answers.truth.road,
        mean=sample.mean,
        mean_mcse=answers.mean_mcse,
        bias=bias,
        bias_mcse=answers.mean_mcse if isfinite(true) else nan,
        stdev=sample.stdev,
        stdev_mcse=answers.stdev_mcse,
        bias_over_true=_over(bias, true),
        bias_over_true_mcse=_over(answers.mean_mcse, true),
        stdev_over_true=_over(sample.stdev, true),
        stdev_over_true_mcse=_over(answers.stdev_mcse, true),
        bias_over_true_cv=_over(regressed_mean - true, true),
        bias_over_true_cv_mcse=_over(regressed_mcse, true),
        exact_bias_over_true=_over(answers.exact_bias, true),
        exact_stdev_over_true=_over(known.stdev, true),
        exact_from=known.road,
        z_bias=z_score(sample.mean, known.mean, answers.mean_mcse) if answers.bias_is_comparable else nan,
        z_stdev=z_score(sample.stdev, known.stdev, answers.stdev_mcse) if answers.dtype == FULL_PRECISION else nan,
        negative_fraction=0.0 if answers.is_rounding else answers.negative_fraction,
        nonfinite=answers.nonfinite,
        khat=nan if answers.is_rounding else answers.khat,
        seed=spec.seed,
        dtype=answers.dtype,
        device=device,
        rounding_over_true=_over(answers.rounding.mean, true) if answers.rounding else nan,
        rounding_over_true_mcse=_over(answers.rounding.mean_mcse, true) if answers.rounding else nan,
    )


def headline(name: str, sample: Central, true: float) -> Headline:
    """The bias in units of the true value where there is one, else the mean."""
    if isfinite(true) and true != 0:
        return Headline(f"{name} bias/true", (sample.mean - true) / true, sample.mean_mcse / abs(true))
    return Headline(f"{name} mean", sample.mean, sample.mean_mcse)


def _over(value: float, true: float) -> float:
    """``value`` in units of the true value, which has to be finite and not 0."""
    return value / true if isfinite(true) and true != 0 else nan
