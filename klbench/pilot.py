"""How long a run will take and how much memory: measured on a little of it, not guessed.

A few cases are run with two small numbers of samples. What the second takes longer is the cost of its samples; the rest
is what every case costs whatever its samples (the exact numbers). Nothing that is drawn is kept.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import torch

from klbench.measure.case import measure
from klbench.measure.draws import Machine
from klbench.observer import SILENT
from klbench.roads.sampling import BLOCK
from klbench.runner import available_cores, one_torch_thread
from klbench.spec.cases import Case
from klbench.spec.model import Spec

_FIRST = 2**11
"""Samples: so few that a case's fixed cost is all of its time."""
_LONG_ENOUGH = 0.15
"""Seconds: a pilot that took as long tells the cost of a sample to a few percent."""
_MOST_CASES = 4
_BUDGET = 1.0
"""Seconds for all pilots together; then the cases that were tried stand for the others."""


@dataclass(frozen=True)
class Cost:
    """What a run takes on this machine: seconds, MiB beyond what Python and torch take (0: not known), and cores."""

    seconds: float
    mebibytes: float
    cores: int


def cost(spec: Spec) -> Cost:
    """Of a whole run on the CPU.

    Raises:
        UserError: a user's function cannot be used.
    """
    cases, cores, start, before = spec.cases(), available_cores(), time.perf_counter(), _resident()
    tried: list[float] = []
    for case in _spread(cases):
        tried.append(_of_case(spec, case, cores))
        if time.perf_counter() - start > _BUDGET:
            break
    # a block of every core is in flight; the pilot had one
    return Cost(len(cases) * mean(tried), max(_resident() - before, 0.0) * cores, cores)


def _spread(cases: Sequence[Case]) -> list[Case]:
    """A few cases from the first to the last, which often differ most."""
    step = max(1, (len(cases) - 1) // (_MOST_CASES - 1))
    return [*cases[::step]][:_MOST_CASES]


def _of_case(spec: Spec, case: Case, cores: int) -> float:
    """Seconds for one case, its blocks shared by the cores."""
    unit = spec.batch or 1
    count = -(-_FIRST // unit) * unit
    first = seconds = _timed(spec, case, count)
    while seconds - first < _LONG_ENOUGH and count < min(spec.samples, BLOCK["cpu"]):
        count *= 4
        seconds = _timed(spec, case, count)
    each = max(seconds - first, 0.0) / max(count - _FIRST, 1)
    at_once = min(cores, -(-spec.samples // BLOCK["cpu"]))
    return first + each * spec.samples / at_once


def _timed(spec: Spec, case: Case, samples: int) -> float:
    machine = Machine(torch.device("cpu"), 1)
    start = time.perf_counter()
    with one_torch_thread():
        measure(spec.model_copy(update={"samples": samples}), case, machine, SILENT)
    return time.perf_counter() - start


def _resident() -> float:
    """The most memory this process has had, MiB; 0 where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
