"""SkyRL: verl's four values under shorter names; k3, the default, is the one that is clamped."""

from __future__ import annotations

from klbench.frameworks.arithmetic import ABSOLUTE, K1, K2, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source

_SOURCE = Source("NovaSky-AI/SkyRL", "skyrl/backends/skyrl_train/utils/ppo_utils.py", "compute_approx_kl")

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
        "The default. In the loss it descends the forward KL, while neither clamp holds.",
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
)
