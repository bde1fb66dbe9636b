"""AReaL: k1, k2 and k3 in float32, clamped to ±10, in the reward; before 0.3.4 k1 alone, not clamped."""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K2, K3_ONE_FIRST, Arithmetic
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import mean_of_sums

_SOURCE = Source("inclusionAI/AReaL", "areal/utils/data.py", "KLEstimator")
_BEFORE = Source("inclusionAI/AReaL", "", "the rewards of the PPO actor")


def _entry(arithmetic: Arithmetic, summary: str, option: str = "") -> Entry:
    return Entry(
        "areal",
        arithmetic.name,
        arithmetic,
        _SOURCE,
        summary,
        option=option,
        since="0.3.4",
        placement="reward",
        clamp_value=10.0,
        cast="float32",
    )


FRAMEWORKS = (
    Framework(
        "areal",
        "1.0.4, 4aef98d8 of 2026-05-21, run",
        newest="1.0.4",
        coefficient="kl_ctl, 0.1",
        log_probs="rollout against reference by default (recompute_logprob is off); the trainer's own where they are "
        "recomputed and not decoupled. A missing reference is taken as log-probability 0",
        reward="at the log-probabilities stored with the samples",
        aggregation="reward per token, on log-probabilities times the mask, 0 after the last token",
        precision="float32 log_softmax",
        in_reward=mean_of_sums("per token in the reward, 0 after the last token; the return sums them"),
    ),
)
ENTRIES = (
    _entry(
        K1, "In the reward its gradient is that of the reverse KL, while the clamp does not hold.", "k1, the default"
    ),
    _entry(K2, "In the reward its gradient is not that of a KL; in the loss it would be."),
    _entry(K3_ONE_FIRST, "In the reward its gradient is that of the reverse KL less that of the forward KL."),
    Entry(
        "areal",
        "k1",
        K1,
        _BEFORE,
        "The only one before 0.3.4: the plain estimator, in the reward.",
        until="0.3.3",
        placement="reward",
    ),
)
