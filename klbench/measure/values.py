"""The values of one case: answered exactly where a road exists, sampled, and set side by side.

All estimators of a case see the same draws; which others there are changes nothing for any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan

from klbench.derived.precision import Evaluated, Rounding, in_precision
from klbench.estimators.divergence import REVERSE_KL, Divergence
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Term
from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.controls import Controls, controls_for, regression_of
from klbench.measure.headlines import Headlines
from klbench.measure.notes import notes
from klbench.measure.pair import Pair
from klbench.measure.rounding import about_rounding
from klbench.measure.rows import Answers, headline, row
from klbench.measure.setting import Setting
from klbench.measure.truth import Truth, true_value
from klbench.observer import Headline
from klbench.results import Row
from klbench.roads.exact import exact_road
from klbench.roads.points import Exact
from klbench.roads.regression import Regression
from klbench.roads.sampling import Sample
from klbench.stats.regression import regressed_mean
from klbench.stats.tail import khat


def values(setting: Setting, headlines: Headlines) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """(a row for each estimator and precision, what the reader should know)."""
    spec, pair, draws, estimators = setting.spec, setting.pair, setting.draws, setting.asked.estimators
    truths = true_values(pair, [estimator.target for estimator in estimators])
    survey = Survey.take(pair, controls_for(pair, setting.kl, setting.unseen), estimators, spec.dtype)

    def on_block(so_far: Sample) -> None:
        headlines.tell(so_far.moments.count, lambda: survey.headline(estimators[-1], spec.dtype[-1], truths, so_far))

    sample = draws.sample(survey.terms, len(survey.controls.terms), spec.samples, on_block, headlines.tell_drawn)
    answers = [
        survey.answers(estimator, dtype, truths[estimator.target], sample)
        for estimator in estimators
        for dtype in spec.dtype
    ]
    rows = tuple(row(each, spec, setting.device) for each in answers)
    return rows, (*notes(setting, answers), *about_rounding(rows))


def true_values(pair: Pair, targets: Sequence[Divergence]) -> dict[Divergence, Truth]:
    """The true value of each target, and of the reverse KL."""
    return {target: true_value(target, pair.q, pair.p) for target in dict.fromkeys([REVERSE_KL, *targets])}


def sampled_terms(controls: Controls, estimators: Sequence[Estimator], dtypes: Sequence[str]) -> tuple[Evaluated, ...]:
    """What is computed of every draw, each once: the controls, the estimators in each precision, what rounding adds."""
    rounded = [(estimator.term, dtype) for estimator in estimators for dtype in dtypes if dtype != FULL_PRECISION]
    sampled = [in_precision(estimator.term, dtype) for estimator in estimators for dtype in dtypes]
    return tuple(dict.fromkeys([*controls.terms, *sampled, *(Rounding(*each) for each in rounded)]))


@dataclass(frozen=True)
class Survey:
    """What is sampled of a case, controls first, and the exact moments of its terms where a road exists."""

    terms: tuple[Evaluated, ...]
    controls: Controls
    exact: Mapping[Term, Exact | None]
    regressions: Mapping[Term, Regression | None]

    @staticmethod
    def take(pair: Pair, controls: Controls, estimators: Sequence[Estimator], dtypes: Sequence[str]) -> Survey:
        """Gather the terms, each once, and answer them exactly."""
        exact = tuple(dict.fromkeys([*controls.terms, *(estimator.term for estimator in estimators)]))
        answers = dict(zip(exact, exact_road(pair.integrand(exact)), strict=True))
        regressions = {term: regression_of(term, controls, pair) for term in exact}
        return Survey(sampled_terms(controls, estimators, dtypes), controls, answers, regressions)

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
            rounding=None if dtype == FULL_PRECISION else moments.central(self.terms.index(Rounding(term, dtype))),
            regressed=self._regressed(term, index, sample),
            negative_fraction=int(moments.negative[index]) / moments.count,
            nonfinite=int(moments.nonfinite[index]),
            khat=khat(sample.largest[index]),
        )

    def headline(
        self, estimator: Estimator, dtype: str, truths: Mapping[Divergence, Truth], so_far: Sample
    ) -> Headline:
        """The running estimate of one estimator."""
        index, exact = self.terms.index(in_precision(estimator.term, dtype)), self.exact[estimator.term]
        found = headline(estimator.name, so_far.moments.central(index), truths[estimator.target].value)
        return found if exact is None or exact.has_variance else replace(found, error=nan)

    def _regressed(self, term: Term, index: int, sample: Sample) -> tuple[float, float] | None:
        regression = self.regressions[term]
        if regression is None:
            return None
        return regressed_mean(sample.moments, index, self.controls.means, regression.coefficients, regression.noise)
