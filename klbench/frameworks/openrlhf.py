"""OpenRLHF: k1, k2 and k3 in float32, from 0.8.6 all clamped to ±10 after exp.

Clamping after exp leaves NaN: where exp overflows the value is 10 and its gradient 0 · ∞.
"""

from __future__ import annotations

from klbench.estimators.vocabulary import Placement
from klbench.frameworks.arithmetic import K1, K2, K3, Arithmetic
from klbench.frameworks.entry import Entry, Source

_SOURCE = Source("OpenRLHF/OpenRLHF", "openrlhf/models/utils.py", "compute_approx_kl")
_K1 = "In the reward by default; there it is unbiased, and the clamp makes it biased where q has all but lost p."
_K2 = "Recommended where the KL is a loss: its gradient is that of the reverse KL{}."
_K3 = "In the loss it descends the forward KL{}."


def _entry(arithmetic: Arithmetic, placement: Placement, summary: str, clamp_value: float | None) -> Entry:
    return Entry(
        "openrlhf",
        arithmetic.name,
        arithmetic,
        _SOURCE,
        summary,
        placement=placement,
        clamp_value=clamp_value,
        cast="float32",
        since="" if clamp_value is None else "0.8.6",
        until="0.8.5" if clamp_value is None else "",
    )


ENTRIES = (
    _entry(K1, "reward", _K1, 10.0),
    _entry(K2, "loss", _K2.format(", up to |log r| = 4.47, where the clamp stops it"), 10.0),
    _entry(K3, "loss", _K3.format(", up to log r = 2.61, where the clamp stops it"), 10.0),
    _entry(K1, "reward", "The plain estimator, in the reward, before the clamp came.", None),
    _entry(K2, "loss", _K2.format(""), None),
    _entry(K3, "loss", _K3.format(""), None),
)
