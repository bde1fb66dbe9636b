"""Every entry's value and gradient against its NumPy re-statement, where nothing, one or both clamps hold and where exp
overflows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from klbench.frameworks import catalogue
from klbench.frameworks.entry import Entry
from tests.frameworks.restated import RESTATED, Array

LOG_RATIOS = [
    0.0,
    1e-9,
    1e-4,
    0.3,
    1.0,
    2.5,
    2.6,
    2.62,
    3.0,
    4.4,
    4.5,
    9.9,
    10.1,
    10.9,
    11.1,
    19.9,
    20.1,
    39.9,
    40.1,
    90.0,
]
LOG_WEIGHTS = [0.0, -3.0, -0.5, 0.6, 0.8, 3.0]
OVERFLOWING = [710.0, 750.0, 2000.0]

every = pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.qualified)


def hand_picked() -> tuple[Array, Array, Array]:
    """Every log-ratio, of both signs, with every weight; log_q = −2 where nothing rounds."""
    ratios = np.array([sign * size for size in (*LOG_RATIOS, *OVERFLOWING) for sign in (1.0, -1.0)])
    log_ratio, log_weight = (each.ravel() for each in np.meshgrid(ratios, LOG_WEIGHTS))
    log_q = np.full_like(log_ratio, -2.0)
    return log_q, log_q + log_ratio, log_q - log_weight


def random() -> tuple[Array, Array, Array]:
    """Log-probabilities as a model has them: near each other, and now and then far apart."""
    generator = np.random.default_rng(0)
    log_q = -generator.exponential(3.0, 4000)
    apart = generator.standard_t(1.5, (2, 4000))
    return log_q, log_q + apart[0], log_q + 0.3 * apart[1]


def shipped(entry: Entry, log_probs: tuple[Array, Array, Array]) -> tuple[Array, Array]:
    """Value and derivative in log_q, by autograd."""
    log_q, log_p, log_sampler = (torch.from_numpy(each) for each in log_probs)
    leaf = log_q.clone().requires_grad_()
    values = entry.value(leaf, log_p, log_sampler)
    (slope,) = torch.autograd.grad(values.sum(), leaf)
    return values.detach().numpy(), slope.numpy()


def cancelled(entry: Entry, slope: Array, log_probs: tuple[Array, Array, Array]) -> Array:
    """The rounding that is left where the derivatives of a weight and of k3 cancel all but −l; 0 elsewhere."""
    if entry.weight is None or entry.arithmetic.name != "k3":
        return np.zeros_like(slope)
    log_q, log_p, log_sampler = log_probs
    size = np.exp(log_p - log_sampler) + np.exp(log_q - log_sampler) * (1 + np.abs(log_p - log_q))
    return np.where(np.isfinite(slope) & (slope != 0), 1e-15 * size, 0.0)


def test_every_entry_is_restated() -> None:
    assert set(RESTATED) == set(catalogue.names())


@every
@pytest.mark.parametrize("log_probs", [hand_picked(), random()], ids=["hand-picked", "random"])
@np.errstate(over="ignore", invalid="ignore")
def test_the_value_and_its_derivative_are_the_restated(entry: Entry, log_probs: tuple[Array, Array, Array]) -> None:
    value, slope = RESTATED[entry.qualified](*log_probs)
    found, found_slope = shipped(entry, log_probs)
    # near l = 0 all of k3 is what is left of the cancellation of terms of size 1, times the weight
    largest = np.exp(log_probs[0] - log_probs[2]).max() if entry.weight else 1.0
    np.testing.assert_allclose(found, value, rtol=1e-12, atol=4e-16 * largest)
    left = cancelled(entry, slope, log_probs)
    np.testing.assert_allclose(found_slope[left == 0], slope[left == 0], rtol=1e-12, atol=4e-16)
    assert (np.abs(found_slope - slope)[left > 0] <= left[left > 0]).all()


ITS_OWN = [
    entry for entry in catalogue.entries() if not entry.straight_through and not (entry.weight and entry.weight.stops)
]


@pytest.mark.parametrize("entry", ITS_OWN, ids=lambda entry: entry.qualified)
@np.errstate(over="ignore", invalid="ignore")
def test_the_restated_derivative_is_that_of_the_restated_value(entry: Entry) -> None:
    """By central differences, away from kinks; not for a ``+`` and NeMo-RL's weights, which have another gradient."""
    log_q, log_p, log_sampler = hand_picked()
    smooth = np.abs(log_p - log_q) < 100
    log_q, log_p, log_sampler = log_q[smooth], log_p[smooth], log_sampler[smooth]
    restated, h = RESTATED[entry.qualified], 1e-5
    value, slope = restated(log_q, log_p, log_sampler)
    forward, backward = (restated(log_q + step, log_p, log_sampler) for step in (h, -h))
    near_a_kink = np.abs(forward[1] - backward[1]) > 1e-3 * (1 + np.abs(slope))
    size = 1e-8 + 1e-8 * np.abs(slope) + 1e-10 * np.abs(value) / h
    assert near_a_kink.mean() < 0.2
    assert (np.abs((forward[0] - backward[0]) / (2 * h) - slope) <= size)[~near_a_kink].all()


@every
def test_samples_of_q_itself_have_a_weight_of_one(entry: Entry) -> None:
    """The sampler's log-probability is then q's own, detached."""
    log_q, log_p, _ = random()
    leaf = torch.from_numpy(log_q).requires_grad_()
    values = entry.value(leaf, torch.from_numpy(log_p), leaf.detach())
    log_ratio = torch.from_numpy(log_p) - leaf.detach()
    torch.testing.assert_close(values.detach(), entry.of_log_ratio(log_ratio), rtol=1e-13, atol=1e-15)


def test_a_clamp_after_exp_gives_ten_and_nan_and_one_before_it_gives_ten_and_zero() -> None:
    log_probs = tuple(np.array([each]) for each in (-800.0, -1.0, -800.0))
    after = (
        "areal:k3",
        "openrlhf:k3",
        "roll:k3",
        "slime:low_var_kl",
        "slime:low_var_kl_unbiased",
        "verl@0.4:low_var_kl",
    )
    for name in after:
        value, slope = shipped(catalogue.find(name), log_probs)
        assert value[0] == 10.0
        assert np.isnan(slope[0])
    for name in ("verl:low_var_kl", "skyrl:k3", "ms-swift:grpo", "cosmos-rl:grpo_unbiased", "nemo-rl:k3"):
        value, slope = shipped(catalogue.find(name), log_probs)
        assert (value[0], slope[0]) == (10.0, 0.0)
    value, slope = shipped(catalogue.find("verl:low_var_kl+"), log_probs)
    assert (value[0], slope[0]) == (10.0, -799.0)


CASTING = {"areal", "easyr1", "labs-molt", "miles", "openrlhf", "slime", "tunix"}
BEFORE_THE_CAST = {"areal@0.3.3:k1", "openrlhf@0.5.4:k1", "openrlhf@0.5.4:k3"}
BEFORE_THE_CAST |= {"tunix@0.1.5:kl", "tunix@0.1.5:mse_kl", "tunix@0.1.5:low_var_kl"}


@every
def test_a_cast_raises_the_precision_and_never_lowers_it(entry: Entry) -> None:
    log_q, log_p = (torch.tensor([each], dtype=torch.bfloat16) for each in (-1.0078125, -3.015625))
    assert bool(entry.cast) == (entry.framework in CASTING and entry.qualified not in BEFORE_THE_CAST)
    assert entry.value(log_q, log_p, log_q).dtype == (torch.float32 if entry.cast else torch.bfloat16)
    for dtype in (torch.float32, torch.float64):
        wide = entry.value(log_q.to(dtype), log_p.to(dtype), log_q.to(dtype))
        assert wide.dtype == dtype


def test_a_cast_comes_before_the_subtraction() -> None:
    """−1.0078125 + 300 rounds in bfloat16 and does not in float32."""
    log_q, log_p = (torch.tensor([each], dtype=torch.bfloat16) for each in (-1.0078125, -300.0))
    assert float(catalogue.find("slime:k1").value(log_q, log_p, log_q)) == 300.0 - 1.0078125
    assert float(catalogue.find("verl:k1").value(log_q, log_p, log_q)) == 298.0
