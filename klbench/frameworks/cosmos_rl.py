"""Cosmos-RL: k3 in GRPO's loss, from 0.2.6 clamped as verl clamps it, and with an option weighted by q/sampler."""

from __future__ import annotations

from klbench.frameworks.arithmetic import K3_LOG_FIRST, RATIO
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import token_mean

_FILE = "cosmos_rl/policy/trainer/llm_trainer/grpo_trainer.py"
_SOURCE = Source("nvidia-cosmos/cosmos-rl", _FILE, "compute_loss")

FRAMEWORKS = (
    Framework(
        "cosmos-rl",
        "0.4.4, 89f2e5b5 of 2026-07-31, run",
        newest="0.4.4",
        coefficient="kl_beta, 0: the penalty is off unless it is set",
        log_probs="the current trainer's against the reference; the sampler of the weight is the trainer's old policy, "
        "or the rollout engine's by option",
        aggregation="token-mean (default), seq-mean-token-mean (or over unbiased_loss_max_tokens), seq-mean-token-sum, "
        "token-sum; averaged apart from the policy's loss",
        precision="that of the logits, float32 in logsumexp",
        in_loss=token_mean(
            "averaged apart from the policy's loss; seq-mean-token-mean (or over unbiased_loss_max_tokens), "
            "seq-mean-token-sum and a plain sum by option"
        ),
    ),
)
ENTRIES = (
    Entry(
        "cosmos-rl",
        "grpo",
        K3_LOG_FIRST,
        _SOURCE,
        "k3 in the loss, clamped as in verl: it descends the forward KL while neither clamp is active.",
        option="unbiased_kl_estimate off, the default",
        since="0.2.6",
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
    Entry(
        "cosmos-rl",
        "grpo_unbiased",
        K3_LOG_FIRST,
        Source("nvidia-cosmos/cosmos-rl", _FILE, "unbiased_kl_estimate"),
        "k3 times ρ = q/sampler, differentiated, then clamped: it descends the reverse KL unless a clamp is active.",
        option="unbiased_kl_estimate on",
        since="0.3.7",
        weight=RATIO,
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
    Entry(
        "cosmos-rl",
        "grpo",
        K3_LOG_FIRST,
        _SOURCE,
        "k3 in the loss, not clamped before 0.2.6: it descends the forward KL.",
        until="0.2.5",
    ),
)
