"""Frameworks and papers with one estimator, GRPO's k3 in the loss: as it is, clamped as verl clamps it, or weighted."""

from __future__ import annotations

from klbench.frameworks.arithmetic import K3_LOG_FIRST, RATIO
from klbench.frameworks.entry import Entry, Source

_PLAIN = "k3 in the loss, unclamped: it descends the forward KL."
_CLAMPED = "k3 in the loss, clamped as in verl: it descends the forward KL while neither clamp holds."
_COSMOS = "cosmos_rl/policy/trainer/llm_trainer/grpo_trainer.py"

ENTRIES = (
    Entry(
        "ms-swift",
        "grpo",
        K3_LOG_FIRST,
        Source("modelscope/ms-swift", "swift/trainers/rlhf_trainer/grpo_trainer.py", "per_token_kl"),
        _CLAMPED,
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
    Entry(
        "cosmos-rl",
        "grpo",
        K3_LOG_FIRST,
        Source("nvidia-cosmos/cosmos-rl", _COSMOS, "compute_loss"),
        _CLAMPED,
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
    Entry(
        "cosmos-rl",
        "grpo_unbiased",
        K3_LOG_FIRST,
        Source("nvidia-cosmos/cosmos-rl", _COSMOS, "unbiased_kl_estimate"),
        "k3 times q/sampler, differentiated, and only then clamped: it descends the reverse KL while no clamp holds.",
        weight=RATIO,
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
    Entry(
        "torchtune", "grpo", K3_LOG_FIRST, Source("pytorch/torchtune", "torchtune/dev/rl/loss.py", "GRPOLoss"), _PLAIN
    ),
    Entry(
        "unsloth",
        "grpo",
        K3_LOG_FIRST,
        Source("unslothai/unsloth-zoo", "unsloth_zoo/rl_replacements.py", "grpo_compute_loss"),
        _PLAIN,
    ),
    Entry(
        "megatron-lm",
        "grpo",
        K3_LOG_FIRST,
        Source("NVIDIA/Megatron-LM", "megatron/rl/rl_utils.py", "calculate_grpo_loss"),
        _PLAIN,
    ),
    Entry(
        "deepseek",
        "unbiased_kl",
        K3_LOG_FIRST,
        Source("DeepSeek-V3.2 (2025), the technical report", "", "section 3.1, Unbiased KL Estimate"),
        "k3 times q/sampler, differentiated: it descends the reverse KL, off-policy too.",
        since="3.2",
        weighting="ratio",
    ),
)
