"""Values: how an estimator's value is measured, and the columns that only values have.

All estimators of a case see the same draws, and an estimator's numbers do not depend on which others are measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from math import isfinite, nan
from typing import Any

import torch

from klbench.derived.precision import Evaluated
from klbench.estimators.divergence import Divergence
from klbench.estimators.estimator import Estimator, weighted
from klbench.estimators.term import Term
from klbench.measure.answer import Answer
from klbench.measure.asked import as_measured
from klbench.measure.controls import Controls, controls_for, regression_of
from klbench.measure.kind import Kind
from klbench.measure.plan import Key, Pass, Plan, Sample
from klbench.measure.quantity import Quantity
from klbench.measure.truth import Truth, true_value
from klbench.observer import Headline
from klbench.problems.problem import Problem
from klbench.roads.blocks import Blocks
from klbench.roads.exact import exact
from klbench.roads.exact_moments import Exact
from klbench.roads.regression import Regression
from klbench.roads.value_sums import ValueAccumulator, pilot, shift_of
from klbench.row import z_score
from klbench.stats.estimate import Estimate
from klbench.stats.regression import regressed_mean


class Values(Kind):
    """The values of the estimators of a case. See ``Kind``."""

    name = "value"

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """See ``Kind``: every estimator in every precision."""
        return tuple(Quantity(estimator, dtype) for estimator in self.estimators for dtype in self.plan.dtypes)

    @cached_property
    def _controls(self) -> Controls:
        return controls_for(self.plan.kl, weighted=self.plan.sampler is not None)

    @cached_property
    def terms(self) -> tuple[Evaluated, ...]:
        """The functions computed on every draw, each once: controls, quantities, the changes a precision makes."""
        sampled = [quantity.sampled for quantity in self.quantities]
        rounding = [quantity.rounding for quantity in self.quantities if quantity.rounding]
        return tuple(dict.fromkeys([*self._controls.terms, *sampled, *rounding]))

    def shift(self, problem: Problem) -> tuple[float, ...]:
        """The points about which the moments of the terms are taken, from the plan or from the pilot sample."""
        if self.plan.shift is not None:
            return self.plan.shift or (0.0,) * len(self.terms)
        return tuple(shift_of(pilot(problem, self.plan.seed, self.terms)).tolist())

    def prepared(self, plan: Plan, problem: Problem) -> Plan:
        """See ``Kind``: the points that moments are taken about."""
        return replace(plan, shift=self.shift(problem))

    def passes(self, problem: Problem) -> tuple[Pass, ...]:
        """See ``Kind``: one pass is enough."""
        shift = torch.tensor(self.shift(problem), dtype=torch.float64)
        controls, samples = len(self._controls.terms), self.plan.samples
        accumulator = ValueAccumulator(self.terms, shift, controls, samples, problem.numbers)
        places: dict[Key, int] = {}
        for quantity in self.quantities:
            places[quantity] = self.terms.index(quantity.sampled)
            if quantity.rounding:
                places[quantity.rounding] = self.terms.index(quantity.rounding)
        return (Pass(Blocks(problem, self.plan.seed, samples, accumulator), places),)

    def _exact(self, quantity: Quantity) -> Exact | None:
        return exact(self.pair, quantity.term)

    def _target(self, divergence: Divergence) -> Truth:
        return true_value(divergence, self.pair.q, self.pair.p)

    def plain(self, estimator: Estimator) -> tuple[Quantity, ...]:
        """See ``Kind``."""
        return (Quantity(estimator if self.pair.sampler is None else weighted(estimator)),)

    def at_home(self, estimator: Estimator) -> tuple[Quantity, ...]:
        """See ``Kind``."""
        return (Quantity(as_measured(estimator, self.name)),)

    @cached_property
    def _regressions(self) -> Mapping[Term, Regression | None]:
        terms = dict.fromkeys(quantity.term for quantity in self.quantities)
        return {term: regression_of(term, self._controls, self.pair) for term in terms}

    def answer(self, quantity: Quantity, sample: Sample) -> Answer:
        """See ``Kind``: with nothing measured if q and p are one distribution; some values are regressed."""
        answer = super().answer(quantity, sample)
        if _is_rounding(answer):
            answer = replace(answer, sampled=answer.sampled.vanished)
        return replace(answer, regressed=self._regressed(quantity, sample))

    def _regressed(self, quantity: Quantity, sample: Sample) -> Estimate | None:
        regression = self._regressions[quantity.term]
        if regression is None:
            return None
        left, index = sample.left_behind(quantity)
        means, coefficients = self._controls.means, regression.coefficients
        return regressed_mean(left.sums, index, means, coefficients, regression.noise)

    def columns(self, answer: Answer) -> Mapping[str, Any]:
        """See ``Kind``."""
        true, over = answer.true, answer.over_true
        mean, regressed, known = answer.of_mean(answer.sampled.mean), answer.regressed or Estimate(), answer.exact
        exact_mean, exact_stdev, road = (nan, nan, "") if known is None else (known.mean, known.stdev, known.road)
        return {
            "true": true.value,
            "true_from": true.road,
            "mean": mean.value,
            "mean_mcse": mean.mcse,
            "bias": answer.bias.value,
            "bias_mcse": mean.mcse if isfinite(true.value) else nan,
            "stdev": answer.noise.value,
            "stdev_mcse": answer.noise.mcse,
            "bias_over_true_cv": over(regressed.value - true.value),
            "bias_over_true_cv_mcse": over(regressed.mcse),
            "exact_from": road,
            "negative_fraction": answer.sampled.negative_fraction,
            "z_bias": z_score(mean.value, exact_mean, mean.mcse) if answer.is_comparable(mean.mcse) else nan,
            "z_stdev": z_score(answer.noise.value, exact_stdev, answer.noise.mcse) if answer.is_full_precision else nan,
        }

    def headline(self, sample: Sample) -> Headline:
        """See ``Kind``: the mean itself if there is no true value to compare it with."""
        bias, quantity = super().headline(sample), self.quantities[-1]
        if isfinite(bias.value):
            return bias
        mean = sample.of(quantity).mean
        return Headline(
            f"{quantity.estimator.name} mean", mean.value, mean.mcse if self._has_variance(quantity) else nan
        )

    def label(self, quantity: Quantity) -> str:
        """See ``Kind``."""
        return f"{quantity.estimator.name} bias/true"


def _is_rounding(answer: Answer) -> bool:
    """Whether q and p are the same distribution, so that only the rounding of log-densities can be measured."""
    if answer.exact is None or not answer.is_full_precision:
        return False
    return bool(answer.exact.size == 0 and abs(answer.sampled.mean.value) <= answer.exact.rounding)
