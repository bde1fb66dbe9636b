"""The gradients of one case: every cell answered exactly where a road exists, sampled, and set side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from klbench.derived.precision import Rounding
from klbench.distributions.score import score_of
from klbench.estimators.estimator import Estimator
from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.baseline import Baseline
from klbench.measure.cells import Cell, cells
from klbench.measure.draws import Draws
from klbench.measure.exact_gradients import ExactGradients
from klbench.measure.follows import follows
from klbench.measure.gradient_draws import GradientDraws, GradientSample
from klbench.measure.gradient_notes import gradient_notes
from klbench.measure.gradient_rows import GradientAnswers, gradient_headline, gradient_row
from klbench.measure.headlines import Headlines
from klbench.measure.pair import Pair
from klbench.measure.rounding import about_rounding
from klbench.measure.setting import Setting
from klbench.observer import Headline
from klbench.results import GradientRow
from klbench.roads.gradient import ExactVector
from klbench.spec.model import Spec


def gradients(setting: Setting, headlines: Headlines) -> tuple[tuple[GradientRow, ...], tuple[str, ...]]:
    """(a row for each estimator, placement, weighting and precision, what the reader should know)."""
    spec, estimators = setting.spec, setting.asked.estimators
    survey = Survey.take(spec, setting.pair, estimators)

    def on_block(so_far: GradientSample, done: int) -> None:
        headlines.tell(done, lambda: survey.headline(so_far))

    sample = survey.draws(setting.draws).sample(spec.samples, on_block, headlines.tell_drawn)
    answers = [survey.answers(cell, sample) for cell in survey.cells]
    rows = tuple(gradient_row(each, spec, setting.device) for each in answers)
    return rows, (*gradient_notes(setting, survey.exact, answers), *about_rounding(rows))


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
        exact = self.exact_of(cell) if cell.has_gradient else None
        return GradientAnswers(
            cell=cell,
            score=self.exact.score,
            true=self.exact.true(cell.estimator.target),
            exact=exact,
            sampled=sample.of(cell),
            rounding=None if cell.dtype == FULL_PRECISION else sample.of(Rounding(cell.term, cell.dtype)),
            baseline=self.baseline if self._centred(cell) else None,
            follows=follows(exact, cell.estimator.term, self.exact.under_q),
        )

    def headline(self, so_far: GradientSample) -> Headline:
        """The running estimate of the last cell that is being sampled."""
        cell = [each for each in self.cells if each in so_far.places][-1]
        return gradient_headline(cell, so_far.of(cell), self.exact.true(cell.estimator.target))

    def exact_of(self, cell: Cell) -> ExactVector | None:
        """The expected gradient of a cell that has one, and its noise; None without a road."""
        if self.baseline is not None and self._centred(cell):
            return self.baseline.exact(cell, self.exact)
        return self.exact.under_draws(cell.term)

    def _centred(self, cell: Cell) -> bool:
        return self.baseline is not None and cell.placement == "reward"
