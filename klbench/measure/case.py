"""Measuring one case: the setting, the samples, the answers and the notes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from klbench.keeper import KEPT_NOWHERE, Kept
from klbench.measure.answer import row
from klbench.measure.kind import Kind
from klbench.measure.notes import notes
from klbench.measure.plan import Sample, draw
from klbench.measure.setting import Machine, Setting
from klbench.observer import NOTHING_YET, Headline, Observer
from klbench.results import CaseResult
from klbench.row import Row
from klbench.spec.cases import Case
from klbench.spec.model import Spec

_SECONDS_BETWEEN = 0.05
"""The shortest time between two messages to an observer: a headline takes longer than a small block."""


def measure(spec: Spec, case: Case, machine: Machine, observer: Observer, kept: Kept = KEPT_NOWHERE) -> CaseResult:
    """Measure one case: the rows of its results and its notes. What is ``kept`` of it is not drawn again.

    Raises:
        SpecError: a user's function cannot be used.
        RunError: the memory does not hold one block.
    """
    start = time.perf_counter()
    setting = Setting.of(spec, case, machine.device)
    kinds = setting.plan.kinds(setting.pair, setting.estimators)
    passes = tuple(drawn for kind in kinds for drawn in kind.passes(setting.problem))
    watched = _Watched(observer, case, spec.samples)
    sample = draw(passes, machine.threads, watched.block(kinds), watched.drawn, kept)
    rows: list[Row] = []
    sentences: dict[str, None] = {}
    for kind in kinds:
        answers = [kind.answer(quantity, sample) for quantity in kind.quantities]
        own = [row(answer, kind.columns(answer), spec.samples, spec.seed, machine.device.type) for answer in answers]
        rows += own
        sentences |= dict.fromkeys(notes(setting, kind, answers, own))
    return CaseResult(
        case, setting.kl.value, setting.kl.road, tuple(rows), tuple(sentences), time.perf_counter() - start
    )


@dataclass
class _Watched:
    """Tells an observer how far the case is, a few times a second at most."""

    observer: Observer
    case: Case
    total: int
    told: float = 0.0
    headline: Callable[[], Headline] = lambda: NOTHING_YET

    def block(self, kinds: tuple[Kind, ...]) -> Callable[[Sample, int], None]:
        """Called after each block; the headline is computed only when it is shown."""

        def on_block(so_far: Sample, done: int) -> None:
            self.headline = lambda: _latest(kinds, so_far)
            self.drawn(done)

        return on_block

    def drawn(self, done: int) -> None:
        """Tell the observer how many samples are drawn, unfinished blocks included, and the latest headline."""
        if time.perf_counter() - self.told < _SECONDS_BETWEEN:
            return
        self.told = time.perf_counter()
        self.observer.advanced(self.case, done, self.total, self.headline())


def _latest(kinds: tuple[Kind, ...], so_far: Sample) -> Headline:
    """The headline of the kind that is being sampled now."""
    begun = [kind for kind in kinds if any(quantity in so_far.places for quantity in kind.quantities)]
    return begun[-1].headline(so_far)
