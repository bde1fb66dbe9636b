"""NeMo-RL: k1, k2 and k3 clamped before and after, in the loss; from 0.7 times a weight of 1 whose gradient is not 0.

The weight exp(log q − sg log q) changes no value and every gradient: k1 and k3 now descend the reverse KL, and k2,
which did, the mean of k2. It multiplies before the value is clamped. (Where the clamp of the log-ratio holds, the
weight is detached as well; the clamp of the value holds there too, so nothing is left to detach.)
"""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K2, K3, SCORE, Arithmetic
from klbench.frameworks.entry import Entry, Source

_SOURCE = Source("NVIDIA-NeMo/RL", "nemo_rl/algorithms/utils.py", "calculate_kl")


def _before(arithmetic: Arithmetic, summary: str) -> Entry:
    return Entry(
        "nemo-rl",
        arithmetic.name,
        arithmetic,
        _SOURCE,
        summary,
        until="0.6",
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    )


def _now(arithmetic: Arithmetic, summary: str) -> Entry:
    return Entry(
        "nemo-rl",
        arithmetic.name,
        arithmetic,
        _SOURCE,
        summary,
        since="0.7",
        weight=SCORE,
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    )


ENTRIES = (
    _now(K1, "With its weight it descends the reverse KL, where up to 0.6 its gradient was 0 on average."),
    _now(K2, "With its weight it no longer descends the reverse KL, but its own mean."),
    _now(K3, "The default. With its weight it descends the reverse KL, where up to 0.6 it descended the forward KL."),
    _before(K1, "In the loss its mean gradient is 0."),
    _before(K2, "Biased as a value, but its gradient is that of the reverse KL."),
    _before(K3, "The default. In the loss it descends the forward KL."),
)
