"""ROLL: kl, abs and mse for the reward, and k3 for the loss, clamped to ±10 after exp. ChatLearn has that k3."""

from __future__ import annotations

from klbench.frameworks.arithmetic import ABSOLUTE, K1, K2, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import mean_of_means, not_settled

_SOURCE = Source("alibaba/ROLL", "roll/utils/functionals.py", "compute_approx_kl")
_CLAMPED = "The loss. The log-ratio is not clamped: where exp overflows the value is 10 and its gradient NaN."

FRAMEWORKS = (
    Framework(
        "roll",
        "0.3.0, 8eb27cc2 of 2026-08-19, run",
        newest="0.3.0",
        log_probs="the trainer's: in the loss the current policy against the reference",
        reward="at the old policy's log-probabilities",
        aggregation="loss: seq-mean-token-mean (default), token-mean, seq-mean-token-sum, seq-mean-token-sum-norm "
        "(over the padded length); masked inside the estimator. Reward: per token",
        precision="float32 logits",
        in_loss=mean_of_means(
            "token-mean, seq-mean-token-sum and seq-mean-token-sum-norm (over the padded length, which depends on the "
            "batch) by option"
        ),
    ),
    Framework(
        "chatlearn",
        "1.2.0, b7af31a9 of 2025-10-23, read and not run",
        newest="1.2.0",
        log_probs="the trainer's against the reference",
        aggregation="masked mean",
        in_loss=not_settled("a masked mean; over what is not settled"),
    ),
)
ENTRIES = (
    Entry("roll", "kl", K1, _SOURCE, "In the reward: its gradient is that of the reverse KL.", placement="reward"),
    Entry("roll", "abs", ABSOLUTE, _SOURCE, "In the reward its gradient is not that of a KL.", placement="reward"),
    Entry("roll", "mse", K2, _SOURCE, "In the reward its gradient is not that of a KL.", placement="reward"),
    Entry("roll", "k3", K3_LOG_FIRST, _SOURCE, _CLAMPED, clamp_value=10.0),
    Entry(
        "chatlearn",
        "grpo",
        K3_LOG_FIRST,
        Source("alibaba/ChatLearn", "chatlearn/algorithm/grpo_utils", "the KL of GRPO's loss", read=True),
        _CLAMPED + " It asserts that no value is infinite.",
        clamp_value=10.0,
    ),
)
