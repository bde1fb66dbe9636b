"""ColossalAI: ``approx_kl`` upside-down, then k3, then upside-down again and cut; today the reward has k1.

From 0.3.7 the function ``compute_approx_kl`` is gone. What is logged under its name there is upside-down, and the
log-ratio in its exponent is set to 0 from 10 on, so that past it the value is negative.
"""

from __future__ import annotations

from klbench.frameworks.arithmetic import CUT_UPSIDE_DOWN, K1, K3_LOG_FIRST, K3_ONE_FIRST, UPSIDE_DOWN
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import mean_of_means

_REPOSITORY = "hpcaitech/ColossalAI"
_OLD = Source(_REPOSITORY, "applications/Chat/coati/models/utils.py", "compute_approx_kl")
_NOW = Source(_REPOSITORY, "applications/ColossalChat/coati/models/utils.py", "compute_reward")
_CLASSIC = mean_of_means("the masked mean over the tokens of a sequence, in the reward of the sequence")

FRAMEWORKS = (
    Framework(
        "colossalai",
        "0.5.1, 4f9953be of 2026-04-09, run",
        newest="0.5.1",
        log_probs="the trainer's against the reference",
        reward="at the log-probabilities stored with the samples",
        aggregation="up to 0.3.6 the masked mean over tokens, in the reward of the sequence. Now: reward per token; "
        "GRPO the mean of the means of sequences (sample_level) or over tokens (token_level)",
        precision="that of the logits",
        in_loss=mean_of_means("loss_variation sample_level; token_level is the token mean"),
    ),
)
ENTRIES = (
    Entry(
        "colossalai",
        "approx_kl",
        CUT_UPSIDE_DOWN,
        _NOW,
        "Logged, while the reward has k1: k3's formula on log q − log p, which is set to 0 in the exponent from 10 on.",
        since="0.3.7",
        placement=None,
    ),
    Entry(
        "colossalai",
        "kl",
        K1,
        _NOW,
        "k1 in the reward of each token: its gradient is that of the reverse KL.",
        since="0.3.7",
        placement="reward",
    ),
    Entry(
        "colossalai",
        "grpo",
        K3_LOG_FIRST,
        Source(_REPOSITORY, "applications/ColossalChat/coati", "the KL of GRPO's loss"),
        "k3 in the loss, not clamped: it descends the forward KL.",
        since="0.3.7",
    ),
    Entry(
        "colossalai",
        "approx_kl",
        K3_ONE_FIRST,
        Source(_REPOSITORY, _OLD.file, "compute_approx_kl, _compute_approx_kl from 0.3.2"),
        "k3, averaged over the tokens of a sequence and subtracted from its reward.",
        since="0.3.1",
        until="0.3.6",
        placement="reward",
        on_sequences=_CLASSIC,
    ),
    Entry(
        "colossalai",
        "approx_kl",
        UPSIDE_DOWN,
        _OLD,
        "The classic Coati: averaged over the tokens of a sequence and subtracted from its reward.",
        since="0.2.5",
        until="0.3.0",
        placement="reward",
        on_sequences=_CLASSIC,
    ),
)
