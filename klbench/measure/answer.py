"""The answer for one quantity: from its true, exact and sampled numbers to its row of results.csv.

Values and gradients share it. One rule for error bars holds everywhere (``klbench.measure.error_bars``). A number that
does not exist is NaN: a ratio to a true value that is 0, infinite or unknown; an error bar if the variance is infinite;
an exact number without an exact method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan, sqrt
from typing import TYPE_CHECKING, Any

from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.error_bars import error_of_mean, error_of_stdev, holds_below_float64
from klbench.measure.noise_ratio import Beside, noise_ratio
from klbench.row import Row, falls_far_short, held_to_exact, rounding_is_unseen
from klbench.stats.estimate import Estimate
from klbench.tolerances import CONSTANT_ROUNDING

if TYPE_CHECKING:
    from klbench.measure.quantity import Quantity
    from klbench.measure.truth import Truth


@dataclass(frozen=True)
class Answer:
    """Everything known about one quantity on one case.

    Args:
        quantity: what is measured.
        true: the truth about its target.
        exact: its exact moments (an ``Exact``, or an ``ExactVector``), None without an exact method.
        sampled: its sums over the samples (a ``SampledValue``, or a ``SampledVector``), None if not sampled.
        rounding: the sums of what its precision adds, None in float64.
        regressed: its mean after regression on the controls, where that is possible.
        paired: its mean less the true value where that is measured on the same samples; None where it is exact.
        follows: for a gradient, the names of what it is the gradient of; the first is shown.
        beside: that of the estimator whose noise it is compared with; None where nothing is.
    """

    quantity: Quantity
    true: Truth
    exact: Any
    sampled: Any
    rounding: Any
    regressed: Estimate | None = None
    paired: Estimate | None = None
    follows: tuple[str, ...] = ()
    beside: Beside | None = None

    @property
    def count(self) -> int:
        """How many units were sampled."""
        return self.sampled.count if self.sampled else 0

    @property
    def nonfinite(self) -> int:
        """How many units are infinite or NaN."""
        return self.sampled.nonfinite if self.sampled else 0

    @property
    def khat(self) -> float:
        """Pareto-k̂ of the sizes of the units, NaN where there is none."""
        return self.sampled.khat if self.sampled else nan

    @property
    def has_variance(self) -> bool:
        """Whether the variance is finite, so that an error bar means something; True without an exact method."""
        return self.exact is None or self.exact.has_variance

    @property
    def exact_bias(self) -> float:
        """The exact mean less the true value, NaN if one of them is not known."""
        return nan if self.exact is None else self.exact.off(self.true.value)

    @property
    def exact_noise(self) -> float:
        """The exact standard deviation of one sample."""
        return nan if self.exact is None else self.exact.noise

    @cached_property
    def sampled_noise(self) -> Estimate:
        """The measured standard deviation of one sample, with the sample's own error. A unit of n has 1/√n of it."""
        return self.sampled.noise.times(sqrt(self.quantity.unit)) if self.sampled else Estimate()

    @cached_property
    def known_noise(self) -> float:
        """The exact noise, NaN if the noise in this precision may be another."""
        if self.rounding is None or not self.has_variance:
            return self.exact_noise
        rounding = self.rounding.noise.times(sqrt(self.quantity.unit))
        return self.exact_noise if holds_below_float64(rounding.value, self.exact_noise) else nan

    @property
    def misses_rare_draws(self) -> bool:
        """Whether the measured noise falls far short of an exact one that is finite."""
        return falls_far_short(self.sampled_noise.value, self.known_noise)

    @cached_property
    def noise(self) -> Estimate:
        """The measured noise of one sample; no error bar if the fourth moment is infinite or cannot be measured."""
        kurtosis = nan if self.exact is None else self.exact.kurtosis
        spread = self.sampled_noise
        return Estimate(spread.value, error_of_stdev(spread.mcse, spread.value, self.known_noise, kurtosis, self.count))

    def of_mean(self, estimate: Estimate) -> Estimate:
        """A number that depends on the mean, its error bar at least as long as the exact noise makes it."""
        samples = self.count * self.quantity.unit
        measured, known = self.sampled_noise.value, self.known_noise
        if self.quantity.is_of_tokens and isfinite(known):
            # tokens of one sequence are not independent: the noise of the mean is not one token's over √n
            measured, known = self.sampled.mean.mcse * sqrt(samples), self.exact.of_mean
        return Estimate(estimate.value, error_of_mean(estimate.mcse, measured, known, samples))

    @cached_property
    def bias(self) -> Estimate:
        """The measured mean less the true value; 0 where what is no more than rounding is left of a constant."""
        if self.paired is not None:
            return self.paired
        if not self.sampled:
            return Estimate()
        bias = self.of_mean(self.sampled.off(self.true.value))
        is_constant = self.is_full_precision and self.exact_noise == 0 and self.exact_bias == 0
        is_rounding = is_constant and abs(bias.value) <= CONSTANT_ROUNDING * abs(self.true.size)
        return Estimate(0.0, bias.mcse) if is_rounding else bias

    @property
    def rounded(self) -> Estimate:
        """How far the precision moves the mean."""
        return self.rounding.off(0.0) if self.rounding else Estimate()

    def is_comparable(self, mcse: float) -> bool:
        """Whether a mean with this error can be compared with the exact one, which is in float64."""
        return self.rounding is None or rounding_is_unseen(self.rounded.value, self.rounded.mcse, mcse)

    @property
    def is_full_precision(self) -> bool:
        """Whether it is measured in float64, in which all exact numbers are."""
        return self.quantity.dtype == FULL_PRECISION

    def over_true(self, value: float) -> float:
        """A value divided by the true one; NaN if that is 0, infinite or unknown."""
        return value / self.true.size if isfinite(self.true.size) and self.true.size != 0 else nan


def row(answer: Answer, columns: Mapping[str, Any], samples: int, seed: int, device: str) -> Row:
    """The row of results.csv: the columns that values and gradients share, and ``columns``, which only one has."""
    over, quantity, relative = answer.over_true, answer.quantity, noise_ratio(answer)
    return held_to_exact(
        Row(
            estimator=quantity.estimator.name,
            level=quantity.level.name if quantity.level else "",
            aggregation=(quantity.level and quantity.level.aggregation) or "",
            target=quantity.target.name,
            samples=samples // quantity.unit * quantity.unit,
            bias_over_true=over(answer.bias.value),
            bias_over_true_mcse=over(answer.bias.mcse),
            stdev_over_true=over(answer.noise.value),
            stdev_over_true_mcse=over(answer.noise.mcse),
            exact_bias_over_true=over(answer.exact_bias),
            exact_stdev_over_true=over(answer.exact_noise),
            nonfinite=answer.nonfinite,
            khat=answer.khat,
            seed=seed,
            dtype=quantity.dtype,
            device=device,
            noise_ratio=relative.measured.value,
            noise_ratio_mcse=relative.measured.mcse,
            exact_noise_ratio=relative.exact,
            z_noise_ratio=relative.z,
            rounding_over_true=over(answer.rounded.value),
            rounding_over_true_mcse=over(answer.rounded.mcse),
            **columns,
        )
    )
