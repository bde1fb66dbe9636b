"""Frameworks and papers with one estimator, GRPO's k3 in the loss; and the estimators of torchtune's PPO."""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import not_settled, of_the_sum, token_mean

_PLAIN = "k3 in the loss, not clamped: it descends the forward KL."
_CURRENT = "the current trainer's against the reference"

FRAMEWORKS = (
    Framework(
        "torchtune",
        "main, bd2a0fc7 of 2026-04-23, and 0.6.1, run",
        newest="0.6.1",
        log_probs=_CURRENT,
        reward="at the log-probabilities stored with the samples",
        aggregation="GRPOLoss the token mean; GRPOSimpleLoss and LinearGRPOLoss the mean of the means of sequences",
        precision="float32 in the chunked losses, else that of the logits",
        in_loss=token_mean(
            "GRPOLoss; GRPOSimpleLoss and LinearGRPOLoss are the mean of the means of sequences, GRPOCompletionLoss is "
            "torchtune:grpo_completion"
        ),
    ),
    Framework(
        "unsloth",
        "unsloth-zoo, ce232d6c of 2026-08-20, run",
        coefficient="beta, as in TRL; from a later commit use_bias_correction_kl is followed too, which TRL has on by "
        "default from 1.10",
        log_probs=_CURRENT,
        aggregation="TRL's loss types; the KL is added after the weight of the vLLM samples",
        precision="float32",
        in_loss=token_mean("by TRL's loss types, of which dapo is the default"),
    ),
    Framework(
        "megatron-lm",
        "core 0.19.0, d98e8a64 of 2026-08-22, run",
        newest="0.19.0",
        coefficient="kl_beta, 0.001",
        log_probs=_CURRENT,
        aggregation="sum over masked tokens over their number; the importance weight does not touch the KL",
        precision="that of the logits, float32 in the batch-invariant mode",
        in_loss=token_mean("of the global batch"),
    ),
    Framework(
        "deepseek",
        "the technical report of V3.2, 2025: a formula, no code",
        newest="3.2",
        log_probs="the old policy samples",
    ),
    Framework(
        "art",
        "779559fd of 2025-06, read and not run",
        log_probs=_CURRENT,
        aggregation="mean over the assistant's tokens",
        in_loss=token_mean("of the assistant's tokens"),
    ),
    Framework("torchforge", "6e77f0b3 of 2025-11-15, run", log_probs=_CURRENT),
    Framework(
        "pipelinerl",
        "58d39345 of 2026-06-19, read and not run",
        coefficient="kl_coef, 0.1; clamp_log_ratio_ref_new_value, 10 in the class and 5 in the shipped configuration",
        log_probs=_CURRENT,
        aggregation="sum over tokens over the batch size, or over the tokens of the group",
        precision="that of the logits",
        in_loss=not_settled("seq-mean-token-sum, or over the tokens of the group; which is the default is not settled"),
    ),
)
ENTRIES = (
    Entry(
        "torchtune",
        "grpo",
        K3_LOG_FIRST,
        Source("pytorch/torchtune", "torchtune/dev/grpo/loss.py", "GRPOLoss, GRPOSimpleLoss"),
        _PLAIN + " LinearGRPOLoss of torchtune/dev/rl/linear_grpo_loss.py is the same; GRPOCompletionLoss is "
        "torchtune:grpo_completion.",
        main_after="0.6.1",
    ),
    Entry(
        "torchtune",
        "grpo_completion",
        K3_LOG_FIRST,
        Source("pytorch/torchtune", "torchtune/dev/grpo/loss.py", "GRPOCompletionLoss"),
        "k3 in the loss, of the log-probabilities of a whole sequence, which are summed over its tokens first.",
        main_after="0.6.1",
        on_sequences=of_the_sum("log-probabilities are summed over the tokens of a sequence before the k3"),
    ),
    Entry(
        "torchtune",
        "ppo",
        K1,
        Source("pytorch/torchtune", "torchtune/rlhf/rewards.py", "get_rewards_ppo"),
        "k1 in the reward of each token: its gradient is that of the reverse KL.",
        placement="reward",
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
        since="0.15.0",
    ),
    Entry(
        "deepseek",
        "unbiased_kl",
        K3_LOG_FIRST,
        Source("DeepSeek-V3.2 (2025), the technical report", "", "section 3.1, Unbiased KL Estimate, a formula"),
        "k3 times ρ = q/sampler, differentiated: it descends the reverse KL, off-policy too.",
        since="3.2",
        weighting="ratio",
    ),
    Entry("art", "grpo", K3_LOG_FIRST, Source("OpenPipe/ART", "", "the KL of GRPO's loss", read=True), _PLAIN),
    Entry("torchforge", "grpo", K3_LOG_FIRST, Source("meta-pytorch/torchforge", "", "the GRPO loss"), _PLAIN),
    Entry(
        "pipelinerl",
        "approx_kl",
        K3_LOG_FIRST,
        Source("ServiceNow/PipelineRL", "pipelinerl/finetune/rl/__init__.py", "rl_step", read=True),
        "k3 in the loss with its log-ratio clamped: past log r = 10 it has no gradient.",
        option="clamp_log_ratio_ref_new_value 10, the default of the class; the shipped configuration has 5",
        clamp_log_ratio=10.0,
    ),
)
