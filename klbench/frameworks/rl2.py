"""RL2: k1, k2 and k3, not clamped, in the loss or in the reward."""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K2, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework

_SOURCE = Source("ChenmienTan/RL2", "RL2/utils/algorithms.py", "compute_approx_kl")

FRAMEWORKS = (
    Framework(
        "rl2",
        "9161ede of 2026-05-20, run",
        coefficient="kl.coef; kl.type, loss, reward or advantage; loss_estimator and reward_estimator",
        log_probs="the trainer's: in the loss the current policy against the reference",
        reward="at the old policy's log-probabilities",
        either=True,
    ),
)
ENTRIES = (
    Entry("rl2", "k1", K1, _SOURCE, "In the loss its mean gradient is 0; in the reward it is that of the reverse KL."),
    Entry("rl2", "k2", K2, _SOURCE, "Biased as a value, but in the loss its gradient is that of the reverse KL."),
    Entry("rl2", "k3", K3_LOG_FIRST, _SOURCE, "In the loss it descends the forward KL."),
)
