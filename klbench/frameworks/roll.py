"""ROLL: kl, abs and mse for the reward, and k3 for the loss, clamped to ±10 after an exp that may overflow."""

from __future__ import annotations

from klbench.frameworks.arithmetic import ABSOLUTE, K1, K2, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source

_SOURCE = Source("alibaba/ROLL", "roll/utils/functionals.py", "compute_approx_kl")

ENTRIES = (
    Entry("roll", "kl", K1, _SOURCE, "In the reward: its gradient is that of the reverse KL.", placement="reward"),
    Entry("roll", "abs", ABSOLUTE, _SOURCE, "In the reward its gradient is not that of a KL.", placement="reward"),
    Entry("roll", "mse", K2, _SOURCE, "In the reward its gradient is not that of a KL.", placement="reward"),
    Entry(
        "roll",
        "k3",
        K3_LOG_FIRST,
        _SOURCE,
        "The loss. The log-ratio is not clamped: where exp overflows the value is 10 and its gradient NaN.",
        clamp_value=10.0,
    ),
)
