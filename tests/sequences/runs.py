"""Running a spec of policies over sequences, for the tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from math import inf
from unittest.mock import PropertyMock, patch

import klbench
from klbench import Results, Spec
from klbench.problems.build import build_pair
from klbench.problems.sequences import SequencePair
from klbench.results import CaseResult
from klbench.row import Row
from tests.sequences.cases import CASES
from tests.sequences.enumerated import LEVELS, NAMES, NORM, Everything
from tests.sequences.policies import Trio

AGGREGATIONS = tuple(aggregation for _, aggregation in LEVELS if aggregation)
Cell = tuple[str, str, str]


def spec_of(
    *trios: Trio,
    estimators: Iterable[str] = ("k1",),
    level: Sequence[str] = ("token", "sequence"),
    aggregation: Sequence[str] = AGGREGATIONS,
    norm: float | None = NORM,
    samples: int = 20_000,
    seed: int = 0,
) -> Spec:
    """A spec of pairs, which are named by their numbers."""
    written = {
        "name": "sequences",
        "samples": samples,
        "seed": seed,
        "estimators": list(estimators),
        "level": list(level),
        "aggregation": list(aggregation),
        **({} if norm is None else {"norm": norm}),
        "pairs": [{"name": f"pair {number}", **trio.pair} for number, trio in enumerate(trios)],
    }
    # JSON is YAML
    return klbench.read_text(json.dumps(written))


def run_of(spec: Spec, threads: int = 1) -> Results:
    return klbench.run(spec, device="cpu", threads=threads)


@cache
def everything(case: str) -> Everything:
    """All sequences of one of the cases."""
    return Everything.of(CASES[case])


@cache
def measured(case: str) -> CaseResult:
    """One of the cases, with every estimator at every level and aggregation."""
    (result,) = run_of(spec_of(CASES[case], estimators=NAMES)).cases
    return result


def by_cell(result: CaseResult) -> dict[Cell, Row]:
    """Rows by estimator, level and aggregation."""
    return {(row.estimator, row.level, row.aggregation): row for row in result.rows}


def built(trio: Trio) -> SequencePair:
    """What a run has of q, p and the sampler."""
    (case,) = spec_of(trio).cases()
    pair = build_pair(case)
    assert isinstance(pair, SequencePair)
    return pair


@contextmanager
def too_many_to_list() -> Iterator[None]:
    """Pairs whose sequences are not listed."""
    with patch.object(SequencePair, "count_of_paths", new_callable=PropertyMock, return_value=inf):
        yield
