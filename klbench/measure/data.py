"""What is told of log-probabilities that a run has saved, beside its rows: how many there are, checks and tables."""

from __future__ import annotations

from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING

from klbench.measure.data_checks import Check, answered
from klbench.measure.data_tables import Position, Worst, positions_of, worst_of

if TYPE_CHECKING:
    from klbench.measure.plan import Sample
    from klbench.problems.dump import Dump
    from klbench.spec.cases import Case


@dataclass(frozen=True)
class DataResult:
    """What is told of one comparison in a dump.

    Args:
        said: what the files are, in a sentence.
        sequences, tokens, groups: how many are measured.
        checks: whether the tokens were drawn as is claimed.
        positions: by deciles of the tokens' positions.
        worst: the tokens and the sequences with the largest |log_ratio|.
    """

    said: str
    sequences: int
    tokens: int
    groups: int
    checks: tuple[Check, ...]
    positions: tuple[Position, ...]
    worst: tuple[Worst, ...]


def data_result(case: Case, pair: Dump, sample: Sample) -> DataResult:
    """What is told of a case of data."""
    assert case.data is not None
    packed = pair.packed
    return DataResult(
        case.data.source.loaded().said,
        packed.sequences,
        packed.tokens,
        packed.groups,
        answered(pair, sample),
        positions_of(pair),
        worst_of(pair, folder=commonpath([Path(path).parent for path in case.data.source.paths])),
    )
