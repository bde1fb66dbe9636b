"""Trinity-RFT: the usual values, verl's clamped k3, and a k3 weighted by a ratio that is cut off at 2."""

from __future__ import annotations

from klbench.frameworks.arithmetic import ABSOLUTE, K1, K2, K3, K3_LOG_FIRST, RATIO_UP_TO_TWO
from klbench.frameworks.entry import Entry, Source

_SOURCE = Source("modelscope/Trinity-RFT", "trinity/algorithm/kl_fn/kl_fn.py")

ENTRIES = (
    Entry("trinity-rft", "k1", K1, _SOURCE, "In the loss its mean gradient is 0."),
    Entry("trinity-rft", "k2", K2, _SOURCE, "Biased as a value, but its gradient is that of the reverse KL."),
    Entry("trinity-rft", "k3", K3, _SOURCE, "In the loss it descends the forward KL."),
    Entry("trinity-rft", "abs", ABSOLUTE, _SOURCE, "In the loss it descends twice the total variation."),
    Entry(
        "trinity-rft",
        "low_var_kl",
        K3_LOG_FIRST,
        _SOURCE,
        "In the loss it descends the forward KL, while neither clamp holds.",
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
    Entry(
        "trinity-rft",
        "corrected_k3",
        K3,
        _SOURCE,
        "k3 times min(q/sampler, 2), differentiated: it descends the reverse KL while the ratio stays below 2; above, "
        "the ratio is a constant and its share of the gradient gone.",
        weight=RATIO_UP_TO_TWO,
    ),
)
