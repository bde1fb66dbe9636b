"""The roads against each other: dynamic programming against the list of all sequences, where both go."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

import pytest

from klbench.derived.level import AtLevel, Level
from klbench.estimators.catalogue import find
from klbench.measure.sequence_gradients import SequenceGradients
from klbench.roads.sequence_values import exact_of_sequences
from tests.sequences.cases import CASES
from tests.sequences.enumerated import LEVELS, NORM
from tests.sequences.runs import built, too_many_to_list

NAMES = tuple(name for name in CASES if name not in ("a vocabulary of one", "infinite KL"))
ESTIMATORS = (
    "k1",
    "k2",
    "k3",
    "abs",
    "k1_cv(0.5)",
    "ratio*k3",
    "ratio-sequence*k3",
    "full",
    "topk(1)",
    "topk_bucket(1)",
)


def _levels() -> Iterator[Level]:
    for name, aggregation in LEVELS:
        norm = NORM if aggregation == "seq-mean-token-sum-norm" else 1.0
        yield Level(name, aggregation or None, norm)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", NAMES)
def test_values(case: str) -> None:
    pair = built(CASES[case])
    compared = 0
    for name in ESTIMATORS:
        for level in _levels():
            estimator = find(name)
            if estimator.whole is not None and level.name == "sequence":
                continue
            measured = AtLevel(estimator.term, level)
            listed = exact_of_sequences(pair, measured)
            with too_many_to_list():
                along = exact_of_sequences(pair, measured)
            assert listed is not None
            if along is None:
                continue
            what = f"{name} {level}"
            assert along.mean == pytest.approx(listed.mean, rel=1e-9, abs=1e-12 + listed.rounding), what
            if isfinite(along.stdev):
                compared += 1
                assert along.stdev == pytest.approx(listed.stdev, rel=1e-7, abs=1e-12), what
            if isfinite(along.of_mean):
                assert along.of_mean == pytest.approx(listed.of_mean, rel=1e-9, abs=1e-12), what
    assert compared >= len(ESTIMATORS), "most of them have both"


def _gradients(case: str) -> SequenceGradients:
    pair = built(CASES[case])
    return SequenceGradients(pair, pair.score(None))


@pytest.mark.parametrize("case", ["published", "chain", "chain with eos", "tree"])
def test_true_gradients(case: str) -> None:
    """Listed: the mean gradient of k1 in the reward, whose mean is the target's wherever the aggregation is a sum."""
    from klbench.estimators.divergence import REVERSE_KL
    from klbench.measure.place import Place
    from klbench.measure.quantity import Aim, Quantity

    gradients = _gradients(case)
    for level in (Level(), Level("sequence", None)):
        k1 = gradients.of(Quantity(find("k1"), place=Place("reward", "none"), level=level))
        assert k1 is not None
        true = gradients.true(Aim(REVERSE_KL, level)).value
        assert (k1.mean - true).abs().max() < 1e-12
