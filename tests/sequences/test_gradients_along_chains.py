"""The noise of gradients by dynamic programming: against the list of all sequences, and against what is drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from math import inf, isfinite
from unittest.mock import patch

import pytest
import torch

import klbench
from klbench.estimators.catalogue import find
from klbench.measure import gradients_by_chain
from klbench.measure.plan import Plan
from klbench.measure.quantity import Quantity
from klbench.measure.sequence_gradients import SequenceGradients
from klbench.problems.sequences import SequencePair
from klbench.row import Row
from tests.sequences.cases import CASES
from tests.sequences.enumerated import LEVELS, NORM
from tests.sequences.runs import built, too_many_to_list

ESTIMATORS = ("k1", "k2", "k3", "full", "topk(2)", "topk_head(1)", "k1-return")
NAMES = tuple(name for name in CASES if name not in ("one token", "a vocabulary of one", "infinite KL"))
WEIGHTINGS = ("none", "ratio", "detached", "ratio-sequence", "ratio-geometric")


def _gradients(case: str) -> SequenceGradients:
    pair = built(CASES[case])
    return SequenceGradients(pair, pair.score(None))


def _quantities(case: str, **more: object) -> tuple[Quantity, ...]:
    spec = klbench.read_text(
        json.dumps(
            {
                "name": "gradients",
                "measure": "gradient",
                "samples": 100,
                "estimators": [*ESTIMATORS],
                "placements": ["loss", "reward"],
                "weightings": [*WEIGHTINGS],
                "level": ["token", "sequence"],
                "aggregation": [aggregation for _, aggregation in LEVELS if aggregation],
                "norm": NORM,
                "pairs": [{"name": "pair", **CASES[case].pair}],
                **more,
            }
        )
    )
    (one,) = spec.cases()
    plan = Plan.of(spec, one, torch.device("cpu"))
    (kind,) = plan.kinds(built(CASES[case]), {name: find(name) for name in spec.estimators})
    return tuple(quantity for quantity in kind.quantities if quantity.exists)


def _is_known_along(quantity: Quantity, pair: SequencePair) -> bool:
    """Whether a gradient is a sum along a chain, times a weight that is a product over tokens."""
    place, level = quantity.place, quantity.level
    assert place is not None
    assert level is not None
    of_sequence = place.weighting.startswith("ratio-") or (level.name == "sequence" and place.weighting != "none")
    if of_sequence and pair.sampler is not None and place.clip < inf:
        return False
    weighs = pair.sampler is not None or place.placement == "loss"
    if place.weighting == "ratio-geometric" and pair.joint_may_end and weighs:
        return False
    if level.name == "token":
        return True
    # of k2 the slope is linear, and of k3 value and slope together; a weight that is cut off has no slope
    moves = place.weighting.startswith("ratio") and place.clip >= 1
    slopes = place.placement == "loss" and not moves
    both = place.placement == "loss" and moves and place.weighting != "ratio-geometric"
    return {"k1": True, "k2": slopes, "k3": both}[quantity.estimator.name]


@pytest.mark.parametrize("clip", [inf, 1.2, 0.7])
@pytest.mark.parametrize("case", NAMES)
def test_gradients(case: str, clip: float) -> None:
    """Mean and noise, component by component, wherever a gradient is a sum along a chain."""
    listed, along = _gradients(case), _gradients(case)
    for quantity in _quantities(case, **({"clip": clip} if clip < inf else {})):
        known = listed.of(quantity)
        with too_many_to_list():
            other = along.of(quantity)
        assert known is not None
        assert (other is not None) is _is_known_along(quantity, listed.pair), quantity.called
        if other is None:
            continue
        size = float((known.mean.square() + known.stdev.square()).sum().sqrt())
        assert (known.mean - other.mean).abs().max() <= 1e-13 * size, quantity.called
        # what rounding leaves of a component without noise is no digit of any
        torch.testing.assert_close(other.stdev, known.stdev, rtol=1e-9, atol=1e-14 * size, msg=quantity.called)
        assert other.kurtosis != other.kurtosis


def test_noise_that_takes_too_long_is_not_known() -> None:
    case = "chain with eos"
    gradients = _gradients(case)
    with too_many_to_list(), patch.object(gradients_by_chain, "MOST_WORK", 0.0):
        for quantity in _quantities(case):
            found = gradients.of(quantity)
            assert quantity.level is not None
            if quantity.level.aggregation == "seq-mean-token-mean":
                assert found is None, "where lengths vary the mean is carried too"
            elif found is not None:
                assert found.mean.isfinite().all()
                assert found.stdev.isnan().all()


def test_a_baseline_leaves_the_mean() -> None:
    case = "chain with eos"
    plain, centred = (_quantities(case, samples=40, **more) for more in ({}, {"baseline": "mean", "batch": 4}))
    gradients = _gradients(case)
    in_reward = [quantity for quantity in centred if quantity.place and quantity.place.placement == "reward"]
    assert in_reward
    for quantity in in_reward:
        same = next(
            one
            for one in plain
            if quantity.place == replace(one.place, baseline=quantity.place.baseline)  # type: ignore[type-var,union-attr]
            and (one.estimator, one.level) == (quantity.estimator, quantity.level)
        )
        with too_many_to_list():
            found, known = gradients.of(quantity), gradients.of(same)
        if known is not None:
            assert found is not None
            assert (found.mean - 3 / 4 * known.mean).abs().max() < 1e-12
            assert found.stdev.isnan().all()


LONG = {
    "on q": {},
    "lengths vary": {},
    "a sampler": {"sampler": "Perturb(q, scale=0.02, seed=9)"},
}


@cache
def _long(case: str) -> tuple[Row, ...]:
    """2^60 sequences and more."""
    ends = ", eos=2" if case == "lengths vary" else ""
    spec = {
        "name": "gradients",
        "measure": "gradient",
        "samples": 6000,
        "estimators": [*ESTIMATORS],
        "placements": ["loss", "reward"],
        "weightings": [*WEIGHTINGS],
        "level": ["token", "sequence"],
        "aggregation": [aggregation for _, aggregation in LEVELS if aggregation],
        "norm": NORM,
        "pairs": [
            {
                "name": "pair",
                "q": f"Markov(vocab=4, scale=1.0, seed=1, length=60{ends})",
                "p": "Perturb(q, scale=0.2, seed=3)",
                **LONG[case],
            }
        ],
    }
    (result,) = klbench.run(klbench.read_text(json.dumps(spec)), device="cpu", threads=1).cases
    return result.rows


@pytest.mark.parametrize("case", LONG)
def test_long_sequences_are_as_noisy_as_they_are_drawn(case: str) -> None:
    rows = _long(case)
    known = [row for row in rows if isfinite(row.exact_stdev_over_true)]
    assert {row.exact_from for row in known} == {"dynamic-programming"}
    assert {(row.estimator, row.placement, row.weighting) for row in known if row.level == "token"} >= {
        (name, placement, weighting)
        for name in ESTIMATORS
        for placement in (("reward",) if name == "k1-return" else ("loss", "reward"))
        for weighting in WEIGHTINGS[:4]
    }
    for row in known:
        what = f"{row.called} ({row.placement} × {row.weighting})"
        assert abs(row.z_stdev) <= 5, what
        assert abs(row.z_bias) <= 5 or row.z_bias != row.z_bias, what
