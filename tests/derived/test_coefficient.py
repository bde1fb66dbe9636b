"""The coefficient of the score: autograd against derivatives by hand, in every placement and weighting.

All on log-probabilities of every kind: near p = q, far off, stale. Tolerances are those of float64.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from klbench.derived.coefficient import NotDifferentiableError, coefficient, true_coefficient
from klbench.estimators.catalogue import find
from klbench.estimators.divergence import CHI2_PQ, CHI2_QP, FORWARD_KL, REVERSE_KL, TOTAL_VARIATION
from klbench.estimators.term import LogProbs, Term
from klbench.estimators.vocabulary import Placement, Weighting
from tests.derived.second_road import WRITTEN
from tests.derived.second_road import coefficient as written

PLACEMENTS: tuple[Placement, ...] = ("loss", "reward")
WEIGHTINGS: tuple[Weighting, ...] = ("none", "ratio", "detached")
CELLS = list(product(WRITTEN, PLACEMENTS, WEIGHTINGS))

LOG_RATIO = np.array([-40.0, -11.5, -10.5, -4.5, -1.0, -1e-5, -1e-9, 1e-9, 1e-5, 0.7, 2.6, 2.7, 4.5, 15.0, 21.0])
LOG_WEIGHT = np.array([0.3, -0.2, 1.5, -3.0, 0.1, 0.2, -0.1, 0.4, -0.5, 0.9, -1.1, 0.6, 0.0, -0.7, 2.0])


def given(name: str, placement: Placement, weighting: Weighting, log_weight: np.ndarray | None) -> np.ndarray:
    """klbench's coefficient times its weight, where the samples are stale, or q's own for no ``log_weight``."""
    weight = None if log_weight is None else torch.from_numpy(log_weight)
    term = coefficient(find(name).term, placement, weighting)
    return term.values(LogProbs(torch.from_numpy(LOG_RATIO), weight)).numpy()


@pytest.mark.parametrize(("name", "placement", "weighting"), CELLS)
@pytest.mark.parametrize("stale", [False, True])
def test_autograd_finds_what_hand_finds(name: str, placement: Placement, weighting: Weighting, stale: bool) -> None:
    log_weight = LOG_WEIGHT if stale else np.zeros_like(LOG_WEIGHT)
    expected = written(name, placement, weighting, LOG_RATIO, np.exp(log_weight))
    # the largest of what is added up is what rounding is a share of: frameworks' k3 is exp − 1 − l, which cancels
    size = np.exp(log_weight) * (1 + np.exp(np.minimum(np.abs(LOG_RATIO), 700)))
    found = given(name, placement, weighting, LOG_WEIGHT if stale else None)
    np.testing.assert_array_less(np.abs(found - expected), 1e-13 * size)


@pytest.mark.parametrize(
    "cell", [("k1", "reward", "none"), ("k2", "loss", "none"), ("k3", "loss", "ratio"), ("k2", "loss", "detached")]
)
def test_four_ways_have_the_per_sample_gradient_log_q_over_p(cell: tuple[str, Placement, Weighting]) -> None:
    name, placement, weighting = cell
    near = np.abs(LOG_RATIO) < 30  # ratio × k3 adds r to −r, of which too little is left beyond
    found = given(name, placement, weighting, None)
    scale = 1e-15 * np.exp(np.maximum(LOG_RATIO, 0.0)) if name == "k3" else 0.0
    assert (np.abs(found + LOG_RATIO) <= 4 * scale)[near].all()


def test_k1_times_ratio_has_another() -> None:
    np.testing.assert_allclose(given("k1", "loss", "ratio", None), 1 - LOG_RATIO, rtol=1e-15)


def test_off_policy_the_weighted_forms_still_agree_sample_by_sample() -> None:
    near = LOG_RATIO < 5
    first = given("k3", "loss", "ratio", LOG_WEIGHT)[near]
    second = given("k2", "loss", "detached", LOG_WEIGHT)[near]
    np.testing.assert_allclose(first, second, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(second, given("k1", "reward", "ratio", LOG_WEIGHT)[near])


@pytest.mark.parametrize("name", WRITTEN)
def test_in_the_reward_a_weight_is_a_number_either_way(name: str) -> None:
    ratio, detached = (given(name, "reward", weighting, LOG_WEIGHT) for weighting in WEIGHTINGS[1:])
    np.testing.assert_array_equal(ratio, detached)


# f(r) − r f′(r) of each divergence: d/d log q of exp(log q) f(p/q), over q, by hand
GENERATORS = [
    (REVERSE_KL, lambda r: 1 - np.log(r)),
    (FORWARD_KL, lambda r: -r),
    (CHI2_QP, lambda r: 2 / r - 1),
    (CHI2_PQ, lambda r: 1 - r**2),
    (TOTAL_VARIATION, lambda r: -np.sign(r - 1) / 2),
]


@pytest.mark.parametrize(("target", "expected"), GENERATORS, ids=[target.name for target, _ in GENERATORS])
def test_the_true_coefficient_of_a_divergence_up_to_a_constant(target, expected) -> None:  # type: ignore[no-untyped-def]
    log_ratio = np.array([-3.0, -0.5, 0.25, 2.0])
    found = true_coefficient(target).function(torch.from_numpy(log_ratio)).numpy()
    off = found - expected(np.exp(log_ratio))
    np.testing.assert_allclose(off, off[0], atol=1e-12)


def test_what_autograd_cannot_follow_has_no_gradient_as_a_loss_and_one_in_the_reward() -> None:
    term = Term(lambda log_ratio: log_ratio.detach() ** 2)
    at = LogProbs(torch.tensor([0.5, -0.5], dtype=torch.float64))
    for weighting in WEIGHTINGS:
        with pytest.raises(NotDifferentiableError):
            coefficient(term, "loss", weighting).values(at)
    assert coefficient(term, "reward", "none").values(at).tolist() == [0.25, 0.25]


def test_a_straight_through_value_shows_another_gradient_than_its_value() -> None:
    value = given("verl:low_var_kl+", "reward", "none", None)
    np.testing.assert_allclose(value, WRITTEN["verl:low_var_kl"].value(LOG_RATIO), atol=1e-13)
    np.testing.assert_allclose(given("verl:low_var_kl+", "loss", "none", None), -LOG_RATIO, rtol=1e-14)
