"""Values: how an estimator's value is measured, and the columns that only values have.

All estimators of a case see the same draws, and an estimator's numbers do not depend on which others are measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from math import isfinite, nan, sqrt
from typing import Any

import torch

from klbench.derived.level import Apart, AtLevel, Level
from klbench.derived.measured import Measured, ratio_of
from klbench.derived.self_normalised import NoiseOver, Ratio
from klbench.estimators.catalogue import find
from klbench.estimators.estimator import Estimator, weighted
from klbench.estimators.term import Term
from klbench.measure import data_checks, data_notes
from klbench.measure.answer import Answer
from klbench.measure.asked import as_measured
from klbench.measure.controls import Controls, controls_for, regression_of
from klbench.measure.kind import Kind
from klbench.measure.noise_ratio import Beside, noise_over, slope_of
from klbench.measure.plan import Key, Pass, Plan, Sample, levels_for
from klbench.measure.quantity import Aim, Quantity
from klbench.measure.truth import FULL, Truth, true_of
from klbench.observer import Headline
from klbench.problems.build import AnyPair, Unlisted
from klbench.problems.dump import Dump
from klbench.problems.pair import Pair
from klbench.problems.problem import Problem, Slow
from klbench.roads.blocks import Accumulator, Blocks
from klbench.roads.exact import exact
from klbench.roads.exact_moments import Exact
from klbench.roads.ratio_sums import RatioAccumulator
from klbench.roads.regression import Regression
from klbench.roads.value_sums import ValueAccumulator, pilot, shift_of
from klbench.row import z_score
from klbench.stats.estimate import Estimate
from klbench.stats.regression import regressed_mean


class Values(Kind):
    """The values of the estimators of a case. See ``Kind``."""

    name = "value"

    def __init__(self, plan: Plan, pair: AnyPair, estimators: Mapping[str, Estimator]) -> None:
        super().__init__(plan, pair, estimators)
        self._slopes: dict[tuple[Quantity, Quantity], float] = {}

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """See ``Kind``: every estimator at every level in every precision."""
        return tuple(
            Quantity(estimator, dtype, level=level)
            for estimator in self.estimators
            for level in levels_for(estimator, self.plan)
            for dtype in self.plan.dtypes
        )

    @cached_property
    def _controls(self) -> Controls:
        return controls_for(self.plan.kl, weighted=self.plan.sampler is not None)

    @cached_property
    def terms(self) -> tuple[Measured, ...]:
        """The functions computed on every draw, each once: controls, quantities, the changes a precision makes."""
        sampled = [quantity.measured for quantity in self.quantities]
        sampled += [measured for pair in self._references.values() for measured in pair]
        rounding = [quantity.measured_rounding for quantity in self.quantities if quantity.measured_rounding]
        return tuple(dict.fromkeys([*self._controls.terms, *sampled, *rounding]))

    @cached_property
    def _references(self) -> Mapping[Quantity, tuple[AtLevel, Apart]]:
        """Where whole distributions are known and no exact value: the KL of the next token at every prefix, which
        stands for the truth, and what each quantity has beyond it."""
        full = find("full")
        if not isinstance(self.pair, Unlisted) or full.whole not in self.pair.wholes:
            return {}
        references = {}
        for quantity in self.quantities:
            level, measured = quantity.level, quantity.measured
            if level is None or quantity.target != full.target or not isinstance(measured, AtLevel):
                continue
            reference = AtLevel(full.term, level if level.name == "token" else Level())
            references[quantity] = reference, Apart(measured, reference)
        return references

    def shift(self, problem: Problem) -> tuple[float, ...]:
        """The points about which the moments of the terms are taken, from the plan or from the pilot sample."""
        # a pilot of checkpoints takes as long as a block, and of their values powers about 0 lose few digits
        if self.plan.shift is not None or problem.units is not None or isinstance(problem, Slow):
            return self.plan.shift or (0.0,) * len(self.terms)
        return tuple(shift_of(pilot(problem, self.plan.seed, self.terms)).tolist())

    def prepared(self, plan: Plan, problem: Problem) -> Plan:
        """See ``Kind``: the points that moments are taken about."""
        return replace(plan, shift=self.shift(problem))

    def passes(self, problem: Problem) -> tuple[Pass, ...]:
        """See ``Kind``: one, and one more for ratios of sums over all samples."""
        shift = dict(zip(self.terms, self.shift(problem), strict=True))
        grouped = problem.units is not None
        ratios: dict[Key, Ratio] = {term: ratio for term in self.terms if (ratio := ratio_of(term, grouped=grouped))}
        ratios |= {
            each: replace(each, centres=(shift[one.measured], shift[other.measured]))
            for (one, other), each in self._noise_over.items()
        }
        of_samples = tuple(term for term in self.terms if term not in ratios)
        if all(quantity.measured in ratios for quantity in self.quantities):
            # the controls are left, and nothing to regress on them
            of_samples = ()
        ratios |= {each: each for each in self._about_data}
        return (
            *([self._pass(problem, self._values(problem, of_samples, shift), of_samples)] if of_samples else []),
            *([self._pass(problem, self._ratios(problem, ratios, shift), tuple(ratios))] if ratios else []),
        )

    @cached_property
    def _noise_over(self) -> Mapping[tuple[Quantity, Quantity], NoiseOver]:
        """The comparisons of noise that are ratios of sums, not of moments."""
        grouped = self.pair.units is not None
        over = {
            pair: noise_over(pair[0].measured, pair[1].measured, grouped=grouped)
            for pair in self.compared.items()
            if pair[0] != pair[1]
        }
        return {pair: each for pair, each in over.items() if each is not None}

    @cached_property
    def _about_data(self) -> tuple[Ratio, ...]:
        """What is measured of a dump beside its estimators."""
        if not isinstance(self.pair, Dump):
            return ()
        known = (
            *data_checks.asked(self.pair).values(),
            *data_notes.asked(self.pair, self.estimators, self.plan.levels).values(),
        )
        return tuple(dict.fromkeys(known))

    def _values(
        self, problem: Problem, terms: tuple[Measured, ...], shift: Mapping[Measured, float]
    ) -> Accumulator[Any]:
        about = torch.tensor([shift[term] for term in terms], dtype=torch.float64)
        together = {one.measured: other.measured for one, other in self.compared.items() if one != other}
        index = {term: place for place, term in enumerate(terms)}
        beside = tuple(index.get(together[term]) if term in together else None for term in terms)
        return ValueAccumulator(
            terms,
            about,
            len(self._controls.terms),
            self.plan.samples,
            problem.numbers,
            beside if any(place is not None for place in beside) else None,
        )

    def _ratios(
        self, problem: Problem, ratios: Mapping[Key, Ratio], shift: Mapping[Measured, float]
    ) -> Accumulator[Any]:
        # a check is about 0, which no pilot need tell
        centres = [shift.get(term, 0.0) for term in ratios]  # type: ignore[arg-type]
        about = torch.tensor(centres, dtype=torch.float64)
        return RatioAccumulator(tuple(ratios.values()), about, self.plan.samples * problem.tokens, problem.numbers)

    def _pass(self, problem: Problem, accumulator: Accumulator[Any], terms: tuple[Key, ...]) -> Pass:
        apart = (*self._about_data, *self._noise_over.values())
        places: dict[Key, int] = {each: terms.index(each) for each in apart if each in terms}
        for quantity in self.quantities:
            places |= {each: terms.index(each) for each in self._references.get(quantity, ()) if each in terms}
            if quantity.measured in terms:
                places[quantity] = terms.index(quantity.measured)
                if quantity.measured_rounding:
                    places[quantity.measured_rounding] = terms.index(quantity.measured_rounding)
        return Pass(Blocks(problem, self.plan.seed, self.plan.samples, accumulator), places)

    def _exact(self, quantity: Quantity) -> Exact | None:
        return exact(self.pair, quantity.exact_term)

    def _target(self, aim: Aim) -> Truth:
        return true_of(self.pair, aim.divergence, aim.level)

    def plain(self, estimator: Estimator, level: Level | None) -> tuple[Quantity, ...]:
        """See ``Kind``."""
        prefixes = self.prefixes(level)
        of_sampler = tuple(Quantity(weighted(estimator, prefix), level=level) for prefix in prefixes)
        return of_sampler or (Quantity(estimator, level=level),)

    def at_home(self, estimator: Estimator, level: Level | None) -> tuple[Quantity, ...]:
        """See ``Kind``."""
        return (Quantity(as_measured(estimator, self.name), level=level),)

    @cached_property
    def _regressions(self) -> Mapping[Term, Regression | None]:
        if not isinstance(self.pair, Pair):
            return {}
        plain = (quantity.term for quantity in self.quantities if not quantity.term.normalised)
        terms = dict.fromkeys(term for term in plain if term.whole is None)
        return {term: regression_of(term, self._controls, self.pair) for term in terms}

    def answer(self, quantity: Quantity, sample: Sample) -> Answer:
        """See ``Kind``: with nothing measured if q and p are one distribution; some values are regressed."""
        answer = self._measured_answer(quantity, sample)
        if quantity in self._references:
            reference, apart = (sample.of(each).mean for each in self._references[quantity])
            answer = replace(answer, true=Truth(reference.value, FULL), paired=apart)
        return replace(answer, regressed=self._regressed(quantity, sample), beside=self._beside(quantity, sample))

    def _beside(self, quantity: Quantity, sample: Sample) -> Beside | None:
        reference = self.compared.get(quantity)
        if reference is None or reference not in sample.places:
            return None
        if reference == quantity:
            return Beside(None)
        answer, known = self._measured_answer(reference, sample), self._known_error(quantity, reference, sample)
        over = self._noise_over.get((quantity, reference))
        if over is not None:
            found = sample.of(over).mean if over in sample.places else Estimate()
            relative = found.mcse / found.value if found.value > 0 else nan
            # to a precision one may have more samples than the other
            same = sample.of(quantity).count == sample.of(reference).count
            return Beside(answer, relative, known, nan if same else found.value)
        left, index = sample.left_behind(quantity)
        joint = left.sums.joint_with(index, sample.left_behind(reference)[1])
        return Beside(answer, joint.relative_error, known)

    def _known_error(self, one: Quantity, other: Quantity, sample: Sample) -> float:
        """The exact error of the quotient of the noises of two, in units of it; NaN where it is not known."""
        if (one, other) not in self._slopes:
            known, weighted = (self.exact(one), self.exact(other)), self.plan.sampler is not None
            slope = None
            if isinstance(known[0], Exact) and isinstance(known[1], Exact):
                slope = slope_of(one.exact_term, other.exact_term, (known[0], known[1]), weighted=weighted)
            found = None if slope is None else exact(self.pair, slope)
            self._slopes[one, other] = nan if found is None else found.stdev
        return self._slopes[one, other] / sqrt(sample.of(one).count)

    def _measured_answer(self, quantity: Quantity, sample: Sample) -> Answer:
        answer = super().answer(quantity, sample)
        return replace(answer, sampled=answer.sampled.vanished) if _is_rounding(answer) else answer

    def _regressed(self, quantity: Quantity, sample: Sample) -> Estimate | None:
        regression = self._regressions.get(quantity.term)
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
            "bias_mcse": answer.bias.mcse if isfinite(true.value) else nan,
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
        bias, quantity = super().headline(sample), [each for each in self.quantities if each in sample.places][-1]
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
