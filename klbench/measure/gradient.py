"""Measuring the gradients of one case: every cell answered exactly where a road exists, sampled, set side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from klbench.derived.precision import EXACT, Rounding
from klbench.distributions.score import score_of
from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.estimator import Estimator
from klbench.measure.asked import Asked
from klbench.measure.baseline import Baseline
from klbench.measure.cells import Cell, cells
from klbench.measure.draws import Draws, Machine
from klbench.measure.follows import follows
from klbench.measure.gradient_draws import GradientDraws, GradientSample
from klbench.measure.gradient_notes import gradient_notes
from klbench.measure.gradient_rows import GradientAnswers, gradient_headline, gradient_row
from klbench.measure.pair import Pair
from klbench.measure.true_gradient import ExactGradients
from klbench.measure.truth import true_value
from klbench.measure.unseen import Unseen
from klbench.observer import Observer
from klbench.results import CaseResult
from klbench.roads.gradient import ExactVector
from klbench.spec.cases import Case
from klbench.spec.model import Spec


def measure_gradient(spec: Spec, case: Case, machine: Machine, observer: Observer) -> CaseResult:
    """Everything klbench can say of the gradients of one case."""
    start = time.perf_counter()
    pair, draws = Pair.build(case), Draws.of(case, machine, spec.seed)
    asked = Asked.of(spec, pair, draws)
    survey = Survey.take(spec, pair, asked.estimators)
    sample = survey.draws(draws).sample(spec.samples, _watch(survey, case, spec.samples, observer))
    answers = [survey.answers(cell, sample) for cell in survey.cells]
    kl = true_value(REVERSE_KL, pair.q, pair.p)
    notes = gradient_notes(kl, Unseen.of(pair), answers, asked.fits, draws)
    rows = tuple(gradient_row(each, spec, machine.device.type) for each in answers)
    return CaseResult(case, kl.value, kl.road, rows, notes, time.perf_counter() - start)


@dataclass(frozen=True)
class Survey:
    """What is asked of a case, and what the exact roads say of it."""

    cells: tuple[Cell, ...]
    exact: ExactGradients
    parameters: tuple[str, ...] | None
    baseline: Baseline | None

    @staticmethod
    def take(spec: Spec, pair: Pair, estimators: Sequence[Estimator]) -> Survey:
        """Gather the cells; nothing is computed yet."""
        baseline = Baseline(spec.baseline, spec.batch) if spec.baseline != "none" and spec.batch else None
        exact = ExactGradients.of(pair, score_of(pair.q, spec.parameters))
        return Survey(tuple(cells(spec, estimators)), exact, spec.parameters, baseline)

    def draws(self, draws: Draws) -> GradientDraws:
        """How the cells that have a gradient are sampled."""
        alive = [cell for cell in self.cells if cell.has_gradient]
        score = score_of(draws.pair.q, self.parameters)
        centred = [cell for cell in alive if self._centred(cell)]
        return GradientDraws.of(draws, score, [cell for cell in alive if cell not in centred], centred, self.baseline)

    def answers(self, cell: Cell, sample: GradientSample) -> GradientAnswers:
        """What is known of one cell, now that it is sampled."""
        exact = self._exact(cell) if cell.has_gradient else None
        return GradientAnswers(
            cell=cell,
            score=self.exact.score,
            true=self.exact.true(cell.estimator.target),
            exact=exact,
            sampled=sample.of(cell),
            rounding=None if cell.dtype == EXACT else sample.of(Rounding(cell.term, cell.dtype)),
            baseline=self.baseline if self._centred(cell) else None,
            follows=follows(exact, cell.estimator.term, self.exact.under_q),
        )

    def _exact(self, cell: Cell) -> ExactVector | None:
        if self.baseline is not None and self._centred(cell):
            return self.baseline.exact(cell, self.exact)
        return self.exact.under_draws(cell.term)

    def _centred(self, cell: Cell) -> bool:
        return self.baseline is not None and cell.placement == "reward"


def _watch(survey: Survey, case: Case, total: int, observer: Observer) -> Callable[[GradientSample, int], None]:
    """Tells the observer of the last cell's running estimate, a few times a second."""
    told = time.perf_counter()

    def on_block(so_far: GradientSample, done: int) -> None:
        nonlocal told
        if time.perf_counter() - told < _BETWEEN_HEADLINES:
            return
        told = time.perf_counter()
        cell = [each for each in survey.cells if each in so_far.places][-1]
        true = survey.exact.true(cell.estimator.target)
        observer.advanced(case, done, total, gradient_headline(cell, so_far.of(cell), true))

    return on_block


_BETWEEN_HEADLINES = 0.1
