"""open-instruct: four estimators by number, the log-ratio clamped to ±40, in the loss.

The only one to use expm1, so that k3 keeps its digits where q is near p. Older releases call them kl1 to kl4.
"""

from __future__ import annotations

from klbench.estimators.vocabulary import Weighting
from klbench.frameworks.arithmetic import K1, K2, K3_EXPM1, Arithmetic
from klbench.frameworks.entry import Entry, Source

_SOURCE = Source("allenai/open-instruct", "open_instruct/model_utils.py", "estimate_kl")


def _entry(number: int, arithmetic: Arithmetic, summary: str, weighting: Weighting = "none") -> Entry:
    return Entry(
        "open-instruct",
        str(number),
        arithmetic,
        _SOURCE,
        summary,
        aliases=(f"kl{number + 1}",),
        weighting=weighting,
        clamp_log_ratio=40.0,
    )


ENTRIES = (
    _entry(0, K1, "In the loss its mean gradient is 0."),
    _entry(1, K2, "Biased as a value, but its gradient is that of the reverse KL."),
    _entry(2, K3_EXPM1, "The default. In the loss it descends the forward KL."),
    _entry(3, K1, "−log r times q/sampler, differentiated: it descends the reverse KL, off-policy too.", "ratio"),
)
