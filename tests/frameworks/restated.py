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


RESTATED: dict[str, Restated] = {
    "areal:k1": k1_value_10,
    "areal:k2": k2_value_10,
    "areal:k3": k3_value_10,
    "cleanrl:approx_kl": k3,
    "cleanrl:old_approx_kl": k1,
    "colossalai:approx_kl": upside_down,
    "cosmos-rl:grpo": k3_input_20_value_10,
    "cosmos-rl:grpo_unbiased": k3_input_20_ratio_value_10,
    "deepseek:unbiased_kl": k3,
    "deepspeed-chat:kl": k1,
    "llama-factory:kl": k1,
    "megatron-lm:grpo": k3,
    "ms-swift:grpo": k3_input_20_value_10,
    "nemo-rl:k1": k1_scored,
    "nemo-rl:k2": k2_scored,
    "nemo-rl:k3": k3_scored,
    "nemo-rl@0.6:k1": k1_value_10,
    "nemo-rl@0.6:k2": k2_value_10,
    "nemo-rl@0.6:k3": k3_input_20_value_10,
    "open-instruct:0": k1_input_40,
    "open-instruct:1": k2_input_40,
    "open-instruct:2": k3_input_40,
    "open-instruct:3": k1_input_40,
    "openrlhf:k1": k1_value_10,
    "openrlhf:k2": k2_value_10,
    "openrlhf:k3": k3_value_10,
    "openrlhf@0.8.5:k1": k1,
    "openrlhf@0.8.5:k2": k2,
    "openrlhf@0.8.5:k3": k3,
    "prime-rl:kl": squared_to_the_sampler,
    "roll:abs": absolute,
    "roll:k3": k3_value_10,
    "roll:kl": k1,
    "roll:mse": k2,
    "skyrl:abs": absolute,
    "skyrl:k1": k1,
    "skyrl:k2": k2,
    "skyrl:k3": k3_input_20_value_10,
    "slime:k1": k1,
    "slime:k1_unbiased": k1,
    "slime:k2": k2,
    "slime:k2_unbiased": k2,
    "slime:k3": k3,
    "slime:k3_unbiased": k3,
    "slime:low_var_kl": k3_value_10,
    "slime:low_var_kl_unbiased": k3_ratio_value_10,
    "stable-baselines3:approx_kl": k3,
    "torchtune:grpo": k3,
    "trinity-rft:abs": absolute,
    "trinity-rft:corrected_k3": k3_ratio_up_to_two,
    "trinity-rft:k1": k1,
    "trinity-rft:k2": k2,
    "trinity-rft:k3": k3,
    "trinity-rft:low_var_kl": k3_input_20_value_10,
    "trl:grpo": k3,
    "trl:grpo_bias_correction": k3,
    "trl:ppo_k1": k1,
    "trl:ppo_k3": k3,
    "trl:rloo": k1,
    "trlx:kl_penalty": k1,
    "trlx:mean_kl": upside_down,
    "tunix:kl": k1,
    "tunix:low_var_kl": k3,
    "tunix:mse_kl": k2,
    "unsloth:grpo": k3,
    "verl:abs": absolute,
    "verl:abs+": plus(absolute),
    "verl:kl": k1,
    "verl:kl+": plus(k1),
    "verl:low_var_kl": k3_input_20_value_10,
    "verl:low_var_kl+": plus(k3_input_20_value_10),
    "verl:mse": k2,
    "verl:mse+": plus(k2),
    "verl@0.4:abs": absolute,
    "verl@0.4:kl": k1,
    "verl@0.4:low_var_kl": k3_value_10,
    "verl@0.4:mse": k2,
}

ONE_FIRST, LOG_FIRST, EXPM1 = "(eˡ − 1) − l", "(eˡ − l) − 1", "expm1(l) − l"

ORDER = {
    "areal:k3": ONE_FIRST,
    "cleanrl:approx_kl": ONE_FIRST,
    "cosmos-rl:grpo": LOG_FIRST,
    "deepseek:unbiased_kl": LOG_FIRST,
    "megatron-lm:grpo": LOG_FIRST,
    "ms-swift:grpo": LOG_FIRST,
    "nemo-rl:k3": ONE_FIRST,
    "nemo-rl@0.6:k3": ONE_FIRST,
    "open-instruct:2": EXPM1,
    "openrlhf:k3": ONE_FIRST,
    "openrlhf@0.8.5:k3": ONE_FIRST,
    "roll:k3": LOG_FIRST,
    "skyrl:k3": LOG_FIRST,
    "slime:k3": ONE_FIRST,
    "slime:low_var_kl": ONE_FIRST,
    "stable-baselines3:approx_kl": ONE_FIRST,
    "torchtune:grpo": LOG_FIRST,
    "trinity-rft:k3": ONE_FIRST,
    "trinity-rft:low_var_kl": LOG_FIRST,
    "trl:grpo": LOG_FIRST,
    "trl:ppo_k3": ONE_FIRST,
    "tunix:low_var_kl": LOG_FIRST,
    "unsloth:grpo": LOG_FIRST,
    "verl:low_var_kl": LOG_FIRST,
    "verl@0.4:low_var_kl": LOG_FIRST,
}
"""In which order the frameworks that ship k3 compute it."""
