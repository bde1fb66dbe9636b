"""The time and memory that a run takes, from a trial of its own code on this machine.

One case of each shape of pair is tried: some draws, and the part that does not depend on the number of samples, all
from streams that no run has. The trial has a budget of time: a slow block is drawn in part, and pairs that there was no
time to try are assumed to cost what the others do.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from statistics import fmean, median

from klbench.distributions.expression import Mixture, Named, Power
from klbench.engines.threads import block_threads
from klbench.estimators.catalogue import find
from klbench.estimators.divergence import REVERSE_KL
from klbench.measure.case import measure
from klbench.measure.plan import Plan
from klbench.measure.setting import Machine
from klbench.measure.truth import Unseen, known_mean, true_of
from klbench.observer import SILENT
from klbench.problems.build import build_pair
from klbench.problems.problem import BLOCK
from klbench.roads.memory import keep_freed_memory
from klbench.roads.value_sums import PILOT_SIZE
from klbench.spec.cases import Case
from klbench.spec.model import Spec
from klbench.users.estimator import UserFunction

BUDGET = 1.0
"""Seconds for all trials together; the smallest trial of one case is made even if it takes longer."""
_SEED = -1
"""A seed that no run has: a spec's is 0 or more."""
_FEW = 1024
"""So few samples that their time is negligible next to the fixed time of a case."""
_FIRST, _MORE = 4096, 4
"""The draws of the first trial, and the factor from one trial to the next while there is time."""
_ROUNDS = 3
"""The quickest of so many rounds counts: the first has to allocate memory, and other programs may slow the rest."""
_TIMES_ITS_ANSWERS = 2.0
"""The fixed time of a case, in units of the time of its exact answers: 1.3 to 2.5 for half of the gallery."""

Answered = tuple[Case, float]
"""A case, and the seconds that its exact answers took."""


@dataclass(frozen=True)
class Cost:
    """The cost of a run.

    Args:
        seconds: for all cases.
        memory: the most bytes that the process holds at once, its libraries included; None where that is not known.
        draws: how many draws it was measured on.
        left_out: a user's functions, which only a run imports; they are not in it.
    """

    seconds: float
    memory: int | None
    draws: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Trial:
    """The measured cost of one case.

    Args:
        ratio: its seconds without samples, divided by the seconds of its exact answers.
        together: seconds for a draw where every thread has a block.
        alone: seconds for a draw where one thread has the only block.
        draws: how many were drawn with every thread at work.
    """

    ratio: float
    together: float
    alone: float
    draws: int


def cost(spec: Spec, answered: Sequence[Answered], machine: Machine) -> Cost | None:
    """The cost of a run of ``spec`` on ``machine``; None if it names only a user's functions.

    Raises:
        SpecError, RunError: the run would end so.
    """
    left_out = tuple(name for name in spec.estimators if isinstance(find(name).joint, UserFunction))
    tried = [name for name in spec.estimators if name not in left_out]
    if not tried:
        return None
    keep_freed_memory()
    groups = _by_shape(answered)
    trials = _trials(spec.model_copy(update={"estimators": tuple(tried), "seed": _SEED}), groups, machine)
    like = [*trials, *[_mean(trials)] * (len(groups) - len(trials))]
    seconds = sum(_seconds(trial, group, spec.samples, machine) for trial, group in zip(like, groups, strict=True))
    return Cost(seconds, _peak_memory(), sum(trial.draws for trial in trials), left_out)


def _by_shape(answered: Sequence[Answered]) -> list[list[Answered]]:
    groups: dict[object, list[Answered]] = {}
    for case, seconds in answered:
        groups.setdefault(tuple(map(_shape, (case.q, case.p, case.sampler))), []).append((case, seconds))
    return list(groups.values())


def _shape(part: object) -> object:
    """An expression with the count of its numbers in place of the numbers: what decides its cost."""
    match part:
        case Power(base, copies):
            return _shape(base), copies
        case Mixture(weights, components):
            return len(weights), tuple(map(_shape, components))
        case Named():
            return part.family, tuple((name, _shape(value)) for name, value in part.arguments)
        case tuple():
            return len(part), _shape(part[0]) if part else None
    return part is None


def _trials(spec: Spec, groups: Sequence[Sequence[Answered]], machine: Machine) -> list[_Trial]:
    """A trial for each group until the time is used up, and at least one."""
    end, trials = time.perf_counter() + BUDGET, list[_Trial]()
    for index, group in enumerate(groups):
        left = end - time.perf_counter()
        if trials and left <= 0:
            break
        trials.append(_trial(spec, group[len(group) // 2], machine, left / (len(groups) - index)))
    return trials


def _trial(spec: Spec, answered: Answered, machine: Machine, budget: float) -> _Trial:
    case, answers = answered
    end, block = time.perf_counter() + budget, BLOCK[machine.device.type]
    draw = _drawing(spec, case, machine)
    count, took = _FIRST, _timed(partial(draw, _FIRST))
    # trials grow fourfold, and the last takes a quarter at most: all of them a third, and the rounds have the rest
    while count < block and took * _MORE < budget / 4:
        count = min(count * _MORE, block)
        took = _timed(partial(draw, count))
    with block_threads(machine.engine.workers) as pool:
        together = partial(_at_once, pool, draw, [count] * machine.engine.workers)
        rounds = [_timed(together)]
        while len(rounds) < _ROUNDS and time.perf_counter() + rounds[0] < end:
            rounds.append(_timed(together))
    fixed = _TIMES_ITS_ANSWERS * answers
    if time.perf_counter() + fixed + PILOT_SIZE * took / count < end:
        few = spec.model_copy(update={"samples": max(_FEW, spec.batch or 0)})
        fixed = _timed(lambda: measure(few, case, machine, SILENT))
    drawn = count * machine.engine.workers
    return _Trial(fixed / answers, min(rounds) / drawn, took / count, drawn * len(rounds))


def _drawing(spec: Spec, case: Case, machine: Machine) -> Callable[[int], object]:
    """A function that draws so many samples and measures them as a run does, in one block."""
    pair, problem = build_pair(case), build_pair(case, machine.device)
    kl = known_mean(pair, true_of(pair, REVERSE_KL), Unseen.of(pair))
    plan = replace(Plan.of(spec, case, machine.device), kl=kl, shift=())
    estimators = {name: find(name).fitted(1.0) for name in spec.estimators}
    passes = [drawn for kind in plan.kinds(pair, estimators) for drawn in kind.passes(problem)]

    def drawn(count: int) -> None:
        for one_pass in passes:
            replace(one_pass.blocks, samples=max(count, spec.batch or 0)).block(0)

    return drawn


def _at_once(pool: Executor, draw: Callable[[int], object], counts: Sequence[int]) -> None:
    deque(pool.map(draw, counts), maxlen=0)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _mean(trials: Sequence[_Trial]) -> _Trial:
    """The trial assumed for a pair that there was no time to try."""
    ratio = median(trial.ratio for trial in trials)
    return _Trial(ratio, fmean(trial.together for trial in trials), fmean(trial.alone for trial in trials), 0)


def _seconds(trial: _Trial, group: Sequence[Answered], samples: int, machine: Machine) -> float:
    """The seconds of all cases of a group."""
    blocks = ceil(samples / BLOCK[machine.device.type])
    rounds = (
        ceil(blocks / machine.engine.workers) * machine.engine.workers / blocks
    )  # in the last round some threads have no block
    drawing = samples * min(trial.alone, trial.together * rounds) if blocks > 1 else samples * trial.alone
    return len(group) * drawing + trial.ratio * sum(answers for _, answers in group)


def _peak_memory() -> int | None:
    """The most bytes that this process has held; None if the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    told = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return told if sys.platform == "darwin" else told * 1024
