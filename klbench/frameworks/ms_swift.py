"""ms-swift: k3 in GRPO's loss, from 4.0.4 clamped as verl clamps it, and k1 in the reward by option."""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import mean_of_means, mean_of_sums

_NOW = "swift/rlhf_trainers/grpo_trainer.py"

FRAMEWORKS = (
    Framework(
        "ms-swift",
        "4.5.2, 3602360a of 2026-08-22, run",
        newest="4.5.2",
        coefficient="beta; kl_in_reward, off but for RLOO and REINFORCE++",
        log_probs="the trainer's: in the loss the current policy against the reference. The detached weight of the "
        "rollout multiplies the loss after the KL was added, and so the KL with it, unlike TRL",
        reward="at the old policy's log-probabilities",
        aggregation="by loss_type: grpo and sapo the mean of the means of sequences, bnpo the token mean, dr_grpo over "
        "B × the longest length, dapo, cispo and fipo over the tokens of the whole batch; 'real' adds a token mean",
        precision="TRL's selective log_softmax",
        in_loss=mean_of_means(
            "loss_type grpo, the default, and sapo; bnpo the token mean, dapo, cispo and fipo over the tokens of the "
            "whole "
            "batch, dr_grpo over B × the longest length"
        ),
        in_reward=mean_of_sums("summed over the tokens of a sequence first, in the reward of the sequence"),
    ),
)
ENTRIES = (
    Entry(
        "ms-swift",
        "grpo",
        K3_LOG_FIRST,
        Source("modelscope/ms-swift", _NOW, "per_token_kl"),
        "k3 in the loss, clamped as in verl: it descends the forward KL while neither clamp is active.",
        since="4.0.4",
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
    Entry(
        "ms-swift",
        "kl_in_reward",
        K1,
        Source("modelscope/ms-swift", _NOW, "kl_in_reward"),
        "k1 in the reward, summed over the tokens of a sequence first: give the sequence as a power, N(0, 1)**10.",
        option="kl_in_reward on, the default of RLOO and REINFORCE++",
        since="3.10.0",
        placement="reward",
    ),
    Entry(
        "ms-swift",
        "grpo",
        K3_LOG_FIRST,
        Source("modelscope/ms-swift", f"{_NOW}; before 4.0.0 swift/trainers/rlhf_trainer/grpo_trainer.py"),
        "k3 in the loss, not clamped before 4.0.4: it descends the forward KL.",
        until="4.0.3",
    ),
)
