"""The roads against each other: dynamic programming against the list of all sequences, where both go."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

import pytest

from klbench.derived.level import AtLevel, Level
from klbench.derived.measured import at_level
from klbench.estimators.catalogue import find
from klbench.measure.sequence_gradients import SequenceGradients
from klbench.problems.sequences import SequencePair
from klbench.roads.exact import exact
from klbench.roads.exact_moments import Exact
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


LINEAR = ("k1", "verl:kl", "verl:k1", "slime:k1")
"""What is linear in log_ratio, so of a sequence the sum of its tokens'."""
WEIGHTS = tuple(
    f"{before}ratio{whose}" for before in ("", "self-normalised-") for whose in ("", "-sequence", "-geometric")
)
"""Every weight that a name may have before it."""
WITHOUT_SAMPLER = tuple(name for name in NAMES if CASES[name].sampler is None)


def _exact(pair: SequencePair, name: str, level: Level) -> Exact | None:
    return exact(pair, at_level(find(name).term, level))


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("name", LINEAR)
def test_what_is_linear_has_its_noise_at_level_sequence_too(case: str, name: str) -> None:
    pair, level = built(CASES[case]), Level("sequence", None)
    listed = _exact(pair, name, level)
    with too_many_to_list():
        along, of_tokens = _exact(pair, name, level), _exact(pair, name, Level())
    assert listed is not None
    assert along is not None
    assert of_tokens is not None
    assert (along.mean, along.stdev) == (of_tokens.mean, of_tokens.stdev)
    assert along.mean == pytest.approx(listed.mean, rel=1e-9, abs=1e-12 + listed.rounding)
    assert along.stdev == pytest.approx(listed.stdev, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("case", WITHOUT_SAMPLER)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_weight_changes_nothing_on_samples_of_q(case: str, weight: str) -> None:
    pair = built(CASES[case])
    for name in ("k1", "k3", "abs", "full"):
        for level in _levels():
            if name == "full" and level.name == "sequence":
                continue
            with too_many_to_list():
                weighted, plain = _exact(pair, f"{weight}*{name}", level), _exact(pair, name, level)
            assert (weighted is None) == (plain is None), f"{weight}*{name} {level}"
            if weighted is None or plain is None:
                continue
            for one, other in zip(_numbers(weighted), _numbers(plain), strict=True):
                assert one == pytest.approx(other, nan_ok=True), f"{weight}*{name} {level}"


def _numbers(known: Exact) -> tuple[float, ...]:
    return known.mean, known.stdev, known.of_mean
