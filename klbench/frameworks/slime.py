"""slime: k1 by default, in the loss, where it does nothing; low_var_kl alone is clamped, and only after exp.

``--use-unbiased-kl`` multiplies by q/sampler, differentiated, before that clamp.
"""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K2, K3, RATIO, Arithmetic
from klbench.frameworks.entry import Entry, Source

_SOURCE = Source("THUDM/slime", "slime/utils/ppo_utils.py", "compute_approx_kl")
_UNBIASED = Source("THUDM/slime", "slime/utils/ppo_utils.py", "compute_approx_kl with --use-unbiased-kl")


def _plain(arithmetic: Arithmetic, summary: str) -> Entry:
    return Entry("slime", arithmetic.name, arithmetic, _SOURCE, summary, cast="float32")


def _weighted(arithmetic: Arithmetic, summary: str) -> Entry:
    name = f"{arithmetic.name}_unbiased"
    return Entry("slime", name, arithmetic, _UNBIASED, summary, weighting="ratio", cast="float32")


ENTRIES = (
    _plain(K1, "The default. In the loss its mean gradient is 0."),
    _plain(K2, "Biased as a value, but its gradient is that of the reverse KL."),
    _plain(K3, "In the loss it descends the forward KL."),
    Entry(
        "slime",
        "low_var_kl",
        K3,
        _SOURCE,
        "k3 clamped after exp: past log r = 2.61 it has no gradient, and NaN where exp overflows.",
        clamp_value=10.0,
        cast="float32",
    ),
    _weighted(K1, "Times q/sampler, differentiated: it descends the reverse KL, off-policy too."),
    _weighted(K2, "Times q/sampler, differentiated: it descends its own mean and no longer the reverse KL."),
    _weighted(K3, "Times q/sampler, differentiated: it descends the reverse KL, off-policy too."),
    Entry(
        "slime",
        "low_var_kl_unbiased",
        K3,
        _UNBIASED,
        "k3 times q/sampler, differentiated, and only then clamped: a large weight alone can make the clamp hold.",
        weight=RATIO,
        clamp_value=10.0,
        cast="float32",
    ),
)
