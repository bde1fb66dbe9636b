"""Measuring one case: the setting, the samples, the answers and the notes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce

from klbench.keeper import KEPT_NOWHERE, Kept
from klbench.measure.answer import Answer, row
from klbench.measure.data import data_result
from klbench.measure.data_notes import about_data
from klbench.measure.draw import Drawing
from klbench.measure.kind import Kind
from klbench.measure.notes import notes
from klbench.measure.plan import Sample
from klbench.measure.quantity import Quantity
from klbench.measure.setting import Machine, Setting
from klbench.measure.shard import Shard
from klbench.measure.stopping import Stop, about_precision
from klbench.measure.truth import FULL, Truth
from klbench.measure.worker import measure_blocks
from klbench.observer import NOTHING_YET, Headline, Observer
from klbench.problems.dump import Dump
from klbench.results import CaseResult
from klbench.roads.blocks import Told
from klbench.row import Row, with_references
from klbench.spec.cases import Case
from klbench.spec.model import Spec
from klbench.users.theirs import current_folder

_SECONDS_BETWEEN = 0.05
"""The shortest time between two messages to an observer: a headline takes longer than a small block."""


def measure(spec: Spec, case: Case, machine: Machine, observer: Observer, kept: Kept = KEPT_NOWHERE) -> CaseResult:
    """Measure one case: the rows of its results and its notes. What is ``kept`` of it is not drawn again.

    Raises:
        SpecError: a user's function cannot be used.
        RunError: the memory does not hold one block.
    """
    start = time.perf_counter()
    setting = Setting.of(spec, case, machine.device, machine.folder)
    kinds = setting.plan.kinds(setting.pair, setting.estimators)
    held = setting.pair.packed.sequences if isinstance(setting.pair, Dump) else None
    rows = partial(_rows, spec, machine.device.type, held)
    stop = None if spec.precision is None else Stop(spec.precision, kinds, rows)
    watched = _Watched(observer, case, setting.plan.samples, stop)
    sample = _drawing(setting, kinds, machine, kept, watched.drawn).whole(watched.block(kinds), stop)
    measured: list[Row] = []
    sentences: dict[str, None] = {}
    for kind in kinds:
        answers, own = rows(kind, kind.quantities, sample)
        measured += own
        sentences |= dict.fromkeys(notes(setting, kind, answers, own))
    sentences |= dict.fromkeys(about_precision(measured, spec.precision))
    if case.data is not None and isinstance(setting.pair, Dump):
        sentences |= dict.fromkeys(
            about_data(setting.pair, case.data, kinds[0].estimators, setting.plan.levels, sample)
        )
    took = time.perf_counter() - start
    data = data_result(case, setting.pair, sample) if isinstance(setting.pair, Dump) else None
    kl = measured_kl(measured) or setting.kl
    running = () if stop is None else tuple(stop.seen)
    return CaseResult(case, kl.value, kl.road, tuple(measured), tuple(sentences), took, data, running)


def measured_kl(rows: Sequence[Row]) -> Truth | None:
    """The KL of sequences where whole distributions that were drawn stand for it; None where they do not."""
    of_sums = (row for row in rows if row.aggregation in ("", "seq-mean-token-sum") and row.true_from == FULL)
    return next((Truth(row.true, FULL) for row in of_sums), None)


def measure_shard(spec: Spec, case: Case, machine: Machine, observer: Observer, kept: Kept, shard: Shard) -> None:
    """Measure what a shard has of a case, for ``kept``.

    Raises:
        SpecError, RunError: as of the whole case.
    """
    setting = Setting.of(spec, case, machine.device, machine.folder)
    kinds = setting.plan.kinds(setting.pair, setting.estimators)
    watched = _Watched(observer, case, spec.samples // shard.of, None)
    _drawing(setting, kinds, machine, kept, watched.drawn).shard(shard)


def _drawing(setting: Setting, kinds: Sequence[Kind], machine: Machine, kept: Kept, told: Told) -> Drawing:
    plan = reduce(lambda plan, kind: kind.prepared(plan, setting.problem), kinds, setting.plan)
    ready = plan.kinds(setting.pair, setting.estimators)
    passes = tuple(drawn for kind in ready for drawn in kind.passes(setting.problem))
    return Drawing(passes, partial(measure_blocks, plan, current_folder()), machine.engine, kept, told)


def _rows(
    spec: Spec, device: str, held: int | None, kind: Kind, quantities: Sequence[Quantity], sample: Sample
) -> tuple[list[Answer], list[Row]]:
    """The answers on some quantities of a kind, and their rows; ``held`` is how many sequences a dump has."""
    answers = [kind.answer(quantity, sample) for quantity in quantities]
    # to a precision a sample may end early; without one all is taken, but for what fills no batch
    counts = [answer.count * answer.quantity.unit if spec.precision else 0 for answer in answers]
    rows = [
        row(answer, kind.columns(answer), held or count or spec.samples, spec.seed, device)
        for answer, count in zip(answers, counts, strict=True)
    ]
    return answers, with_references(rows, kind.reference.name if kind.reference else None)


@dataclass
class _Watched:
    """Tells an observer how far the case is, a few times a second at most."""

    observer: Observer
    case: Case
    most: int
    stop: Stop | None
    told: float = 0.0
    headline: Callable[[], Headline] = lambda: NOTHING_YET

    def block(self, kinds: tuple[Kind, ...]) -> Callable[[Sample, int], None]:
        """Called after each block; the headline is computed only when it is shown."""

        def on_block(so_far: Sample, done: int) -> None:
            self.headline = lambda: (self.stop and self.stop.headline()) or _latest(kinds, so_far)
            self.drawn(done)

        return on_block

    def drawn(self, done: int) -> None:
        """Tell the observer how many samples are drawn, unfinished blocks included, and the latest headline."""
        if time.perf_counter() - self.told < _SECONDS_BETWEEN:
            return
        self.told = time.perf_counter()
        total = self.most if self.stop is None else self.stop.total(self.most)
        self.observer.advanced(self.case, done, total, self.headline())


def _latest(kinds: tuple[Kind, ...], so_far: Sample) -> Headline:
    """The headline of the kind that is being sampled now."""
    begun = [kind for kind in kinds if any(quantity in so_far.places for quantity in kind.quantities)]
    return begun[-1].headline(so_far) if begun else NOTHING_YET
