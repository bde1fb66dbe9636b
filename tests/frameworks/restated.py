"""Every entry once more, in NumPy: its value and its derivative in log q, by hand, from what the framework does.

Nothing here looks at klbench. ``lr`` is log p − log q, so dlr/dlog q = −1; ``w`` is q/sampler.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Restated = Callable[[Array, Array, Array], tuple[Array, Array]]
"""(log_q, log_p, log_sampler) -> (value, dvalue/dlog_q)."""


def k1(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    return log_q - log_p, np.ones_like(log_q)


def k1_value_10(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    d = log_q - log_p
    return np.minimum(np.maximum(d, -10), 10), np.where(np.abs(d) <= 10, 1.0, 0.0)


def k1_input_40(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    d = log_q - log_p
    return np.minimum(np.maximum(d, -40), 40), np.where(np.abs(d) <= 40, 1.0, 0.0)


def k2(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    d = log_q - log_p
    return 0.5 * d**2, d


def k2_value_10(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    d = log_q - log_p
    return np.minimum(0.5 * d**2, 10), np.where(0.5 * d**2 <= 10, d, 0.0)


def k2_input_40(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    d = log_q - log_p
    return np.where(np.abs(d) > 40, 800.0, 0.5 * d**2), np.where(np.abs(d) <= 40, d, 0.0)


def absolute(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    return np.abs(log_q - log_p), np.sign(log_q - log_p)


def k3(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    lr = log_p - log_q
    return np.exp(lr) - 1 - lr, 1 - np.exp(lr)


def k3_value_10(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    """Clamped after exp: NaN is what autograd makes of 0 times an infinite derivative."""
    lr = log_p - log_q
    value = np.exp(lr) - 1 - lr
    slope = np.where(value <= 10, 1 - np.exp(lr), 0.0)
    return np.minimum(value, 10), np.where(np.isinf(np.exp(lr)), np.nan, slope)


def k3_input_20_value_10(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    lr = np.minimum(np.maximum(log_p - log_q, -20), 20)
    value = np.exp(lr) - lr - 1
    return np.minimum(value, 10), np.where(value <= 10, 1 - np.exp(lr), 0.0)


def k3_input_40(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    lr = log_p - log_q
    c = np.minimum(np.maximum(lr, -40), 40)
    return np.expm1(c) - c, np.where(np.abs(lr) <= 40, -np.expm1(c), 0.0)


def k1_scored(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    """Clamped at 10; the weight of 1 adds the value to the derivative."""
    d = log_q - log_p
    return np.minimum(np.maximum(d, -10), 10), np.where(np.abs(d) <= 10, d + 1, 0.0)


def k2_scored(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    d = log_q - log_p
    return np.minimum(0.5 * d**2, 10), np.where(0.5 * d**2 <= 10, 0.5 * d**2 + d, 0.0)


def k3_scored(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    """Value and derivative of k3 add up to −lr."""
    lr = np.minimum(np.maximum(log_p - log_q, -20), 20)
    value = np.exp(lr) - 1 - lr
    return np.minimum(value, 10), np.where(value <= 10, -lr, 0.0)


def k3_ratio_value_10(log_q: Array, log_p: Array, log_sampler: Array) -> tuple[Array, Array]:
    """Value and derivative of k3 add up to −lr, times the weight."""
    lr, w = log_p - log_q, np.exp(log_q - log_sampler)
    value = w * (np.exp(lr) - 1 - lr)
    slope = np.where(value <= 10, -w * lr, 0.0)
    return np.minimum(value, 10), np.where(np.isinf(np.exp(lr)), np.nan, slope)


def k3_input_20_ratio_value_10(log_q: Array, log_p: Array, log_sampler: Array) -> tuple[Array, Array]:
    lr, w = log_p - log_q, np.exp(log_q - log_sampler)
    c = np.minimum(np.maximum(lr, -20), 20)
    value = w * (np.exp(c) - c - 1)
    slope = np.where(np.abs(lr) <= 20, -w * lr, value)
    return np.minimum(value, 10), np.where(value <= 10, slope, 0.0)


def k3_ratio_up_to_two(log_q: Array, log_p: Array, log_sampler: Array) -> tuple[Array, Array]:
    lr, w = log_p - log_q, np.exp(log_q - log_sampler)
    plain = np.exp(lr) - 1 - lr
    free = w <= 2
    own = np.where(free, w * plain, 0.0)
    return np.where(free, w, 2.0) * plain, own + np.where(free, w, 2.0) * (1 - np.exp(lr))


def k3_input_20(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    lr = np.minimum(np.maximum(log_p - log_q, -20), 20)
    return np.exp(lr) - lr - 1, np.where(np.abs(log_p - log_q) <= 20, 1 - np.exp(lr), 0.0)


def k3_input_10(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    lr = np.minimum(np.maximum(log_p - log_q, -10), 10)
    return np.exp(lr) - lr - 1, np.where(np.abs(log_p - log_q) <= 10, 1 - np.exp(lr), 0.0)


def k1_input_20(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    d = log_q - log_p
    return np.minimum(np.maximum(d, -20), 20), np.where(np.abs(d) <= 20, 1.0, 0.0)


def k1_ratio_stopping(log_q: Array, log_p: Array, log_sampler: Array) -> tuple[Array, Array]:
    """NeMo-RL's k1 times q/rollout: past ±20 both are constants."""
    d, w = log_q - log_p, np.exp(log_q - log_sampler)
    value = w * np.minimum(np.maximum(d, -20), 20)
    slope = np.where((np.abs(d) <= 20) & (np.abs(value) <= 10), w * (1 + d), 0.0)
    return np.minimum(np.maximum(value, -10), 10), slope


def k2_ratio_stopping(log_q: Array, log_p: Array, log_sampler: Array) -> tuple[Array, Array]:
    d, w = log_q - log_p, np.exp(log_q - log_sampler)
    value = w * np.minimum(0.5 * d**2, 200)
    slope = np.where((np.abs(d) <= 20) & (value <= 10), w * (d + 0.5 * d**2), 0.0)
    return np.minimum(value, 10), slope


def k3_ratio_stopping(log_q: Array, log_p: Array, log_sampler: Array) -> tuple[Array, Array]:
    """Value and derivative of k3 add up to −lr, times the weight."""
    lr, w = log_p - log_q, np.exp(log_q - log_sampler)
    c = np.minimum(np.maximum(lr, -20), 20)
    value = w * (np.exp(c) - 1 - c)
    return np.minimum(value, 10), np.where((np.abs(lr) <= 20) & (value <= 10), -w * lr, 0.0)


def one_minus_r_input_40(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    lr = log_p - log_q
    r = np.exp(np.minimum(np.maximum(lr, -40), 40))
    return 1 - r, np.where(np.abs(lr) <= 40, r, 0.0)


def negated_k1(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    return log_p - log_q, -np.ones_like(log_q)


def k1_to_the_sampler(log_q: Array, _: Array, log_sampler: Array) -> tuple[Array, Array]:
    return log_q - log_sampler, np.ones_like(log_q)


def k3_from_the_sampler(log_q: Array, _: Array, log_sampler: Array) -> tuple[Array, Array]:
    """k3 of KL(sampler‖q)."""
    d = log_q - log_sampler
    return np.exp(d) - d - 1, np.exp(d) - 1


def k1_from_the_sampler(log_q: Array, _: Array, log_sampler: Array) -> tuple[Array, Array]:
    """k1 of KL(sampler‖q)."""
    return log_sampler - log_q, -np.ones_like(log_q)


def k2_from_the_sampler(log_q: Array, _: Array, log_sampler: Array) -> tuple[Array, Array]:
    d = log_q - log_sampler
    return d**2 / 2, d


def input_20_from_the_sampler(of: Restated) -> Restated:
    """The same with log q − log sampler clamped to ±20."""

    def restated(log_q: Array, log_p: Array, log_sampler: Array) -> tuple[Array, Array]:
        d = log_q - log_sampler
        value, slope = of(np.minimum(np.maximum(d, -20), 20), log_p, np.zeros_like(d))
        return value, np.where(np.abs(d) <= 20, slope, 0.0)

    return restated


def upside_down_cut(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    d = log_q - log_p
    inner = np.exp(np.where(d < 10, d, 0.0))
    return inner - 1 - d, np.where(d < 10, inner, 0.0) - 1


def squared_to_the_sampler(log_q: Array, _: Array, log_sampler: Array) -> tuple[Array, Array]:
    d = log_q - log_sampler
    return d**2, 2 * d


def upside_down(log_q: Array, log_p: Array, _: Array) -> tuple[Array, Array]:
    d = log_q - log_p
    return np.exp(d) - 1 - d, np.exp(d) - 1


def plus(value_of: Restated) -> Restated:
    """verl's ``+``: that value, and the derivative of ½ (log q − log p)², unclamped."""

    def restated(log_q: Array, log_p: Array, log_sampler: Array) -> tuple[Array, Array]:
        return value_of(log_q, log_p, log_sampler)[0], log_q - log_p

    return restated


def names(text: str) -> list[str]:
    return text.split()


_GROUPS: list[tuple[Restated, list[str]]] = [
    (
        k1,
        names(
            """
            areal@0.3.3:k1 cleanrl:old_approx_kl colossalai:kl deepspeed-chat:kl easyr1:kl labs-molt:k1 llama-factory:kl
            lm-human-preferences:kl miles:k1 miles:k1_unbiased ms-swift:kl_in_reward oat:kl_rewards openrlhf@0.5.4:k1
            openrlhf@0.8.5:k1 prime-rl:ref_kl prime-rl@0.6:opd rl2:k1 rl4lms:kl_div rlinf:kl roll:kl skyrl:k1 slime:k1
            slime:k1_unbiased slime@0.1:kl torchtune:ppo trinity-rft:k1 trl:ppo_k1 trl:rloo trl@0.11.4:kl
            trlx:kl_penalty tunix:kl tunix@0.1.5:kl verl:kl xtuner:kl
            """
        ),
    ),
    (k1_value_10, names("areal:k1 openrlhf:k1 nemo-rl@0.6:k1 nemo-rl@0.6:k1_on_policy")),
    (k1_input_20, names("verl:ppo_kl")),
    (k1_input_40, names("compose-rl:k1 open-instruct:0 open-instruct:3")),
    (k1_scored, names("nemo-rl:k1")),
    (k1_ratio_stopping, names("nemo-rl:k1_on_policy")),
    (k1_to_the_sampler, names("prime-rl@0.4:kl")),
    (negated_k1, names("rlhf-book:kl1")),
    (
        k2,
        names(
            """
            baselines:approxkl easyr1:mse lm-human-preferences:approxkl miles:k2 miles:k2_unbiased openrlhf@0.8.5:k2
            rl2:k2 rlhf-book:kl2 rlinf:mse roll:mse skyrl:k2 slime:k2 slime:k2_unbiased trinity-rft:k2 trl:approxkl
            trl@0.11.4:mse tunix:mse_kl tunix@0.1.5:mse_kl verl:mse xtuner:mse
            """
        ),
    ),
    (k2_value_10, names("areal:k2 openrlhf:k2 labs-molt:k2 nemo-rl@0.6:k2 nemo-rl@0.6:k2_on_policy")),
    (k2_input_40, names("compose-rl:k2 open-instruct:1")),
    (k2_scored, names("nemo-rl:k2")),
    (k2_ratio_stopping, names("nemo-rl:k2_on_policy")),
    (
        absolute,
        names("easyr1:abs rlinf:abs roll:abs skyrl:abs trinity-rft:abs trl@0.11.4:abs verl:abs xtuner:abs"),
    ),
    (
        k3,
        names(
            """
            art:grpo axolotl:grpo axolotl:grpo_bias_correction cleanrl:approx_kl colossalai:grpo
            colossalai@0.3.6:approx_kl cosmos-rl@0.2.5:grpo deepseek:unbiased_kl liger-kernel:grpo
            liger-kernel:grpo_bias_correction megatron-lm:grpo miles:k3 miles:k3_unbiased ms-swift@4.0.3:grpo
            nemo-rl@0.3:k3 nemo-rl@0.3:k3_on_policy openrlhf@0.5.4:k3 openrlhf@0.8.5:k3 rl2:k3 rl4lms:approx_kl slime:k3
            slime:k3_unbiased stable-baselines3:approx_kl torchforge:grpo torchrl:kl_to_ref torchtune:grpo
            torchtune:grpo_completion trinity-rft:k3 trl:gmpo trl:grpo trl:grpo_bias_correction trl:gspo_token
            trl:grpo_sequence_ratio
            trl:ppo_k3 tunix:low_var_kl tunix@0.1.5:low_var_kl
            unsloth:grpo
            """
        ),
    ),
    (
        k3_value_10,
        names("areal:k3 chatlearn:grpo labs-molt:k3 openrlhf:k3 roll:k3 slime:low_var_kl verl@0.4.0:low_var_kl"),
    ),
    (k3_input_20, names("nemo-rl@0.4:k3 nemo-rl@0.4:k3_on_policy")),
    (k3_input_10, names("pipelinerl:approx_kl")),
    (
        k3_input_20_value_10,
        names(
            """
            cosmos-rl:grpo easyr1:low_var_kl miles:low_var_kl ms-swift:grpo nemo-rl@0.6:k3 nemo-rl@0.6:k3_on_policy
            rlinf:low_var_kl skyrl:k3 trinity-rft:low_var_kl verl:low_var_kl xtuner:low_var_kl
            """
        ),
    ),
    (k3_input_40, names("compose-rl:k3 oat:kl3 open-instruct:2")),
    (one_minus_r_input_40, names("compose-rl:k3_offpolicy")),
    (k3_scored, names("nemo-rl:k3")),
    (k3_ratio_value_10, names("slime:low_var_kl_unbiased")),
    (k3_input_20_ratio_value_10, names("cosmos-rl:grpo_unbiased miles:low_var_kl_unbiased")),
    (k3_ratio_stopping, names("nemo-rl:k3_on_policy")),
    (k3_ratio_up_to_two, names("trinity-rft:corrected_k3")),
    (k3_from_the_sampler, names("prime-rl:mismatch_kl verl:rollout_corr_k3_kl")),
    (k1_from_the_sampler, names("tinker-cookbook:kl_sample_train_v1 verl:rollout_corr_kl")),
    (k2_from_the_sampler, names("tinker-cookbook:kl_sample_train_v2")),
    (input_20_from_the_sampler(k1_from_the_sampler), names("verl:token_k1 verl:seq_sum_k1 verl:seq_mean_k1")),
    (input_20_from_the_sampler(k2_from_the_sampler), names("verl:token_k2 verl:seq_sum_k2 verl:seq_mean_k2")),
    (input_20_from_the_sampler(k3_from_the_sampler), names("verl:token_k3 verl:seq_sum_k3 verl:seq_mean_k3")),
    (squared_to_the_sampler, names("prime-rl:kl")),
    (upside_down, names("colossalai@0.3.0:approx_kl rlhf-book:kl3 trlx:mean_kl")),
    (upside_down_cut, names("colossalai:approx_kl")),
    (plus(k1), names("verl:kl+")),
    (plus(absolute), names("verl:abs+")),
    (plus(k2), names("verl:mse+")),
    (plus(k3_input_20_value_10), names("verl:low_var_kl+")),
]
RESTATED: dict[str, Restated] = {name: restated for restated, entries in _GROUPS for name in entries}
"""By an entry's qualified name; the weight that some multiply last is left out."""
