"""Baselines in the reward: the exact mean and noise against every batch there is, and the measured against the exact.

Of three categories and batches of n there are 3ⁿ batches: their gradients are written out with NumPy, each weighted by
its probability. No formula of sample covariances is used.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from math import prod, sqrt

import numpy as np
import pytest

from klbench.results import CaseResult
from klbench.row import Row
from tests.derived.second_road import WRITTEN, Categories, Gaussians
from tests.measure.gradient_run import by_cell, gradient_case

PAIR = Categories(q=(0, 1, 2), p=(0.4, 1, 1.4), sampler=(0.2, 1, 1.7))
KINDS = ("mean", "leave-one-out")
BATCHES = (2, 3, 5)
# 2 kinds × 3 batches × 8 rows × 3 z: beyond 6.5 once in 1e8 files
LARGEST_Z = 6.5


def every_batch(name: str, weighted: bool, kind: str, n: int, stale: bool) -> tuple[np.ndarray, float]:
    """(mean [J], noise per sample) of the gradient of a batch, over all batches."""
    drawn = np.exp(Categories.log_probs(PAIR.sampler if stale else PAIR.q))
    value = WRITTEN[name].value(PAIR.log_ratio)
    weight = np.exp(Categories.log_probs(PAIR.q)) / drawn if weighted else np.ones(3)
    gradients, probabilities = [], []
    for batch in product(range(3), repeat=n):
        at = list(batch)
        mean = value[at].mean() if kind == "mean" else (value[at].sum() - value[at]) / (n - 1)
        gradients.append(((weight[at] * (value[at] - mean))[:, None] * PAIR.score[at]).mean(0))
        probabilities.append(prod(drawn[i] for i in at))
    g, pi = np.array(gradients), np.array(probabilities)
    return pi @ g, sqrt(n * (pi @ (g**2).sum(1) - ((pi @ g) ** 2).sum()))


@cache
def measured(kind: str, n: int, stale: bool) -> CaseResult:
    q, p, sampler = (f"Categorical(logits={list(each)})" for each in (PAIR.q, PAIR.p, PAIR.sampler))
    more = f"placements: [reward]\nweightings: [none, ratio, detached]\nbaseline: {kind}\nbatch: {n}"
    return gradient_case(q, p, sampler if stale else None, estimators="[k1, k3]", more=more, samples=60_000)


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_exact_mean_and_noise_are_those_of_every_batch(kind: str, n: int, stale: bool) -> None:
    for (name, _, weighting), row in by_cell(measured(kind, n, stale)).items():
        mean, noise = every_batch(name, weighting != "none", kind, n, stale)
        assert row.components is not None
        np.testing.assert_allclose(row.components.exact, mean, rtol=1e-9, atol=1e-12)
        assert row.exact_stdev_over_true * row.true_norm == pytest.approx(noise, rel=1e-8)


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("n", BATCHES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_measured_agree(kind: str, n: int, stale: bool) -> None:
    for cell, row in by_cell(measured(kind, n, stale)).items():
        assert row.samples == 60_000 // n * n
        z = [row.z_bias, row.z_stdev, row.z_cosine]
        assert np.nanmax(np.abs(z)) < LARGEST_Z, (cell, z)


@pytest.mark.parametrize("pair", ["gaussian", "categorical"])
@pytest.mark.parametrize("n", [2, 64])
def test_the_batchs_own_mean_shrinks_by_exactly_1_over_n_and_leave_one_out_does_not(pair: str, n: int) -> None:
    def exact(kind: str) -> Row:
        more = "placements: [reward]" + ("" if kind == "none" else f"\nbaseline: {kind}\nbatch: {n}")
        q, p = GAUSSIAN if pair == "gaussian" else CATEGORICAL
        return by_cell(gradient_case(q, p, estimators="[k3]", more=more, samples=2_000))["k3", "reward", "none"]

    plain, shrunk, unshrunk = (exact(kind).components for kind in ("none", *KINDS))
    assert plain is not None
    assert shrunk is not None
    assert unshrunk is not None
    np.testing.assert_allclose(shrunk.exact, (1 - 1 / n) * plain.exact, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(unshrunk.exact, plain.exact, rtol=1e-8, atol=1e-12)


GAUSSIAN = ("N(0, 1)", "N(0.4, 1.1)")
CATEGORICAL = ("Categorical(logits=[0, 1, 2])", "Categorical(logits=[0.4, 1, 1.4])")


def test_a_gaussian_baselines_noise_is_what_a_simulation_of_batches_gives() -> None:
    """By NumPy draws of its own, 2e5 batches; the tolerance is six standard errors of that simulation."""
    n, pair = 4, Gaussians(q=(0, 1), p=(0.4, 1.1), sampler=(0, 1))
    x = np.random.default_rng(0).standard_normal((200_000, n))
    value = WRITTEN["k1"].value(pair.log_ratio(x))
    centred = (value - value.mean(1, keepdims=True)) * n / (n - 1)
    gradients = (centred[:, :, None] * pair.score(x.ravel()).reshape(*x.shape, 2)).mean(1)
    squares = ((gradients - gradients.mean(0)) ** 2).sum(1)
    more = f"placements: [reward]\nbaseline: leave-one-out\nbatch: {n}"
    row = by_cell(gradient_case(*GAUSSIAN, estimators="[k1]", more=more))["k1", "reward", "none"]
    variance = (row.exact_stdev_over_true * row.true_norm) ** 2 / n
    assert squares.mean() == pytest.approx(variance, abs=6 * squares.std() / sqrt(len(squares)))
    assert row.follows == "KL(q‖p)"


def test_a_loss_has_no_baseline() -> None:
    more = "placements: [loss, reward]\nbaseline: mean\nbatch: 4"
    with_baseline = by_cell(gradient_case(*CATEGORICAL, estimators="[k2]", more=more))
    without = by_cell(gradient_case(*CATEGORICAL, estimators="[k2]", more="placements: [loss]"))
    assert repr(with_baseline["k2", "loss", "none"]) == repr(without["k2", "loss", "none"])  # NaN is not NaN


@pytest.mark.parametrize(("samples", "batch"), [(100, 100), (100, 60)])
def test_one_batch_has_no_error_bar(samples: int, batch: int) -> None:
    more = f"placements: [reward]\nbaseline: mean\nbatch: {batch}"
    (row,) = by_cell(gradient_case(*GAUSSIAN, estimators="[k1]", more=more, samples=samples)).values()
    assert row.samples == batch
    assert np.isfinite(row.bias_over_true)
    assert np.isnan([row.bias_over_true_mcse, row.stdev_over_true, row.z_bias, row.cosine_mcse]).all()


def test_what_the_noise_is_of_with_a_baseline_is_said() -> None:
    more = "placements: [reward]\nbaseline: leave-one-out\nbatch: 5"
    case = gradient_case("N(0, 1)", "N(1, 1)", estimators="[k1]", more=more, samples=100)
    assert any("√5 times" in note for note in case.notes)
