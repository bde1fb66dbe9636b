"""The problem that a case, or the plan of one, asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from klbench.estimators.catalogue import find
from klbench.policies.build import is_sequence, table_of
from klbench.policies.joint import joint
from klbench.problems.dump import Dump
from klbench.problems.pair import Pair
from klbench.problems.sequences import SequencePair

if TYPE_CHECKING:
    from klbench.dumps.source import Side
    from klbench.measure.plan import Plan
    from klbench.spec.cases import Case

AnyPair = Pair | SequencePair | Dump
"""Distributions of single draws, policies over sequences, or the files of a run."""


def build_pair(case: Case | Plan, device: torch.device | str = "cpu") -> AnyPair:
    """Build the members of a pair, in float64: of single draws on ``device``, of sequences on the CPU.

    Raises:
        SpecError: policies over sequences that cannot walk together, or a file that cannot be read.
        RunError: a file of a run cannot be read here.
    """
    if case.data is not None:
        return _dump(case.data)
    if not is_sequence(case.q):
        return Pair.build(case, device)
    sampler = None if case.sampler is None else table_of(case.sampler)
    tables = joint(table_of(case.q), table_of(case.p), sampler)
    return SequencePair(case.q, case.p, case.sampler, tables)


def _dump(side: Side) -> Dump:
    packed = side.source.loaded().packed
    known = {name: whole for name in packed.known if (whole := find(name).whole) is not None}
    return Dump(packed, side.q, side.p, side.sampler, known)
