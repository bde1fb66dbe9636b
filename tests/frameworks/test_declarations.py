"""What entries declare of themselves is what their functions do, and every row of the facts is there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from klbench.estimators.divergence import REVERSE_KL, Divergence
from klbench.estimators.vocabulary import WEIGHTINGS
from klbench.frameworks import catalogue
from klbench.frameworks.arithmetic import SCORE
from klbench.frameworks.entry import Entry
from tests.frameworks.saturation import saturation

every = pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.qualified)
clamping = pytest.mark.parametrize(
    "entry", [entry for entry in catalogue.entries() if saturation(entry)], ids=lambda entry: entry.qualified
)

CLOSE = ([0.5, 0.3, 0.2], [0.4, 0.35, 0.25])
FAR_APART = ([0.5, 0.5, 1e-30], [0.5, 1e-30, 0.5])

LOSS, REWARD, LOGGED = "loss", "reward", None

FACTS = {
    "verl up to 0.4.0": (["verl@0.4.0:low_var_kl", "verl@0.2:low_var_kl"], "the value to ±10", LOSS, "none"),
    "verl from 0.4.1": (["verl:low_var_kl", "verl@0.4.1:k3"], "log r to ±20, then the value to ±10", LOSS, "none"),
    "verl, others": (["verl:abs", "verl:mse", "verl:k2"], "none", LOSS, "none"),
    "verl, k1": (["verl:kl", "verl:k1", "verl@0.6:kl"], "none", REWARD, "none"),
    "verl from 0.8, +": (["verl:low_var_kl+", "verl@0.8:k3+"], "log r to ±20, then the value to ±10", LOSS, "none"),
    "verl from 0.8, others +": (["verl:kl+", "verl:k1+", "verl:abs+", "verl:mse+", "verl:k2+"], "none", LOSS, "none"),
    "TRL GRPO": (["trl:grpo"], "none", LOSS, "none"),
    "TRL GRPO, use_bias_correction_kl": (["trl:grpo_bias_correction"], "none", LOSS, "ratio"),
    "TRL PPO and RLOO": (["trl:ppo_k1", "trl:ppo_k3", "trl:rloo"], "none", REWARD, "none"),
    "OpenRLHF, k1": (["openrlhf:k1", "openrlhf@0.8.6:k1"], "the value to ±10", REWARD, "none"),
    "OpenRLHF, k2 and k3": (["openrlhf:k2", "openrlhf:k3"], "the value to ±10", LOSS, "none"),
    "NeMo-RL to 0.6": ([f"nemo-rl@0.6:k{i}" for i in (1, 2, 3)], "log r to ±20, then the value to ±10", LOSS, "none"),
    "NeMo-RL from 0.7": ([f"nemo-rl@0.7:k{i}" for i in (1, 2, 3)], "log r to ±20, then the value to ±10", LOSS, "none"),
    "slime": (["slime:k1", "slime:k2", "slime:k3"], "none", LOSS, "none"),
    "slime, low_var_kl": (["slime:low_var_kl", "slime:low_var_kl_unbiased"], "the value to ±10", LOSS, "none"),
    "slime, unbiased": (["slime:k1_unbiased", "slime:k2_unbiased", "slime:k3_unbiased"], "none", LOSS, "ratio"),
    "AReaL": (["areal:k1", "areal:k2", "areal:k3"], "the value to ±10", REWARD, "none"),
    "ROLL, reward": (["roll:kl", "roll:abs", "roll:mse"], "none", REWARD, "none"),
    "ROLL, loss": (["roll:k3"], "the value to ±10", LOSS, "none"),
    "open-instruct": (["open-instruct:0", "open-instruct:1", "open-instruct:2"], "log r to ±40", LOSS, "none"),
    "open-instruct, 3": (["open-instruct:3"], "log r to ±40", LOSS, "ratio"),
    "SkyRL": (["skyrl:k1", "skyrl:abs", "skyrl:k2"], "none", LOSS, "none"),
    "SkyRL, k3": (["skyrl:k3"], "log r to ±20, then the value to ±10", LOSS, "none"),
    "ms-swift": (["ms-swift:grpo"], "log r to ±20, then the value to ±10", LOSS, "none"),
    "cosmos-rl": (["cosmos-rl:grpo", "cosmos-rl:grpo_unbiased"], "log r to ±20, then the value to ±10", LOSS, "none"),
    "Trinity-RFT": (["trinity-rft:low_var_kl"], "log r to ±20, then the value to ±10", LOSS, "none"),
    "Trinity-RFT, corrected_k3": (["trinity-rft:corrected_k3"], "ρ to at most 2", LOSS, "none"),
    "prime-rl": (["prime-rl:kl"], "none", LOSS, "none"),
    "tunix": (["tunix:kl", "tunix:mse_kl", "tunix:low_var_kl"], "none", LOSS, "none"),
    "k3 in the loss": (["torchtune:grpo", "unsloth:grpo", "megatron-lm:grpo"], "none", LOSS, "none"),
    "k1 in the reward": (["deepspeed-chat:kl", "llama-factory:kl"], "none", REWARD, "none"),
    "trlx": (["trlx:mean_kl"], "none", LOGGED, "none"),
    "ColossalAI": (["colossalai:approx_kl"], "none", LOGGED, "none"),
    "ColossalAI up to 0.3.6": (["colossalai@0.3.0:approx_kl", "colossalai@0.3.6:approx_kl"], "none", REWARD, "none"),
    "NeMo-RL 0.4": (["nemo-rl@0.4:k3"], "log r to ±20", LOSS, "none"),
    "NeMo-RL up to 0.3": (["nemo-rl@0.1:k3", "nemo-rl@0.3.1:k3"], "none", LOSS, "none"),
    "NeMo-RL, on-policy, up to 0.3": (["nemo-rl@0.3:k3_on_policy"], "none", LOSS, "detached"),
    "NeMo-RL, on-policy, 0.6": (["nemo-rl@0.6:k2_on_policy"], "log r to ±20, then the value to ±10", LOSS, "detached"),
    "NeMo-RL, on-policy": (["nemo-rl:k3_on_policy"], "log r to ±20, then the value to ±10", LOSS, "none"),
    "prime-rl in the reward": (["prime-rl@0.4:kl", "prime-rl:ref_kl"], "none", REWARD, "ratio"),
    "not clamped yet": (["ms-swift@4.0.3:grpo", "cosmos-rl@0.2.5:grpo"], "none", LOSS, "none"),
    "miles": (["miles:low_var_kl", "miles:low_var_kl_unbiased"], "log r to ±20, then the value to ±10", LOSS, "none"),
    "labs-molt": (["labs-molt:k1"], "none", REWARD, "none"),
    "PipelineRL": (["pipelinerl:approx_kl"], "log r to ±10", LOSS, "none"),
    "Liger-Kernel": (["liger-kernel:grpo_bias_correction", "axolotl:grpo_bias_correction"], "none", LOSS, "ratio"),
    "CleanRL": (["cleanrl:approx_kl", "cleanrl:old_approx_kl"], "none", LOGGED, "none"),
    "Stable-Baselines3": (["stable-baselines3:approx_kl"], "none", LOGGED, "none"),
    "DeepSeek-V3.2": (["deepseek:unbiased_kl", "deepseek@3.2:unbiased_kl"], "none", LOSS, "ratio"),
}


@pytest.mark.parametrize("row", FACTS)
def test_every_row_of_the_facts_is_there(row: str) -> None:
    names, clamps, placement, weighting = FACTS[row]
    for name in names:
        entry = catalogue.find(name)
        assert (entry.clamps, entry.placement, entry.weighting) == (clamps, placement, weighting), name


@every
def test_every_entry_is_declared_in_full(entry: Entry) -> None:
    assert entry.summary.endswith(".")
    assert "/" in entry.source.repository or "DeepSeek" in entry.source.repository
    assert isinstance(entry.target, Divergence)
    assert entry.placement in (LOSS, REWARD, LOGGED)
    assert entry.weighting in WEIGHTINGS
    estimator = entry.estimator()
    for field in ("name", "formula", "biased_when", "infinite_variance_when", "source", "summary", "used_by"):
        assert getattr(estimator, field).strip(), field


@every
def test_an_entry_is_the_estimator_it_becomes(entry: Entry) -> None:
    estimator = entry.estimator("its name")
    assert estimator.name == "its name"
    assert (estimator.placement, estimator.weighting) == (entry.placement, entry.weighting)
    log_ratio = torch.linspace(-25, 25, 101, dtype=torch.float64)
    nothing = torch.zeros_like(log_ratio)
    assert torch.equal(estimator.function(log_ratio), entry.value(nothing, log_ratio, nothing))
    values = entry.value(nothing, log_ratio, nothing + 0.7)
    depends_on_the_sampler = not torch.equal(values, estimator.function(log_ratio))
    assert (estimator.looks_at == "sampler") == (depends_on_the_sampler or entry.weight is SCORE)


@every
def test_the_function_is_pure_elementwise_and_takes_nothing_but_differences(entry: Entry) -> None:
    arguments = [torch.randn(50, dtype=torch.float64, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    before = [each.clone() for each in arguments]
    values = entry.value(*arguments)
    assert all(torch.equal(*pair) for pair in zip(arguments, before, strict=True))
    assert torch.equal(values[7:9], entry.value(*(each[7:9] for each in arguments)))
    torch.testing.assert_close(values, entry.value(*(each + 3 for each in arguments)), rtol=1e-11, atol=1e-12)
    assert hash(entry) == hash(dataclasses.replace(entry))


@clamping
def test_beyond_its_saturation_nothing_changes_and_within_it_something_does(entry: Entry) -> None:
    assert saturation(entry) is not None
    low, high = saturation(entry)
    steps = torch.tensor([-1.0, -1e-6, 1e-6, 1.0], dtype=torch.float64)
    below, above = entry.of_log_ratio(low + steps).tolist(), entry.of_log_ratio(high + steps).tolist()
    assert above[3] == above[2] != above[1] != above[0]
    # far below, 1 − r is 1 in float64 long before the clamp is active
    assert below[0] == below[1]
    assert below[1] != below[2] != below[3] or (low, below[3]) == (-40, 1)


@every
def test_what_declares_no_clamp_grows_for_ever(entry: Entry) -> None:
    values = entry.of_log_ratio(torch.tensor([-80.0, -60.0, 60.0, 80.0], dtype=torch.float64))
    grows = bool((values[0] != values[1]) & (values[2] != values[3]))
    assert grows == (saturation(entry) is None and not entry.against_sampler)


def test_the_saturation_of_k2_and_k3_clamped_at_ten() -> None:
    assert saturation(catalogue.find("openrlhf:k2")) == pytest.approx((-4.4721, 4.4721), abs=1e-4)
    for name in ("openrlhf:k3", "verl:low_var_kl", "nemo-rl:k3"):
        assert saturation(catalogue.find(name)) == pytest.approx((-11.0, 2.6109), abs=1e-4)


def mean(entry: Entry, pair: tuple[list[float], list[float]]) -> tuple[float, float]:
    """(E_q[k], KL(q‖p)) of two distributions on three points."""
    q, p = (np.array(each) for each in pair)
    values = entry.of_log_ratio(torch.from_numpy(np.log(p) - np.log(q))).numpy()
    return float(q @ values), float(q @ (np.log(q) - np.log(p)))


@every
def test_unbiased_means_the_mean_is_the_target(entry: Entry) -> None:
    assert entry.target == REVERSE_KL
    means = [mean(entry, pair) for pair in (CLOSE, FAR_APART)]
    assert all(found == pytest.approx(true, rel=1e-9) for found, true in means) == entry.estimator().unbiased


@every
def test_nonnegative_means_never_negative(entry: Entry) -> None:
    log_ratio = torch.cat([sign * torch.logspace(-12, 2.8, 500, dtype=torch.float64) for sign in (-1, 1)])
    nothing = torch.zeros_like(log_ratio)
    values = entry.value(nothing, log_ratio, log_ratio if entry.against_sampler else nothing)
    # r − 1 − log r by exp is known to one rounding of 1
    assert bool((values >= -3e-16).all()) == entry.estimator().nonnegative


def test_the_upside_down_k3_estimates_another_divergence() -> None:
    """χ²(q‖p) − KL(q‖p), and not the KL(q‖p) it is logged as."""
    q, p = (np.array(each) for each in CLOSE)
    for name in ("trlx:mean_kl", "colossalai:approx_kl", "colossalai@0.3.0:approx_kl", "rlhf-book:kl3"):
        found, true = mean(catalogue.find(name), CLOSE)
        assert found == pytest.approx(float((q**2 / p).sum() - 1) - true, rel=1e-12)


def test_prime_rl_never_looks_at_the_reference() -> None:
    entry = catalogue.find("prime-rl:kl")
    log_q, log_sampler = torch.tensor([-1.0, -2.0]), torch.tensor([-1.5, -1.0])
    near, far = (entry.value(log_q, torch.full((2,), level), log_sampler) for level in (-1.0, -9.0))
    assert torch.equal(near, far)
    assert torch.equal(near, torch.tensor([0.25, 1.0]))
