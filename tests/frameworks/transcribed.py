"""What the frameworks' code does, transcribed to torch line by line: order of operations, clamps, weights, detaches.

Nothing here looks at klbench. Every function takes (log_probs, ref_log_probs, sampler_log_probs), the first of which
autograd differentiates. A cast raises the precision and never lowers it, as klbench's does: float64 stays.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Transcribed = Callable[[Tensor, Tensor, Tensor], Tensor]


def up(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def cast(code: Transcribed) -> Transcribed:
    """The first line of a function that is ``log_probs.float() - ref.float()``."""
    return lambda logp, ref, old: code(up(logp), up(ref), old)


def times_ratio(code: Transcribed) -> Transcribed:
    return lambda logp, ref, old: torch.exp(logp - old) * code(logp, ref, old)


def times_detached_ratio(code: Transcribed) -> Transcribed:
    return lambda logp, ref, old: torch.exp(logp - old).detach() * code(logp, ref, old)


def output_clamped(code: Transcribed, bound: float) -> Transcribed:
    return lambda logp, ref, old: code(logp, ref, old).clamp(min=-bound, max=bound)


# verl and what has its four values


def verl_kl(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    return logp - ref


def verl_abs(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    return (logp - ref).abs()


def verl_mse(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    return 0.5 * (logp - ref).square()


def verl_low_var_kl(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    kl = torch.clamp(ref - logp, min=-20, max=20)
    kld = (torch.exp(kl) - kl - 1).contiguous()
    return torch.clamp(kld, min=-10, max=10)


def verl_low_var_kl_up_to_0_4_0(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    kl = ref - logp
    kld = (torch.exp(kl) - kl - 1).contiguous()
    return torch.clamp(kld, min=-10, max=10)


def verl_plus(code: Transcribed) -> Transcribed:
    def straight_through(logp: Tensor, ref: Tensor, old: Tensor) -> Tensor:
        backward = 0.5 * (logp - ref).square()
        return backward - backward.detach() + code(logp, ref, old).detach()

    return straight_through


# k1, k2, k3 as OpenRLHF and its forks write them


def openrlhf_k1(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    return logp - ref


def openrlhf_k2(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    return (logp - ref) ** 2 / 2.0


def openrlhf_k3(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    log_ratio = -(logp - ref)
    return log_ratio.exp() - 1 - log_ratio


def molt(code: Transcribed) -> Transcribed:
    def bounded(logp: Tensor, ref: Tensor, old: Tensor) -> Tensor:
        log_ratio = torch.nan_to_num(up(logp) - up(ref), nan=0.0, posinf=30.0, neginf=-30.0)
        return code(log_ratio, torch.zeros_like(log_ratio), old)

    return bounded


def miles_low_var_kl(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    log_ratio = torch.nan_to_num(-(up(logp) - up(ref)), nan=0.0, posinf=20.0, neginf=-20.0).clamp(-20.0, 20.0)
    return log_ratio.exp() - 1 - log_ratio


# NeMo-RL


def nemo_joschu2020(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    r = ref - logp
    return torch.exp(r) - r - 1


def nemo_joschu2020_of_0_4(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    r = (ref - logp).clamp(min=-20.0, max=20.0)
    return torch.exp(r) - r - 1


def nemo(kind: str, weights: Callable[[Tensor, Tensor], Tensor] | None = None) -> Transcribed:
    def calculate_kl(logp: Tensor, ref: Tensor, old: Tensor) -> Tensor:
        logr = ref - logp
        clamped = logr.clamp(min=-20.0, max=20.0)
        weight = None if weights is None else weights(logp, old)
        if weight is not None:
            weight = torch.where(logr == clamped, weight, weight.detach())
        match kind:
            case "k1":
                kl = -clamped
            case "k2":
                kl = torch.square(clamped) / 2
            case _:
                kl = torch.exp(clamped) - 1 - clamped
        if weight is not None:
            kl = weight * kl
        return kl.clamp(min=-10.0, max=10.0)

    return calculate_kl


def rollout_ratio(logp: Tensor, old: Tensor) -> Tensor:
    return torch.nan_to_num(torch.exp(logp - old), nan=0.0, posinf=0.0, neginf=0.0)


def score(logp: Tensor, _: Tensor) -> Tensor:
    return torch.exp(logp - logp.detach())


# GRPO's k3


def grpo(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    return torch.exp(ref - logp) - (ref - logp) - 1


def cosmos_unbiased(logp: Tensor, ref: Tensor, old: Tensor) -> Tensor:
    kl = torch.clamp(ref - logp, min=-20, max=20)
    return torch.clamp(torch.exp(logp - old) * (torch.exp(kl) - kl - 1), min=-10, max=10)


def pipelinerl(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    clamped = torch.clamp(ref - logp, min=-10, max=10)
    return torch.exp(clamped) - clamped - 1


def corrected_k3(logp: Tensor, ref: Tensor, old: Tensor) -> Tensor:
    logr = ref - logp
    ratio = torch.clamp((logp - old).exp(), min=0.0, max=2.0)
    return ratio * (logr.exp() - 1 - logr)


def rl2_k3(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    log_ratio = logp - ref
    return log_ratio + torch.exp(-log_ratio) - 1


# by expm1


def expm1_clamped(kind: str) -> Transcribed:
    def approx_kl(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
        ratio = (ref - logp).clamp(min=-40.0, max=40.0)
        match kind:
            case "k1":
                return -ratio
            case "k2":
                return 0.5 * (ratio**2)
            case "k3":
                return torch.expm1(ratio) - ratio
            case _:
                return 1.0 - torch.exp(ratio)

    return approx_kl


def torchrl(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    return (ref - logp).expm1() - (ref - logp)


def book_kl1(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    return -(logp - ref)


def book_kl3(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    log_ratio = logp - ref
    return torch.expm1(log_ratio) - log_ratio


# upside-down, and what is logged


def upside_down(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    log_ratio = logp - ref
    return (log_ratio.exp() - 1) - log_ratio


def colossalai_logged(logp: Tensor, ref: Tensor, _: Tensor) -> Tensor:
    log_ratio = logp - ref
    return (log_ratio * (log_ratio < 10)).exp() - 1 - log_ratio


def ppo_approx_kl(old: Tensor, new: Tensor, _: Tensor) -> Tensor:
    logratio = new - old
    return (torch.exp(logratio) - 1) - logratio


def ppo_old_approx_kl(old: Tensor, new: Tensor, _: Tensor) -> Tensor:
    return -(new - old)


def ppo_squared(old: Tensor, new: Tensor, _: Tensor) -> Tensor:
    return 0.5 * (new - old) ** 2


# prime-rl: the trainer first, the rollout engine last


def prime_kl(trainer: Tensor, _: Tensor, inference: Tensor) -> Tensor:
    return (trainer - inference) ** 2


def prime_mismatch(trainer: Tensor, _: Tensor, inference: Tensor) -> Tensor:
    log_importance_ratio = trainer - inference
    return torch.exp(log_importance_ratio) - log_importance_ratio - 1


def prime_old_kl(trainer: Tensor, _: Tensor, inference: Tensor) -> Tensor:
    return torch.exp(trainer - inference) * (trainer - inference)


# verl's rejection of samples, and tinker's cookbook: the trainer first, the rollout engine last


def verl_rejection(kind: str) -> Transcribed:
    def statistic(old: Tensor, _: Tensor, rollout: Tensor) -> Tensor:
        log_ratio = old - rollout
        log_ratio_safe = torch.clamp(log_ratio, min=-20.0, max=20.0)
        if kind == "k1":
            return -log_ratio_safe
        if kind == "k2":
            return 0.5 * log_ratio_safe**2
        return torch.exp(log_ratio_safe) - 1.0 - log_ratio_safe

    return statistic


def verl_rollout_kl(old: Tensor, _: Tensor, rollout: Tensor) -> Tensor:
    return rollout - old


def verl_rollout_k3(old: Tensor, _: Tensor, rollout: Tensor) -> Tensor:
    log_ratio = old - rollout
    return torch.exp(log_ratio) - log_ratio - 1


def tinker_v1(training: Tensor, _: Tensor, sampling: Tensor) -> Tensor:
    return sampling - training


def tinker_v2(training: Tensor, _: Tensor, sampling: Tensor) -> Tensor:
    return 0.5 * (sampling - training) ** 2


_VERL = {"kl": verl_kl, "abs": verl_abs, "mse": verl_mse, "low_var_kl": verl_low_var_kl}
_VERL |= {"k1": verl_kl, "k2": verl_mse, "k3": verl_low_var_kl}
_OPENRLHF = {"k1": openrlhf_k1, "k2": openrlhf_k2, "k3": openrlhf_k3}
_SLIME: dict[str, Transcribed] = {
    **{name: cast(code) for name, code in _OPENRLHF.items()},
    "kl": cast(openrlhf_k1),
    "low_var_kl": output_clamped(cast(openrlhf_k3), 10),
    **{f"{name}_unbiased": times_ratio(cast(code)) for name, code in _OPENRLHF.items()},
    "low_var_kl_unbiased": output_clamped(times_ratio(cast(openrlhf_k3)), 10),
}
_TUNIX = {"kl": verl_kl, "mse_kl": verl_mse, "low_var_kl": grpo}

PLAIN: dict[str, dict[str, Transcribed]] = {
    "areal": {name: cast(output_clamped(code, 10)) for name, code in _OPENRLHF.items()},
    "art": {"grpo": grpo},
    "axolotl": {"grpo": grpo, "grpo_bias_correction": times_ratio(grpo)},
    "baselines": {"approxkl": ppo_squared},
    "chatlearn": {"grpo": output_clamped(grpo, 10)},
    "cleanrl": {"approx_kl": ppo_approx_kl, "old_approx_kl": ppo_old_approx_kl},
    "colossalai": {"approx_kl": colossalai_logged, "grpo": grpo, "kl": verl_kl},
    "compose-rl": {name: expm1_clamped(name) for name in ("k1", "k2", "k3", "k3_offpolicy")},
    "cosmos-rl": {"grpo": verl_low_var_kl, "grpo_unbiased": cosmos_unbiased},
    "deepseek": {"unbiased_kl": times_ratio(grpo)},
    "deepspeed-chat": {"kl": verl_kl},
    "easyr1": {name: cast(code) for name, code in _VERL.items()},
    "labs-molt": {
        "k1": molt(openrlhf_k1),
        "k2": output_clamped(molt(openrlhf_k2), 10),
        "k3": output_clamped(molt(openrlhf_k3), 10),
    },
    "liger-kernel": {"grpo": grpo, "grpo_bias_correction": times_ratio(grpo)},
    "llama-factory": {"kl": verl_kl},
    "lm-human-preferences": {"kl": verl_kl, "approxkl": ppo_squared},
    "megatron-lm": {"grpo": grpo},
    "miles": {
        **_SLIME,
        "low_var_kl": output_clamped(miles_low_var_kl, 10),
        "low_var_kl_unbiased": output_clamped(times_ratio(miles_low_var_kl), 10),
    },
    "ms-swift": {"grpo": verl_low_var_kl, "kl_in_reward": verl_kl},
    "nemo-rl": {
        **{kind: nemo(kind, score) for kind in ("k1", "k2", "k3")},
        **{f"{kind}_on_policy": nemo(kind, rollout_ratio) for kind in ("k1", "k2", "k3")},
    },
    "oat": {"kl3": expm1_clamped("k3"), "kl_rewards": verl_kl},
    "open-instruct": {
        **{str(number): expm1_clamped(f"k{number + 1}") for number in (0, 1, 2)},
        "3": times_ratio(expm1_clamped("k1")),
    },
    "openrlhf": {name: output_clamped(cast(code), 10) for name, code in _OPENRLHF.items()},
    "pipelinerl": {"approx_kl": pipelinerl},
    "prime-rl": {
        "kl": prime_kl,
        "mismatch_kl": prime_mismatch,
        "ref_kl": times_ratio(verl_kl),
        "opd": times_ratio(verl_kl),
    },
    "rl2": {"k1": openrlhf_k1, "k2": openrlhf_k2, "k3": rl2_k3},
    "rl4lms": {"approx_kl": ppo_approx_kl, "kl_div": verl_kl},
    "rlhf-book": {"kl1": book_kl1, "kl2": openrlhf_k2, "kl3": book_kl3},
    "rlinf": {**_VERL},
    "roll": {"abs": verl_abs, "k3": output_clamped(grpo, 10), "kl": verl_kl, "mse": verl_mse},
    "skyrl": {"abs": verl_abs, "k1": verl_kl, "k2": verl_mse, "k3": verl_low_var_kl},
    "slime": _SLIME,
    "stable-baselines3": {"approx_kl": ppo_approx_kl},
    "tinker-cookbook": {"kl_sample_train_v1": tinker_v1, "kl_sample_train_v2": tinker_v2},
    "torchforge": {"grpo": grpo},
    "torchrl": {"kl_to_ref": torchrl},
    "torchtune": {"grpo": grpo, "grpo_completion": grpo, "ppo": verl_kl},
    "trinity-rft": {
        **_OPENRLHF,
        "abs": verl_abs,
        "low_var_kl": verl_low_var_kl,
        "corrected_k3": corrected_k3,
    },
    "trl": {
        "approxkl": ppo_squared,
        "gmpo": grpo,
        "grpo": grpo,
        "gspo_token": grpo,
        "grpo_bias_correction": times_ratio(grpo),
        "grpo_sequence_ratio": times_ratio(grpo),  # of one token the geometric mean is its own ratio
        "ppo_k1": verl_kl,
        "ppo": verl_kl,
        "ppo_k3": openrlhf_k3,
        "rloo": verl_kl,
        "kl": verl_kl,
        "abs": verl_abs,
        "mse": verl_mse,
    },
    "trlx": {"kl_penalty": verl_kl, "mean_kl": upside_down},
    "tunix": {name: cast(code) for name, code in _TUNIX.items()},
    "unsloth": {"grpo": grpo},
    "verl": {
        **_VERL,
        **{f"{name}+": verl_plus(code) for name, code in _VERL.items()},
        "ppo_kl": lambda old, new, _: -torch.clamp(new - old, min=-20.0, max=20.0),
        **{
            f"{level}_{kind}": verl_rejection(kind)
            for level in ("token", "seq_sum", "seq_mean")
            for kind in ("k1", "k2", "k3")
        },
        "rollout_corr_kl": verl_rollout_kl,
        "rollout_corr_k3_kl": verl_rollout_k3,
    },
    "xtuner": {**_VERL},
}
"""What a name means in the newest release that has it."""

EARLIER: dict[str, Transcribed] = {
    "areal@0.3.3:k1": verl_kl,
    "colossalai@0.3.0:approx_kl": upside_down,
    "colossalai@0.3.6:approx_kl": openrlhf_k3,
    "cosmos-rl@0.2.5:grpo": grpo,
    "ms-swift@4.0.3:grpo": grpo,
    **{f"nemo-rl@0.6:{kind}": nemo(kind) for kind in ("k1", "k2", "k3")},
    **{f"nemo-rl@0.6:{kind}_on_policy": times_detached_ratio(nemo(kind)) for kind in ("k1", "k2", "k3")},
    "nemo-rl@0.4:k3": nemo_joschu2020_of_0_4,
    "nemo-rl@0.4:k3_on_policy": times_detached_ratio(nemo_joschu2020_of_0_4),
    "nemo-rl@0.3:k3": nemo_joschu2020,
    "nemo-rl@0.3:k3_on_policy": times_detached_ratio(nemo_joschu2020),
    **{f"openrlhf@0.8.5:{name}": cast(code) for name, code in _OPENRLHF.items()},
    "openrlhf@0.5.4:k1": openrlhf_k1,
    "openrlhf@0.5.4:k3": openrlhf_k3,
    "prime-rl@0.4:kl": prime_old_kl,
    **{f"tunix@0.1.5:{name}": code for name, code in _TUNIX.items()},
    "verl@0.4.0:low_var_kl": verl_low_var_kl_up_to_0_4_0,
}
"""By the qualified name of an entry that a later release changed."""
