"""Measuring one case: built, answered exactly where a road exists, sampled, and set side by side.

All estimators of a case see the same draws; which others there are changes nothing for any of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from klbench.derived.precision import EXACT, Evaluated, Rounding, in_precision
from klbench.estimators.divergence import REVERSE_KL, Divergence
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Term
from klbench.measure.asked import Asked
from klbench.measure.clamps import clamp_notes
from klbench.measure.controls import Controls, controls_for
from klbench.measure.draws import Draws, Machine
from klbench.measure.notes import notes
from klbench.measure.pair import Pair
from klbench.measure.rows import Answers, headline, row
from klbench.measure.truth import Truth, true_value
from klbench.measure.unseen import Unseen
from klbench.observer import Observer
from klbench.results import CaseResult
from klbench.roads.exact import exact_road
from klbench.roads.points import Exact
from klbench.roads.sampling import Sample
from klbench.spec.cases import Case
from klbench.spec.model import Spec
from klbench.stats.regression import regressed_mean
from klbench.stats.tail import khat


def measure(spec: Spec, case: Case, machine: Machine, observer: Observer) -> CaseResult:
    """Everything klbench can say of one case."""
    start = time.perf_counter()
    pair, draws = Pair.build(case), Draws.of(case, machine, spec.seed)
    asked = Asked.of(spec, pair, draws)
    estimators = asked.estimators
    truths = true_values(pair, [estimator.target for estimator in estimators])
    kl = truths[REVERSE_KL]
    unseen = Unseen.of(pair)
    survey = Survey.take(pair, controls_for(pair, kl, unseen), estimators, spec.dtype)
    watch = _Watch(observer, case, spec.samples, estimators[-1], truths[estimators[-1].target], survey, spec.dtype[-1])
    sample = draws.sample(survey.terms, len(survey.controls.terms), spec.samples, watch.on_block)
    answers = [
        survey.answers(estimator, dtype, truths[estimator.target], sample)
        for estimator in estimators
        for dtype in spec.dtype
    ]
    clamps = clamp_notes({estimator.name: estimator for estimator in estimators}, draws)
    remarks = (*notes(kl, unseen, answers, asked.fits), *clamps)
    rows = tuple(row(each, spec, machine.device.type) for each in answers)
    return CaseResult(case, kl.value, kl.road, rows, remarks, time.perf_counter() - start)


def true_values(pair: Pair, targets: Sequence[Divergence]) -> dict[Divergence, Truth]:
    """The true value of each target, and of the reverse KL."""
    return {target: true_value(target, pair.q, pair.p) for target in dict.fromkeys([REVERSE_KL, *targets])}


@dataclass(frozen=True)
class Survey:
    """What is sampled of a case, controls first, and the exact moments of its terms where a road exists."""

    terms: tuple[Evaluated, ...]
    controls: Controls
    exact: Mapping[Term, Exact | None]

    @staticmethod
    def take(pair: Pair, controls: Controls, estimators: Sequence[Estimator], dtypes: Sequence[str]) -> Survey:
        """Gather the terms, each once, and answer them exactly."""
        exact = tuple(dict.fromkeys([*controls.terms, *(estimator.term for estimator in estimators)]))
        rounded = [(estimator.term, dtype) for estimator in estimators for dtype in dtypes if dtype != EXACT]
        sampled = [in_precision(estimator.term, dtype) for estimator in estimators for dtype in dtypes]
        terms = dict.fromkeys([*controls.terms, *sampled, *(Rounding(*each) for each in rounded)])
        return Survey(tuple(terms), controls, dict(zip(exact, exact_road(pair.integrand(exact)), strict=True)))

    def answers(self, estimator: Estimator, dtype: str, truth: Truth, sample: Sample) -> Answers:
        """What is known of one estimator in one precision, now that it is sampled."""
        term, moments = estimator.term, sample.moments
        index = self.terms.index(in_precision(term, dtype))
        return Answers(
            estimator=estimator,
            dtype=dtype,
            truth=truth,
            exact=self.exact[term],
            sample=moments.central(index),
            rounding=None if dtype == EXACT else moments.central(self.terms.index(Rounding(term, dtype))),
            regressed=self._regressed(term, index, sample),
            negative_fraction=int(moments.negative[index]) / moments.count,
            nonfinite=int(moments.nonfinite[index]),
            khat=khat(sample.largest[index]),
        )

    def _regressed(self, term: Term, index: int, sample: Sample) -> tuple[float, float] | None:
        exact = self.exact[term]
        largest = dict(zip(self.controls.terms, sample.largest, strict=False))
        if not self.controls.usable(self.exact, largest) or (exact and not exact.has_variance):
            return None
        if self.controls.span(term):
            return None
        return regressed_mean(sample.moments, index, self.controls.means)


@dataclass
class _Watch:
    """Tells the observer of the last estimator's running estimate, a few times a second."""

    observer: Observer
    case: Case
    total: int
    estimator: Estimator
    truth: Truth
    survey: Survey
    dtype: str
    told: float = 0.0

    def on_block(self, so_far: Sample) -> None:
        """Another block is merged."""
        if time.perf_counter() - self.told < _BETWEEN_HEADLINES:
            return
        self.told = time.perf_counter()
        central = so_far.moments.central(self.survey.terms.index(in_precision(self.estimator.term, self.dtype)))
        said = headline(self.estimator.name, central, self.truth.value)
        self.observer.advanced(self.case, so_far.moments.count, self.total, said)


_BETWEEN_HEADLINES = 0.05
