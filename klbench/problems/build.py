"""The problem that a case, or the plan of one, asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from klbench.estimators.catalogue import find
from klbench.policies.build import is_sequence, table_of
from klbench.policies.joint import joint
from klbench.problems.checkpoints import Checkpoints, wanted_by
from klbench.problems.dump import Dump
from klbench.problems.pair import Pair
from klbench.problems.sequences import SequencePair

if TYPE_CHECKING:
    from klbench.dumps.source import Side
    from klbench.measure.plan import Plan
    from klbench.spec.cases import Case

AnyPair = Pair | SequencePair | Dump | Checkpoints
"""Distributions of single draws, policies over sequences, the files of a run, or checkpoints of models."""
Unlisted = Dump | Checkpoints
"""Those that have no exact method."""


def build_pair(
    case: Case | Plan, device: torch.device | str = "cpu", names: Iterable[str] = (), folder: str | None = None
) -> AnyPair:
    """Build the members of a pair, in float64: of single draws on ``device``, of sequences on the CPU.

    Checkpoints run on ``device``, and are not loaded yet; ``names`` are the estimators that will be asked of them, and
    ``folder`` is where what they draw is kept, None for nowhere that lasts.

    Raises:
        SpecError: policies over sequences that cannot walk together, or a file that cannot be read.
        RunError: a file of a run cannot be read here.
    """
    if case.data is not None:
        return _dump(case.data)
    if case.prompted is not None:
        wanted = wanted_by(names)
        return Checkpoints(case.q, case.p, case.sampler, case.prompted, wanted, torch.device(device), folder)
    if not is_sequence(case.q):
        return Pair.build(case, device)
    sampler = None if case.sampler is None else table_of(case.sampler)
    tables = joint(table_of(case.q), table_of(case.p), sampler)
    return SequencePair(case.q, case.p, case.sampler, tables)


def _dump(side: Side) -> Dump:
    packed = side.source.loaded().packed
    of_pair = packed.known if side.kind == "reference" else ()
    known = {name: whole for name in of_pair if (whole := find(name).whole) is not None}
    return Dump(packed, side.q, side.p, side.sampler, known)
