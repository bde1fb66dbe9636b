"""Measuring one case: its pair built, its estimators readied, and then values or gradients, as the spec asks."""

from __future__ import annotations

import time

from klbench.estimators.divergence import REVERSE_KL
from klbench.measure.asked import Asked
from klbench.measure.draws import Draws, Machine
from klbench.measure.gradients import gradients
from klbench.measure.headlines import Headlines
from klbench.measure.pair import Pair
from klbench.measure.setting import Setting
from klbench.measure.truth import true_value
from klbench.measure.unseen import Unseen
from klbench.measure.values import values
from klbench.observer import Observer
from klbench.results import CaseResult
from klbench.spec.cases import Case
from klbench.spec.model import Spec


def measure(spec: Spec, case: Case, machine: Machine, observer: Observer) -> CaseResult:
    """Everything klbench can say of one case.

    Raises:
        SpecError: a user's function cannot be used.
        RunError: the device's memory does not hold one block.
    """
    start = time.perf_counter()
    pair, draws = Pair.build(case), Draws.of(case, machine, spec.seed)
    kl = true_value(REVERSE_KL, pair.q, pair.p)
    setting = Setting(spec, pair, draws, Asked.of(spec, pair, draws), kl, Unseen.of(pair))
    headlines = Headlines(observer, case, spec.samples)
    rows, notes = (gradients if spec.measure == "gradient" else values)(setting, headlines)
    return CaseResult(case, kl.value, kl.road, rows, notes, time.perf_counter() - start)
