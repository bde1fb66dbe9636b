"""Measuring one block of a plan in another process: what an engine sends there, and what comes back."""

from __future__ import annotations

from functools import lru_cache

import torch

from klbench.measure.asked import imported, settled
from klbench.measure.plan import Pass, Plan
from klbench.problems.pair import Pair
from klbench.stats.mergeable import Mergeable

_REMEMBERED = 4
"""How many plans a process keeps built: it measures many blocks of one case, then those of the next."""


def measure_block(plan: Plan, number_of_pass: int, number: int) -> Mergeable:
    """The sums of one block of one pass, in any process; torch uses one core from then on."""
    torch.set_num_threads(1)
    left: Mergeable = _passes(plan)[number_of_pass].blocks.block(number)
    return left


@lru_cache(_REMEMBERED)
def _passes(plan: Plan) -> tuple[Pass, ...]:
    pair, coefficients = Pair.build(plan, plan.device), dict(plan.estimators)
    estimators = settled(imported(coefficients), coefficients)
    return tuple(drawn for kind in plan.kinds(pair, estimators) for drawn in kind.passes(pair))
