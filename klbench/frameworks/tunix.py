"""tunix: kl by default in GRPO's loss, where it does nothing; a clamp of the value is there to be asked for."""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K2, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source

_SOURCE = Source("google/tunix", "tunix/rl/common.py", "compute_kl_divergence")
_CLAMP = " Its value can be clamped by an option, which is off by default."

ENTRIES = (
    Entry("tunix", "kl", K1, _SOURCE, "GRPO's default. In the loss its mean gradient is 0." + _CLAMP, cast="float32"),
    Entry(
        "tunix",
        "mse_kl",
        K2,
        _SOURCE,
        "Biased as a value, but its gradient is that of the reverse KL." + _CLAMP,
        cast="float32",
    ),
    Entry(
        "tunix", "low_var_kl", K3_LOG_FIRST, _SOURCE, "In the loss it descends the forward KL." + _CLAMP, cast="float32"
    ),
)
