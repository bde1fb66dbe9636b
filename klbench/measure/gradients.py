"""Gradients: how an estimator's gradient is measured, and the columns that only gradients have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import product
from math import inf, nan, sqrt
from typing import Any

import torch
from torch import Tensor

from klbench.derived.level import AtLevel, Level
from klbench.derived.measured import Measured
from klbench.derived.precision import Evaluated, in_precision
from klbench.derived.token_weights import MeasuredWeights, RoundingOfWeights
from klbench.distributions.score import Score
from klbench.estimators.estimator import Estimator
from klbench.estimators.vocabulary import FULL_PRECISION, PLACEMENTS, Placement, Weighting
from klbench.measure.answer import Answer
from klbench.measure.baseline import value_and_weight, with_baseline
from klbench.measure.components import components_within_reach
from klbench.measure.exact_gradients import ExactGradients
from klbench.measure.follows import follows
from klbench.measure.kind import Kind
from klbench.measure.noise_ratio import Beside
from klbench.measure.place import Baseline, Place
from klbench.measure.plan import Key, Pass, Sample, levels_for
from klbench.measure.quantity import Aim, Quantity
from klbench.measure.sequence_gradients import SequenceGradients
from klbench.measure.truth import Truth
from klbench.problems.pair import Pair
from klbench.problems.problem import Problem
from klbench.problems.sequence_score import SequenceScore
from klbench.problems.sequences import SequencePair
from klbench.roads.blocks import Accumulator, Blocks
from klbench.roads.exact_vector import Atoms, ExactVector
from klbench.roads.gradient_sums import BatchedGradients, CountedGradients, SummedGradients, TokenGradients
from klbench.row import Components
from klbench.stats.estimate import Estimate


class Gradients(Kind):
    """The gradients of the estimators of a case. See ``Kind``."""

    name = "gradient"

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """See ``Kind``: every estimator in every placement, weighting and precision; where the spec says nothing, in
        its own placement and weighting."""
        return tuple(
            Quantity(estimator, dtype, place, level)
            for estimator in self.estimators
            for level in levels_for(estimator, self.plan)
            for place in self._places(estimator)
            for dtype in self.plan.dtypes
        )

    def _places(self, estimator: Estimator) -> Iterator[Place]:
        own: tuple[Placement, ...] = PLACEMENTS if estimator.placement is None else (estimator.placement,)
        asked = self.plan.placements or own
        # a return is one of rewards
        for placement in [one for one in asked if one == "reward"] if estimator.to_go else asked:
            baseline = self._baseline if placement == "reward" else None
            for weighting in self.plan.weightings or (estimator.weighting,):
                yield Place(placement, weighting, baseline, self.plan.clip if weighting != "none" else inf)

    @cached_property
    def _baseline(self) -> Baseline | None:
        return (
            Baseline(self.plan.baseline, self.plan.batch) if self.plan.baseline != "none" and self.plan.batch else None
        )

    @cached_property
    def gradients(self) -> ExactGradients | SequenceGradients:
        """What is known exactly."""
        if isinstance(self.pair, Pair):
            return ExactGradients(self.pair, self.pair.score(self.plan.parameters))
        assert isinstance(self.pair, SequencePair), "a file has no gradients, and a spec that asks for them is refused"
        return SequenceGradients(self.pair, self.pair.score(self.plan.parameters))

    def passes(self, problem: Problem) -> tuple[Pass, ...]:
        """See ``Kind``: the samples are drawn once for the gradients without a baseline, and once for those with
        one."""
        score = problem.score(self.plan.parameters)
        assert score is not None
        there = [quantity for quantity in self.quantities if quantity.exists]
        plain = [quantity for quantity in there if quantity.place and not quantity.place.baseline]
        centred = [quantity for quantity in there if quantity not in plain]
        return (
            *([self._plain(problem, score, plain)] if plain else []),
            *([self._batched(problem, score, centred)] if centred else []),
        )

    def _plain(self, problem: Problem, score: Score, quantities: list[Quantity]) -> Pass:
        if isinstance(score, SequenceScore):
            return self._of_tokens(problem, score, quantities)
        evaluated: dict[Key, Evaluated] = {}
        for quantity in quantities:
            evaluated[quantity] = quantity.sampled
            if quantity.rounding:
                evaluated[quantity.rounding] = quantity.rounding
        terms = tuple(dict.fromkeys(evaluated.values()))
        atoms = Atoms.of(problem, score)
        accumulator: Accumulator[Any]
        if atoms is not None:
            accumulator = CountedGradients(problem, terms, score, atoms, problem.numbers)
        else:
            components = self._components_within_reach(score)
            accumulator = SummedGradients(score, self.plan.samples, components**2 + problem.numbers, terms)
        return self._pass(problem, accumulator, {key: terms.index(term) for key, term in evaluated.items()})

    def _of_tokens(self, problem: Problem, score: SequenceScore, quantities: list[Quantity]) -> Pass:
        places: dict[Key, int] = {}
        weights: list[MeasuredWeights] = []
        for quantity in quantities:
            own = self.gradients.weights(quantity)  # type: ignore[union-attr]
            places[quantity] = len(weights)
            weights.append(own)
            if quantity.measured_rounding:
                places[RoundingOfWeights(own)] = len(weights)
                weights.append(RoundingOfWeights(own))
        numbers = self._components_within_reach(score) + problem.numbers
        accumulator = TokenGradients(score, self.plan.samples, numbers, tuple(weights))
        return self._pass(problem, accumulator, places)

    def _batched(self, problem: Problem, score: Score, quantities: list[Quantity]) -> Pass:
        exact = {quantity: replace(quantity, dtype=FULL_PRECISION) for quantity in quantities}
        computed = list(dict.fromkeys([*quantities, *exact.values()]))
        rounded = [quantity for quantity in quantities if quantity.rounding]
        places: dict[Key, int] = {quantity: computed.index(quantity) for quantity in quantities}
        # the rounding is the difference of two gradients, each centred in its own precision
        places |= {
            quantity.rounding: len(computed) + index for index, quantity in enumerate(rounded) if quantity.rounding
        }
        accumulator = BatchedGradients(
            score,
            self.plan.samples,
            self._components_within_reach(score) + problem.numbers,
            values=tuple(_in_its_precision(quantity) for quantity in computed),
            differences=tuple((computed.index(quantity), computed.index(exact[quantity])) for quantity in rounded),
            leave_one_out=self.plan.baseline == "leave-one-out",
            unit=quantities[0].unit,
        )
        return self._pass(problem, accumulator, places)

    def _pass(self, problem: Problem, accumulator: Accumulator[Any], places: Mapping[Key, int]) -> Pass:
        return Pass(Blocks(problem, self.plan.seed, self.plan.samples, accumulator), places)

    def _components_within_reach(self, score: Score) -> int:
        return components_within_reach(score, with_baseline=self._baseline is not None)

    def _exact(self, quantity: Quantity) -> ExactVector | None:
        if isinstance(self.gradients, SequenceGradients):
            return self.gradients.of(quantity)
        if quantity.place and quantity.place.baseline:
            return with_baseline(quantity, quantity.place.baseline, self.gradients)
        return self.gradients.under_draws(quantity.term)

    def _target(self, aim: Aim) -> Truth:
        if isinstance(self.gradients, SequenceGradients):
            return self.gradients.true(aim)
        return self.gradients.true(aim.divergence)

    def plain(self, estimator: Estimator, level: Level | None) -> Iterator[Quantity]:
        """See ``Kind``: in the loss and in the reward."""
        known: dict[str, tuple[Weighting, ...]] = {
            "ratio": ("ratio", "detached"),
            "ratio-sequence": ("ratio-sequence",),
        }
        weightings: list[Weighting] = [weighting for prefix in self.prefixes(level) for weighting in known[prefix]] or [
            "none"
        ]
        for placement, weighting in product(PLACEMENTS, weightings):
            yield Quantity(estimator, place=Place(placement, weighting), level=level)

    def at_home(self, estimator: Estimator, level: Level | None) -> Iterator[Quantity]:
        """See ``Kind``: nowhere if it is only logged."""
        if estimator.placement is not None:
            yield Quantity(estimator, place=Place(estimator.placement, estimator.weighting), level=level)

    def answer(self, quantity: Quantity, sample: Sample) -> Answer:
        """See ``Kind``: with the names of what the gradient follows."""
        answer = super().answer(quantity, sample)
        if quantity in self.compared:
            reference = self.compared[quantity]
            answer = replace(answer, beside=Beside(super().answer(reference, sample)))
        if isinstance(self.gradients, SequenceGradients):
            known, elsewhere = self.gradients.follows(quantity)
            if quantity.measured_rounding:
                answer = replace(answer, rounding=sample.of(RoundingOfWeights(self.gradients.weights(quantity))))
            return replace(answer, follows=follows(answer.exact, quantity.estimator.term, known, elsewhere))
        return replace(answer, follows=follows(answer.exact, quantity.estimator.term, self.gradients.under_q))

    def columns(self, answer: Answer) -> Mapping[str, Any]:
        """See ``Kind``."""
        place, known, true = answer.quantity.place, answer.exact, answer.true
        assert place is not None
        cosine = answer.of_mean(answer.sampled.cosine(true.value)) if answer.sampled else Estimate()
        exact_cosine = nan if known is None else known.cosine(true.value)
        return {
            "parameters": self.gradients.score.parameters,
            "placement": place.placement,
            "weighting": place.weighting,
            "true_norm": true.size,
            "cosine": cosine.value,
            "cosine_mcse": cosine.mcse,
            "exact_cosine": exact_cosine,
            "exact_from": known.road if known and known.is_finite else "",
            "follows": answer.follows[0] if answer.follows else "",
            "components": self._components(answer),
        }

    def _components(self, answer: Answer) -> Components:
        parameter, index = self.gradients.score.components
        unknown = torch.full((len(parameter),), nan, dtype=torch.float64)
        count = answer.count or 1
        bessel = count / (count - 1) if count > 1 else nan
        moments = answer.sampled.moments if answer.sampled else None
        mean = unknown if moments is None else moments.mean
        stdev = unknown if moments is None else (moments.variances * bessel).sqrt()
        return Components(
            parameter=parameter,
            index=index,
            true=answer.true.value.numpy(),
            mean=mean.numpy(),
            mean_mcse=_component_errors(answer, stdev / sqrt(count)).numpy(),
            exact=(unknown if answer.exact is None else answer.exact.mean).numpy(),
            stdev=(stdev * sqrt(answer.quantity.unit)).numpy(),
        )

    def label(self, quantity: Quantity) -> str:
        """See ``Kind``."""
        return f"{quantity.estimator.name} as {quantity.place.placement if quantity.place else ''}, bias/true"


def _in_its_precision(quantity: Quantity) -> tuple[Measured, Measured]:
    value, weight = value_and_weight(quantity)
    values, weights = in_precision(value, quantity.dtype), in_precision(weight, quantity.dtype)
    if quantity.level is None:
        return values, weights
    return AtLevel(values, quantity.level), AtLevel(weights, Level("sequence", None))


def _component_errors(answer: Answer, errors: Tensor) -> Tensor:
    """The error of each component [J], at least the exact one; none if the variance is infinite."""
    if not answer.has_variance:
        return torch.full_like(errors, nan)
    # NaN is the one number that is not itself
    if answer.exact is None or answer.known_noise != answer.known_noise:
        return errors
    exact = answer.exact.stdev / sqrt(answer.count * answer.quantity.unit)
    # where, not maximum: an exact error that is NaN leaves the sampled one as it is
    return torch.where(exact > errors, exact, errors)
