"""From the moments of a gradient to a row: bias, noise and cosine, measured with their errors and exact beside them.

What does not exist is NaN: everything in units of a true gradient that is 0 or unknown, an error bar where the noise is
infinite, the cosine of a gradient that is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isnan, nan, sqrt

import torch
from torch import Tensor

from klbench.distributions.score import Score
from klbench.measure.baseline import Baseline
from klbench.measure.cells import Cell
from klbench.measure.error_bars import error_of_mean, error_of_stdev, holds_below_float64
from klbench.measure.gradient_draws import Sampled
from klbench.observer import Headline
from klbench.results import Components, GradientRow, falls_far_short
from klbench.roads.gradient import ExactVector
from klbench.spec.model import Spec
from klbench.stats.gradient import Measured, cosine, length, noise

_ROUNDING = 1e-10


@dataclass(frozen=True)
class GradientAnswers:
    """All that is known of one cell on one case.

    Args:
        cell: the estimator with its placement, weighting and precision.
        score: whose components the gradient has.
        true: ∇ of the target [J], NaN where it is not known.
        exact: the expected gradient and its noise, None without a road.
        sampled: the measured one, None where there is no gradient to sample.
        rounding: what the precision adds to it, None in float64.
        baseline: how the rewards of a batch are centred, None where they are not.
        follows: what the expected gradient is the gradient of.
    """

    cell: Cell
    score: Score
    true: Tensor
    exact: ExactVector | None
    sampled: Sampled | None
    rounding: Sampled | None
    baseline: Baseline | None
    follows: tuple[str, ...]

    @property
    def true_norm(self) -> float:
        """‖∇‖ of the target."""
        return float(self.true.norm())

    @property
    def exact_bias(self) -> float:
        """‖E g − ∇‖; 0 where they differ by rounding only."""
        return nan if self.exact is None else bias_of(self.exact, self.true)

    @property
    def exact_noise(self) -> float:
        """√(trace of the covariance) of one sample's gradient."""
        return nan if self.exact is None else self.exact.noise

    @property
    def exact_cosine(self) -> float:
        """Between E g and ∇; NaN where either is 0."""
        if self.exact is None:
            return nan
        size = float(self.exact.mean.norm())
        if not (self.true_norm > 0 and size > 10 * self.exact.rounding):
            return nan
        found = float(self.exact.mean @ self.true) / (size * self.true_norm)
        return float(round(found)) if abs(found - round(found)) < _ROUNDING else found

    @property
    def misses_rare_draws(self) -> bool:
        """Whether the measured noise falls far short of an exact one that is finite."""
        return falls_far_short(self.measured_noise.value, self.known_noise)

    @property
    def measured_noise(self) -> Measured:
        """√(trace of the covariance) of one sample's gradient, as sampled; NaN where nothing is."""
        if self.sampled is None:
            return Measured()
        return noise(self.sampled.moments, self.count).times(sqrt(self.batch))

    @property
    def known_noise(self) -> float:
        """The exact noise, NaN where it is not known to be that of this precision."""
        if self.rounding is None or not self.has_variance:
            return self.exact_noise
        rounding = noise(self.rounding.moments, self.rounding.count).times(sqrt(self.batch))
        return self.exact_noise if holds_below_float64(rounding.value, self.exact_noise) else nan

    @property
    def khat(self) -> float:
        """Pareto-k̂ of the lengths of the sampled gradients, NaN where there is none."""
        return self.sampled.khat if self.sampled else nan

    @property
    def is_shrunk(self) -> bool:
        """Whether its baseline makes it shorter, the batch's own mean being one."""
        return self.baseline is not None and self.baseline.shrinks < 1

    @property
    def batch(self) -> int:
        """How many samples one unit of ``sampled`` has."""
        return self.baseline.batch if self.baseline else 1

    @property
    def count(self) -> int:
        """How many units were sampled."""
        return self.sampled.count if self.sampled else 0

    @property
    def has_variance(self) -> bool:
        """Whether an error bar means anything, as far as an exact road tells."""
        return self.exact is None or self.exact.has_variance


def bias_of(exact: ExactVector, true: Tensor) -> float:
    """‖E g − ∇‖ of an exact gradient and a true one [J]; 0 where they differ by rounding only."""
    off = float((exact.mean - true).norm())
    return 0.0 if off <= _ROUNDING * float(true.norm()) + exact.rounding else off


def gradient_row(answers: GradientAnswers, spec: Spec, device: str) -> GradientRow:
    """The row of results.csv."""
    cell, true, exact = answers.cell, answers.true_norm, answers.exact
    bias, spread, angle = _measured(answers)
    rounding = _rounding(answers)
    return GradientRow(
        estimator=cell.estimator.name,
        target=cell.estimator.target.name,
        placement=cell.placement,
        weighting=cell.weighting,
        parameters=answers.score.parameters,
        samples=spec.samples // answers.batch * answers.batch,
        true_norm=true,
        bias_over_true=_over(bias.value, true),
        bias_over_true_mcse=_over(bias.mcse, true),
        stdev_over_true=_over(spread.value, true),
        stdev_over_true_mcse=_over(spread.mcse, true),
        cosine=angle.value,
        cosine_mcse=angle.mcse,
        exact_bias_over_true=_over(answers.exact_bias, true),
        exact_stdev_over_true=_over(answers.exact_noise, true),
        exact_cosine=answers.exact_cosine,
        exact_from=exact.road if exact and bool(exact.mean.isfinite().all()) else "",
        follows=answers.follows[0] if answers.follows else "",
        nonfinite=answers.sampled.nonfinite if answers.sampled else 0,
        seed=spec.seed,
        dtype=cell.dtype,
        device=device,
        rounding_over_true=_over(rounding.value, true),
        rounding_over_true_mcse=_over(rounding.mcse, true),
        components=_components(answers),
        khat=answers.khat,
    )


def gradient_headline(cell: Cell, sampled: Sampled | None, true: Tensor) -> Headline:
    """The bias of the gradient so far, in units of the true one."""
    label, size = f"{cell.estimator.name} as {cell.placement}, bias/true", float(true.norm())
    if sampled is None or not size > 0:
        return Headline(label, nan, nan)
    found = length(sampled.moments, sampled.count, true)
    return Headline(label, found.value / size, found.mcse / size)


def _measured(answers: GradientAnswers) -> tuple[Measured, Measured, Measured]:
    """(bias, noise per sample, cosine)."""
    if answers.sampled is None:
        return Measured(), Measured(), Measured()
    moments, count = answers.sampled.moments, answers.sampled.count
    bias, angle = length(moments, count, answers.true), cosine(moments, count, answers.true)
    return _of_mean(bias, answers), _of_noise(answers), _of_mean(angle, answers)


def _of_mean(measured: Measured, answers: GradientAnswers) -> Measured:
    """What depends on the mean gradient, with an error at least what the exact noise makes of it."""
    units = answers.count * answers.batch  # the exact noise is of a sample, and a batch has many
    sampled, known = answers.measured_noise.value, answers.known_noise
    return Measured(measured.value, error_of_mean(measured.mcse, sampled, known, units))


def _of_noise(answers: GradientAnswers) -> Measured:
    spread, exact = answers.measured_noise, answers.exact
    kurtosis = nan if exact is None else exact.kurtosis
    error = error_of_stdev(spread.mcse, spread.value, answers.known_noise, kurtosis, answers.count)
    return Measured(spread.value, error)


def _rounding(answers: GradientAnswers) -> Measured:
    if answers.rounding is None:
        return Measured()
    moments, count = answers.rounding.moments, answers.rounding.count
    return length(moments, count, torch.zeros_like(moments.mean))


def _components(answers: GradientAnswers) -> Components:
    parameter, index = answers.score.components
    unknown = torch.full((len(parameter),), nan, dtype=torch.float64)
    moments = answers.sampled.moments if answers.sampled else None
    count = answers.sampled.count if answers.sampled else 1
    bessel = count / (count - 1) if count > 1 else nan
    mean = unknown if moments is None else moments.mean
    stdev = unknown if moments is None else (moments.variances * bessel).sqrt()
    return Components(
        parameter=parameter,
        index=index,
        true=answers.true.numpy(),
        mean=mean.numpy(),
        mean_mcse=_component_errors(answers, stdev / sqrt(count)).numpy(),
        exact=(unknown if answers.exact is None else answers.exact.mean).numpy(),
        stdev=(stdev * sqrt(answers.batch)).numpy(),
    )


def _component_errors(answers: GradientAnswers, errors: Tensor) -> Tensor:
    """Of each component [J], at least the exact one; none without a variance."""
    if not answers.has_variance:
        return torch.full_like(errors, nan)
    if answers.exact is None or isnan(answers.known_noise):
        return errors
    exact = answers.exact.stdev / sqrt(answers.count * answers.batch)
    return torch.where(exact > errors, exact, errors)


def _over(value: float, true: float) -> float:
    return value / true if isfinite(true) and true > 0 else nan
