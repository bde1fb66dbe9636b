"""The traps README.md lists are real: each number it gives is worked out here, by the roads that do not sample."""

from __future__ import annotations

from functools import cache
from math import inf, isnan, log

import pytest
import torch

import klbench
from klbench.frameworks import catalogue as shipped
from klbench.row import Row
from tests.docs.documents import blocks, prose, text
from tests.frameworks.saturation import saturation

README = prose("README.md")
(PENALTY,) = (block.body for block in blocks(text("README.md")) if block.file == "penalty.yaml")
Place = tuple[str, str, str]
"""An estimator, its placement and its weighting."""


@cache
def rows(q: str, p: str, *estimators: str, sampler: str = "", samples: int = 1000) -> dict[str, Row]:
    """The rows of one pair by estimator; what is exact in them takes no samples."""
    written = f"name: trap\nsamples: {samples}\nestimators: [{', '.join(estimators)}]\npairs:\n  - q: {q}\n    p: {p}\n"
    spec = klbench.read_text(written + (f"    sampler: {sampler}\n" if sampler else ""), "trap")
    (case,) = klbench.run(spec).cases
    return {row.estimator: row for row in case.rows if not row.is_gradient}


def mean_over_true(row: Row) -> float:
    return 1 + row.exact_bias_over_true


def test_truekl_is_the_other_kl() -> None:
    row = rows("N(0, 1)", "N(0, 1.15)", "k3", "forward_kl")
    reverse, forward = row["k3"].true, row["forward_kl"].true
    assert row["k3"].exact_bias_over_true == 0
    assert f"they are {reverse:.5f} and {forward:.5f}" in README
    assert f"called {1 - reverse / forward:.0%} low" in README


def test_the_published_digits() -> None:
    close, far = rows("N(0, 1)", "N(0.1, 1)", "k2"), rows("N(0, 1)", "N(1, 1)", "k3")
    assert f"k2 at KL 0.005 is {close['k2'].exact_stdev_over_true:.6f} (published 1.42)" in README
    assert f"k3 at KL 0.5 {far['k3'].exact_stdev_over_true:.6f} (1.7)" in README
    assert f"it is exactly {close['k2'].exact_bias_over_true:.4f}" in README


def test_the_noise_of_k3_is_measured_too_low() -> None:
    row = rows("N(0, 1)", "N(2, 1)", "k1", "k3", samples=100_000)
    assert row["k1"].stdev_over_true_mcse > 0
    assert isnan(row["k3"].stdev_over_true_mcse)
    assert row["k3"].stdev_over_true < 0.8 * row["k3"].exact_stdev_over_true


def test_where_k3_stops_beating_k1() -> None:
    for kl, quieter in (("0.627", "k3"), ("0.629", "k1")):
        row = rows("N(0, 1)", f"N({(2 * float(kl)) ** 0.5}, 1)", "k1", "k3")
        assert min(row, key=lambda name: row[name].exact_stdev_over_true) == quieter
    assert "once KL exceeds 0.628" in README
    q = "Categorical(logits=[8, 6, 5, 4, 3, 2, 1, 0, 0, 0])"
    for last, kl, quieter in ((2.0, 0.00325, "k3"), (2.02, 0.00329, "k1")):
        row = rows(q, f"Categorical(logits=[8, 6.2, 5, 4, 3, 2, 1, 0, 0, {last}])", "k1", "k3")
        assert row["k1"].true == pytest.approx(kl, abs=1e-5)
        assert min(row, key=lambda name: row[name].exact_stdev_over_true) == quieter
    assert "once KL exceeds 0.00327" in README
    far = rows("N(0, 1)", "N(2, 1)", "k1", "k3")
    noise = far["k3"].exact_stdev_over_true / far["k1"].exact_stdev_over_true
    assert f"at KL 2 its noise is {noise:.1f} times k1's" in README


@pytest.mark.parametrize(("scale", "infinite"), [(1.41, False), (2**0.5, True), (2, True)])
def test_k3_without_a_variance(scale: float, infinite: bool) -> None:
    row = rows("N(0, 1)", f"N(0, {scale})", "k1", "k3")
    assert (row["k3"].exact_stdev_over_true == inf) == infinite
    assert row["k3"].exact_bias_over_true == 0
    assert row["k1"].exact_stdev_over_true < inf


def test_k2_without_a_variance() -> None:
    row = rows("StudentT(5)", "N(0, 1)", "k1", "k2", "k3")
    assert f"k2's exact mean is {mean_over_true(row['k2']):.1f} times the KL" in README
    assert [name for name in row if row[name].exact_stdev_over_true == inf] == ["k2"]


def test_k3_where_q_does_not_cover_p() -> None:
    k3 = rows("Uniform(0, 1)", "Uniform(0, 2)", "k3")["k3"]
    assert k3.true == pytest.approx(log(2))
    assert k3.exact_stdev_over_true == 0
    assert f"k3 reads {mean_over_true(k3) * k3.true:.3f} for a KL of {k3.true:.3f}" in README


@pytest.mark.parametrize(("log_ratio", "dtype"), [(1e-4, torch.float32), (0.01, torch.bfloat16)])
def test_the_textbook_form_cancels(log_ratio: float, dtype: torch.dtype) -> None:
    rounded = torch.tensor(log_ratio, dtype=dtype)
    right = float(rounded.double().expm1() - rounded.double())
    textbook = float((rounded.exp() - 1) - rounded)
    digits = ".2e" if dtype == torch.float32 else ".1e"
    assert f"{textbook:{digits}}" in README
    assert f"{right:{digits}}" in README
    assert abs(textbook - right) > right
    assert abs(float(rounded.expm1() - rounded) - right) < abs(textbook - right) / 50


def test_stale_samples() -> None:
    row = rows("N(0, 1)", "N(0.5, 1)", "k1", "ratio*k1", "ratio*k3", sampler="N(0.25, 1)")
    assert mean_over_true(row["k1"]) == pytest.approx(0, abs=1e-12)
    assert row["ratio*k1"].exact_bias_over_true == row["ratio*k3"].exact_bias_over_true == 0
    assert f"averages to 0 for a KL of {row['k1'].true:g}" in README


@cache
def gradients(written: str) -> dict[Place, Row]:
    """The rows of a gradient spec of one case; what is exact in them takes no samples."""
    spec = klbench.read_text(written, "trap").model_copy(update={"samples": 1000})
    (case,) = klbench.run(spec).cases
    return {(row.estimator, row.placement, row.weighting): row for row in case.rows if row.is_gradient}


def lost_token() -> dict[Place, Row]:
    return gradients(PENALTY.replace(", my_kl:clamped", ""))


def pull(row: Row) -> float:
    """What descending the exact mean gradient adds to the logit of the lost token."""
    assert row.components is not None
    return -float(row.components.exact[-1])


def test_k1_in_the_loss_descends_nothing() -> None:
    row = lost_token()["k1", "loss", "none"]
    assert row.follows == "0"
    assert row.exact_bias_over_true == 1
    assert f"Its noise is {row.exact_stdev_over_true:.0f} times the gradient one wants" in README


def test_k3_in_the_loss_descends_the_forward_kl() -> None:
    k2, k3 = (lost_token()[name, "loss", "none"] for name in ("k2", "k3"))
    assert k3.follows == "KL(p‖q)"
    assert f"{k3.exact_bias_over_true:.1f} lengths away" in README
    assert k2.follows == "KL(q‖p)"
    assert k2.exact_bias_over_true == 0


def test_k1_in_the_reward_and_k2_in_the_loss_are_one_gradient() -> None:
    k1, k2 = lost_token()["k1", "reward", "none"], lost_token()["k2", "loss", "none"]
    others = [row for row in lost_token().values() if row is not k1 and row is not k2]
    assert "KL(q‖p)" not in [row.follows for row in others]
    assert k1.follows == k2.follows == "KL(q‖p)"
    assert k1.components is not None
    assert k2.components is not None
    for name in ("exact", "mean", "stdev"):
        torch.testing.assert_close(getattr(k1.components, name), getattr(k2.components, name), rtol=1e-9, atol=1e-12)


def test_k3_in_the_reward_points_away() -> None:
    row = lost_token()["k3", "reward", "none"]
    assert row.follows == "KL(q‖p) − KL(p‖q)"
    assert f"the cosine is {row.exact_cosine:.2f}" in README


def test_a_clamp_kills_the_recovery() -> None:
    free, held = (lost_token()[name, "loss", "none"] for name in ("k3", "verl:low_var_kl"))
    assert f"pulls the lost token's logit up with {pull(free):.3f}; clamped to ±10, with {pull(held):.4f}" in README
    bounds = saturation(shipped.find("verl:low_var_kl"))
    assert bounds is not None
    assert f"log r above {bounds[1]:.3f}" in README


@pytest.mark.parametrize("name", ["roll:k3", "verl@0.4:low_var_kl"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_clamp_after_exp_makes_nan(name: str, dtype: torch.dtype) -> None:
    end = log(torch.finfo(dtype).max)
    assert f"{end:.1f} in {str(dtype).removeprefix('torch.')}" in README
    for log_ratio, is_lost in ((end * 0.99, False), (end * 1.01, True)):
        log_q = torch.zeros(1, dtype=dtype, requires_grad=True)
        value = shipped.find(name).value(log_q, torch.full((1,), log_ratio, dtype=dtype), log_q.detach())
        (slope,) = torch.autograd.grad(value.sum(), log_q)
        assert float(value.detach()) == 10
        assert isnan(slope) == is_lost
    assert f"`{name}`" in README


STALE = """
name: stale
measure: gradient
samples: 1000
estimators: [k1, k2, k3]
placements: [loss]
weightings: [none, ratio, detached]
pairs: [{q: "N(0, 1)", p: "N(0.5, 1.1)", sampler: "N(0.25, 1)"}]
"""


def test_stale_samples_without_a_ratio_bias_every_loss() -> None:
    rows = gradients(STALE)
    off = {name: rows[name, "loss", "none"].exact_bias_over_true for name in ("k1", "k2", "k3")}
    assert min(off.values()) > 0.5
    assert f"k2 is off by {off['k2']:.0%}, k3 by {off['k3']:.0%}" in README
    right = [(name, weighting) for (name, _, weighting), row in rows.items() if row.follows == "KL(q‖p)"]
    assert right == [("k1", "ratio"), ("k2", "detached"), ("k3", "ratio")]


@pytest.mark.parametrize(("baseline", "shrinks"), [("mean", 1 - 1 / 8), ("leave-one-out", 1.0)])
def test_a_baseline_of_the_own_mean_shrinks(baseline: str, shrinks: float) -> None:
    plain = lost_token()["k1", "reward", "none"].components
    centred = gradients(f"baseline: {baseline}\nbatch: 8\n{PENALTY.replace(', my_kl:clamped', '')}")
    found = centred["k1", "reward", "none"].components
    assert plain is not None
    assert found is not None
    torch.testing.assert_close(found.exact, shrinks * plain.exact, rtol=1e-9, atol=0)
