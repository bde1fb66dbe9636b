"""The exact numbers of an estimator, without samples: its bias, its noise, and so how many samples it takes.

One line for each row that a run would have, by the same exact roads. A user's own function is not imported, and a
fitted coefficient is the exact optimum: nothing is drawn and nothing of a spec is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, isinf, isnan, nan
from typing import TYPE_CHECKING

import torch

from klbench.derived.level import Level
from klbench.estimators.catalogue import find
from klbench.estimators.estimator import Estimator
from klbench.estimators.vocabulary import level_called, placed
from klbench.measure.asked import exactly_fitted
from klbench.measure.plan import Plan
from klbench.problems.build import AnyPair, build_pair
from klbench.roads.exact_moments import Exact
from klbench.spec.cases import Case
from klbench.spec.model import Spec
from klbench.stats.needed import least_samples
from klbench.users.estimator import UserFunction

if TYPE_CHECKING:
    from klbench.measure.kind import Kind

NO_MEAN, BIASED, NO_VARIANCE = "its mean is infinite", "it is biased", "its variance is infinite"
IN_A_WORD = {NO_MEAN: "mean", BIASED: "bias", NO_VARIANCE: "variance"}
"""The reason why no number of samples is enough, in a word, for a narrow table."""


@dataclass(frozen=True)
class Known:
    """The exact numbers of one estimator on one case, in float64.

    Args:
        estimator: its name; ``placement`` and ``weighting`` say where its gradient is put, empty for a value.
        level, aggregation: how it takes sequences; empty for single draws.
        of_mean: √n times the error of a mean of n units, where that is not ``stdev``: of tokens.
        target: the name of what it is meant to estimate.
        true, true_from: the target's value in nats, or the length of its gradient; NaN without a road; and the road.
        bias, stdev: of one sample, in the units of ``true``; NaN without a road.
        kurtosis: of one sample; infinite if its fourth moment is, NaN if it is not known.
        why_not: why there are no numbers, where there are none.
    """

    estimator: str
    target: str
    true: float
    bias: float = nan
    stdev: float = nan
    placement: str = ""
    weighting: str = ""
    why_not: str = ""
    true_from: str = ""
    kurtosis: float = nan
    level: str = ""
    aggregation: str = ""
    of_mean: float = nan

    @property
    def called(self) -> str:
        """``k1``, ``k1 (loss × ratio)`` or ``k1 (sequence)``."""
        level = level_called(self.level, self.aggregation)
        details = [*[level] * bool(level), *[placed(self.placement, self.weighting)] * bool(self.placement)]
        return f"{self.estimator} ({', '.join(details)})" if details else self.estimator

    @property
    def quantity(self) -> tuple[str, str, str, bool]:
        """What it estimates: a target at a level (False), or the gradient of one (True)."""
        return self.target, self.level, self.aggregation, bool(self.placement)

    @property
    def bias_over_true(self) -> float:
        """The bias divided by the true value; NaN if that is 0, infinite or not known."""
        return self._over_true(self.bias)

    @property
    def stdev_over_true(self) -> float:
        """The noise of one sample divided by the true value; inf if the variance is infinite."""
        return self._over_true(self.stdev)

    def error(self, samples: float) -> float:
        """√(bias² + stdev²/n): how far the mean of n samples is off, root mean square, in the units of ``true``."""
        return float((self.bias * self.bias + self._noise * self._noise / samples) ** 0.5)

    @property
    def _noise(self) -> float:
        return self.stdev if isnan(self.of_mean) else self.of_mean

    def samples_needed(self, within: float) -> float:
        """The least n with bias² + stdev²/n ≤ (within · true)²: inf if there is none, NaN if it is not known."""
        return least_samples(self.bias_over_true, self._over_true(self._noise), within)

    def samples_to(self, precision: float) -> float:
        """The number of samples that make the error bars of bias/true and stdev/true at most ``precision``.

        Of a gradient it is no more than about that: the error of a length is that along one direction. 0 where there is
        no error bar, as without a variance; NaN where it is not known.
        """
        noise = abs(self.stdev_over_true)
        if isinf(noise):
            return 0.0
        # Var(stdev) = stdev² (kurtosis − 1)/(4n); without a fourth moment a stdev has no error bar
        of_stdev = (self.kurtosis - 1) / 4 if isfinite(self.kurtosis) else 0.0
        return noise / precision * (noise / precision) * max(1.0, of_stdev)

    def reason(self, within: float) -> str:
        """Why no number of samples is enough, or why the number is not known; empty if there is one."""
        if self.why_not:
            return self.why_not
        if not (isfinite(self.true) and self.true != 0):
            return "no ratio to a true value of 0" if self.true == 0 else "no finite true value"
        if isnan(self.samples_needed(within)):
            return "no exact method"
        if not isinf(self.samples_needed(within)):
            return ""
        if isinf(self.bias_over_true):
            return NO_MEAN
        return BIASED if abs(self.bias_over_true) >= within else NO_VARIANCE

    def _over_true(self, value: float) -> float:
        return value / self.true if isfinite(self.true) and self.true != 0 else nan


def known(spec: Spec, case: Case) -> tuple[Known, ...]:
    """A line for each row of the case, in one precision."""
    pair, plan = build_pair(case), Plan.of(spec, case, torch.device("cpu"))
    ready = {name: _prepared(name, pair, plan.levels[0]) for name in spec.estimators}
    estimators = {name: estimator for name, (estimator, why_not) in ready.items() if not why_not}
    lines: list[Known] = []
    for kind in plan.kinds(pair, estimators):
        known_lines = [*_lines(kind, spec.dtype[0])]
        for name, (estimator, why_not) in ready.items():
            own = [line for line in known_lines if line.estimator == name]
            lines += [Known(name, estimator.target.name, nan, why_not=why_not)] if why_not else own
    return tuple(lines)


def _prepared(name: str, pair: AnyPair, level: Level | None) -> tuple[Estimator, str]:
    """The estimator with its coefficient fitted exactly, or the reason why that needs a run."""
    estimator = find(name)
    if isinstance(estimator.joint, UserFunction):
        return estimator, "your own function: run imports it"
    fitted = exactly_fitted(estimator, pair, level)
    return fitted or estimator, "" if fitted else "its coefficient is fitted by run"


def _lines(kind: Kind, dtype: str) -> Iterator[Known]:
    for quantity in kind.quantities:
        if quantity.dtype == dtype:
            true, exact, place = kind.target(quantity.aim), kind.exact(quantity), quantity.place
            yield Known(
                estimator=quantity.estimator.name,
                target=quantity.target.name,
                true=true.size,
                bias=nan if exact is None else exact.off(true.value),
                stdev=nan if exact is None else exact.noise,
                kurtosis=nan if exact is None else exact.kurtosis,
                placement=place.placement if place else "",
                weighting=place.weighting if place else "",
                why_not="" if quantity.exists else "it has no gradient as a loss",
                true_from=true.road,
                of_mean=exact.of_mean if isinstance(exact, Exact) else nan,
                level=quantity.level.name if quantity.level else "",
                aggregation=(quantity.level and quantity.level.aggregation) or "",
            )
