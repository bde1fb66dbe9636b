"""The audit's numbers, on the pairs of tokens, by a second road: hand-written derivatives in NumPy."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable

import numpy as np
import pytest

from klbench.identity.audit import STANDARD, Practice, Reading, Standard, audit, divergences

Array = np.ndarray
Coefficient = Callable[[Array, Array], Array]
"""(log_ratio, q/sampler) -> what multiplies the score in one sample's gradient."""


def clamped_k3(log_ratio: Array, _: Array) -> Array:
    held = (log_ratio < -11.0) | (log_ratio > 2.61086795) | (np.abs(log_ratio) > 20)
    return np.where(held, 0.0, 1 - np.exp(log_ratio))


COEFFICIENTS: dict[str, Coefficient] = {
    "verl:low_var_kl": clamped_k3,
    "trl:grpo": lambda log_ratio, _: 1 - np.exp(log_ratio),
    "trl:ppo_k3": lambda log_ratio, _: np.exp(log_ratio) - 1 - log_ratio,
    "deepseek:unbiased_kl": lambda log_ratio, weight: -weight * log_ratio,
    "verl:kl": lambda log_ratio, _: -log_ratio,
    "verl:mse": lambda log_ratio, _: -log_ratio,
    "verl:abs": lambda log_ratio, _: -np.sign(log_ratio),
    "slime:k1": lambda log_ratio, _: np.ones_like(log_ratio),
    "openrlhf:k2": lambda log_ratio, _: np.where(np.abs(log_ratio) > np.sqrt(20), 0.0, -log_ratio),
}
VALUES: dict[str, Coefficient] = {
    "verl:low_var_kl": lambda log_ratio, _: np.clip(np.exp(log_ratio.clip(-20, 20)) - 1 - log_ratio, -10, 10),
    "deepseek:unbiased_kl": lambda log_ratio, weight: weight * (np.exp(log_ratio) - 1 - log_ratio),
    "trlx:mean_kl": lambda log_ratio, _: np.exp(-log_ratio) - 1 + log_ratio,
    "areal:k1": lambda log_ratio, _: np.clip(-log_ratio, -10, 10),
}
TOKENS = [standard for standard in STANDARD if standard.q.startswith("Categorical")]


@pytest.fixture(scope="module")
def found() -> tuple[Practice, ...]:
    return audit()


def probabilities(written: str) -> Array:
    logits = np.array(literal_eval(written.removeprefix("Categorical(logits=").removesuffix(")")), dtype=float)
    return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()


def reading(found: tuple[Practice, ...], name: str, pair: str) -> Reading:
    practice = next(each for each in found if name in [entry.qualified for entry in each.entries])
    return practice.readings[pair]


def gradients(drawn: Array, q: Array, coefficient: Array) -> tuple[Array, float]:
    """(the mean gradient in the logits [V], the noise of one sample's)."""
    each = coefficient[:, None] * (np.eye(len(q)) - q)
    mean = drawn @ each
    return mean, float(np.sqrt((drawn @ (each - mean) ** 2).sum()))


@pytest.mark.parametrize("standard", TOKENS, ids=lambda standard: standard.name)
@pytest.mark.parametrize("name", COEFFICIENTS)
def test_gradients_are_those_of_a_second_road(found: tuple[Practice, ...], name: str, standard: Standard) -> None:
    q, p, drawn = map(probabilities, (standard.q, standard.p, standard.sampler or standard.q))
    log_ratio = np.log(p / q)
    true, _ = gradients(q, q, -log_ratio)
    mean, noise = gradients(drawn, q, COEFFICIENTS[name](log_ratio, q / drawn))
    told = reading(found, name, standard.name)
    unit = np.linalg.norm(true)
    assert told.length == pytest.approx(np.linalg.norm(mean) / unit, rel=1e-8, abs=1e-8)
    assert told.noise == pytest.approx(noise / unit, rel=1e-8)
    if told.length:
        assert told.cosine == pytest.approx(mean @ true / np.linalg.norm(mean) / unit, abs=1e-8)


@pytest.mark.parametrize("standard", TOKENS, ids=lambda standard: standard.name)
@pytest.mark.parametrize("name", VALUES)
def test_values_are_those_of_a_second_road(found: tuple[Practice, ...], name: str, standard: Standard) -> None:
    q, p, drawn = map(probabilities, (standard.q, standard.p, standard.sampler or standard.q))
    log_ratio = np.log(p / q)
    true = -q @ log_ratio
    assert divergences()[standard.name] == pytest.approx(true, rel=1e-9)
    bias = drawn @ VALUES[name](log_ratio, q / drawn) / true - 1
    assert reading(found, name, standard.name).bias_over_true == pytest.approx(bias, rel=1e-8, abs=2e-9)


def test_the_shares_that_clamps_hold_and_float16_breaks(found: tuple[Practice, ...]) -> None:
    far = next(standard for standard in STANDARD if standard.name == "far apart")
    q, p = probabilities(far.q), probabilities(far.p)
    log_ratio = np.log(p / q)
    clamped = reading(found, "verl:low_var_kl", "far apart")
    assert clamped.clamp_share == pytest.approx(q[(log_ratio < -11) | (log_ratio > 2.61086795)].sum(), rel=1e-9)
    assert clamped.broken["float16"] == pytest.approx(q[(log_ratio > np.log(65504)) & (log_ratio < 20)].sum(), rel=1e-9)
    assert reading(found, "trlx:mean_kl", "far apart").broken["float16"] == pytest.approx(
        q[-log_ratio > np.log(65504)].sum(), rel=1e-9
    )


def test_the_heavy_tailed_pair_has_the_moments_it_is_there_for(found: tuple[Practice, ...]) -> None:
    """Of r the mean is a geometric series of 0.8 and the square one of 0.5 · 1.6² > 1."""
    told = reading(found, "trl:grpo", "heavy-tailed")
    assert 0.5 * (0.8 / 0.5) ** 2 > 1
    assert told.noise == np.inf
    # E[(1 - r) s] = -d KL(p‖q): in q's probability a, with p's 0.2, KL(p‖q)' = (a - 0.2)/(0.2 a (1 - a))
    a, b = 0.5, 0.2
    forward = (a - b) / (b * a * (1 - a))
    # KL(q‖p)' = log((1 - b)/(1 - a))/a² at a = 0.5: from KL = log(a/b) + (1 - a)/a · log((1 - a)/(1 - b))
    reverse = 1 / a - np.log((1 - a) / (1 - b)) / a**2 - 1 / a
    assert told.length == pytest.approx(forward / reverse, rel=1e-9)
