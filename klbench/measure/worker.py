"""Measuring some blocks of a plan in another process: what an engine sends there, and what comes back."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from klbench.measure.asked import imported, settled
from klbench.measure.plan import Pass, Plan
from klbench.problems.build import build_pair
from klbench.roads.memory import keep_freed_memory
from klbench.roads.merged import STRETCH, Merged, Part

_REMEMBERED = 4
"""How many plans a process keeps built: it measures many blocks of one case, then those of the next."""


def measure_blocks(plan: Plan, folder: str, number_of_pass: int, numbers: range, whole: bool) -> tuple[Part[Any], ...]:
    """The sums of some blocks of one pass, in any process; torch uses one core from then on.

    Args:
        plan: of the case.
        folder: the one the command was given in; a user's functions are looked for there, if it is here too.
        number_of_pass: which of its passes.
        numbers: the blocks.
        whole: whether they are whole stretches, each to be one part.

    Raises:
        SpecError: a user's function cannot be used here.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    if Path(folder).is_dir():
        os.chdir(folder)
    blocks = _passes(plan)[number_of_pass].blocks
    merged: Merged[Any] = Merged()
    parts = []
    for number in numbers:
        block = blocks.block(number, merged.largest_part)
        merged = merged.add(block)
        if not whole:
            parts.append(Part(number, 1, block))
        elif merged.blocks == STRETCH:
            assert merged.stretches is not None
            parts.append(Part(number + 1 - STRETCH, STRETCH, merged.stretches))
            merged = Merged()
    return tuple(parts)


@lru_cache(_REMEMBERED)
def _passes(plan: Plan) -> tuple[Pass, ...]:
    coefficients = dict(plan.estimators)
    pair = build_pair(plan, plan.device, coefficients, plan.folder)
    estimators = settled(imported(coefficients), coefficients)
    return tuple(drawn for kind in plan.kinds(pair, estimators) for drawn in kind.passes(pair))
