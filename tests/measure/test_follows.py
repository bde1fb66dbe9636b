"""Multiples and sums of divergences are named, where a gradient has enough components to tell, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from tests.measure.gradient_run import by_cell, gradient_case

Q = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
P = np.array([0.3, 0.26, 0.14, 0.105, 0.15, 0.045])
SAMPLER = np.array([0.38, 0.25, 0.16, 0.1, 0.05, 0.06])
CATEGORIES = tuple(f"Categorical({each.tolist()})" for each in (Q, P, SAMPLER))
LOG_RATIO = np.log(P / Q)


def expected(coefficient: np.ndarray) -> np.ndarray:
    """E_q[coefficient · ∇ log q] in the logits."""
    return Q * coefficient - Q * (Q @ coefficient)


REVERSE = expected(-LOG_RATIO)
FORWARD = expected(-P / Q)
CHI2_QP = expected(2 * Q / P)
CHI2_PQ = expected(-((P / Q) ** 2))
K3 = P / Q - 1 - LOG_RATIO

# by hand: ∇(q/sampler · k) = q/sampler · (k + dk/d log q) · ∇ log q, and a "+" has dk/d log q = −log r whatever k is
KNOWN = {
    ("verl:kl+", "loss", "ratio"): ("2·KL(q‖p)", expected(-LOG_RATIO - LOG_RATIO), 2 * REVERSE),
    ("verl:low_var_kl+", "loss", "ratio"): (
        "2·KL(q‖p) − KL(p‖q)",
        expected(K3 - LOG_RATIO),
        2 * REVERSE - FORWARD,
    ),
    ("trlx:mean_kl", "reward", "ratio"): (
        "½χ²(q‖p) − KL(q‖p)",
        expected(Q / P - 1 + LOG_RATIO),
        CHI2_QP / 2 - REVERSE,
    ),
}


@pytest.mark.parametrize("stale", [True, False])
@pytest.mark.parametrize("cell", KNOWN)
def test_a_combination_of_divergences_is_named(cell: tuple[str, str, str], stale: bool) -> None:
    name, placement, weighting = cell
    label, mean, combination = KNOWN[cell]
    np.testing.assert_allclose(mean, combination, atol=1e-12)  # the label is true, without klbench
    case = gradient_case(
        *CATEGORIES[: 2 + stale],
        estimators=f'["{name}"]',
        more=f"placements: [{placement}]\nweightings: [{weighting}]",
        samples=100,
    )
    row = by_cell(case)[cell]
    assert row.follows == label
    assert row.components is not None
    np.testing.assert_allclose(row.components.exact, mean, atol=1e-9)


@pytest.mark.parametrize(
    ("q", "p"),
    [
        ("Bernoulli(0.3)", "Bernoulli(0.5)"),  # one component: every gradient is a multiple of every other
        ("Categorical([0.5, 0.5])", "Categorical([0.4, 0.6])"),  # two, of which one says nothing
    ],
)
def test_of_one_dimension_no_multiple_is_claimed(q: str, p: str) -> None:
    case = gradient_case(q, p, estimators="[k2, k3, abs]", more="placements: [reward]", samples=100)
    assert {row.follows for row in by_cell(case).values()} <= {"none", "KL(q‖p) − KL(p‖q)"}


def test_of_two_dimensions_no_sum_is_claimed() -> None:
    """Of Gaussians a gradient has two components: any is a sum of any two. A multiple is still told."""
    case = gradient_case(
        "N(0, 1)", "N(0.5, 1.1)", estimators='["verl:kl+", "verl:low_var_kl+"]', more="weightings: [ratio]", samples=100
    )
    found = {row.estimator: row.follows for row in by_cell(case).values()}
    assert found == {"verl:kl+": "2·KL(q‖p)", "verl:low_var_kl+": "none"}


def test_what_a_baseline_shrinks_is_a_fraction() -> None:
    case = gradient_case(*CATEGORIES[:2], estimators="[k1, k3]", more="baseline: mean\nbatch: 4", samples=400)
    found = {row.estimator: row.follows for row in by_cell(case).values() if row.placement == "reward"}
    assert found == {"k1": "3/4·KL(q‖p)", "k3": "3/4·KL(q‖p) − 3/4·KL(p‖q)"}


def test_a_multiple_of_its_own_mean_is_named() -> None:
    """1 − √r has the mean gradient −½ E_q[√r s]: its value in the reward gives twice that, its slope in the loss −1."""
    case = gradient_case(*CATEGORIES[:2], estimators="[squared_hellinger]", samples=100)
    found = by_cell(case)
    mean = expected(1 - np.sqrt(P / Q) + np.sqrt(P / Q) / 2)  # d/dq_j of Σ q (1 − √(p/q))
    for placement, factor, label in (("loss", -1, "−E_q[k]"), ("reward", 2, "2·E_q[k]")):
        row = found["squared_hellinger", placement, "none"]
        assert row.follows == label
        assert row.components is not None
        np.testing.assert_allclose(row.components.exact, factor * mean, atol=1e-12)


def test_a_gradient_of_no_divergence_stays_none() -> None:
    case = gradient_case(*CATEGORIES[:2], estimators="[k2, abs]", more="placements: [reward]", samples=100)
    assert {row.follows for row in by_cell(case).values()} == {"none"}
