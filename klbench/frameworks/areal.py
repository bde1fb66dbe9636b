"""AReaL: k1, k2 and k3 in float32, clamped to ±10, in the reward."""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K2, K3, Arithmetic
from klbench.frameworks.entry import Entry, Source

_SOURCE = Source("inclusionAI/AReaL", "areal/utils/data.py", "KLEstimator")


def _entry(arithmetic: Arithmetic, summary: str) -> Entry:
    return Entry(
        "areal", arithmetic.name, arithmetic, _SOURCE, summary, placement="reward", clamp_value=10.0, cast="float32"
    )


ENTRIES = (
    _entry(K1, "The default. In the reward its gradient is that of the reverse KL, while the clamp does not hold."),
    _entry(K2, "In the reward its gradient is not that of a KL; in the loss it would be."),
    _entry(K3, "In the reward its gradient is that of the reverse KL less that of the forward KL."),
)
