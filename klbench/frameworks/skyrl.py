"""SkyRL: verl's four values under shorter names; k3, the default, is the one that is clamped."""

from __future__ import annotations

from klbench.frameworks.arithmetic import ABSOLUTE, K1, K2, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import mean_of_means

_SOURCE = Source("NovaSky-AI/SkyRL", "skyrl/backends/skyrl_train/utils/ppo_utils.py", "compute_approx_kl")

FRAMEWORKS = (
    Framework(
        "skyrl",
        "0.3.0, a9564572 of 2026-08-21, run",
        newest="0.3.0",
        coefficient="use_kl_loss, on; kl_loss_coef, 0.001; kl_estimator_type, k3",
        log_probs="the trainer's against the reference",
        reward="at the log-probabilities stored with the samples",
        aggregation="always the mean of the means of sequences, whatever loss_reduction is; averaged over "
        "micro-batches. Reward: per token",
        precision="flash-attention's cross-entropy, else that of the logits; autocast bfloat16",
        either=True,
        in_loss=mean_of_means("always, whatever loss_reduction is; averaged over micro-batches"),
    ),
)
ENTRIES = (
    Entry(
        "skyrl", "k1", K1, _SOURCE, "In the loss its mean gradient is 0; in the reward it is that of the reverse KL."
    ),
    Entry("skyrl", "abs", ABSOLUTE, _SOURCE, "In the loss it descends twice the total variation."),
    Entry("skyrl", "k2", K2, _SOURCE, "Biased as a value, but in the loss its gradient is that of the reverse KL."),
    Entry(
        "skyrl",
        "k3",
        K3_LOG_FIRST,
        _SOURCE,
        "In the loss it descends the forward KL, while neither clamp is active.",
        option="kl_estimator_type k3, the default",
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
)
