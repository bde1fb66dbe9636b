"""open-instruct: four estimators by number, the log-ratio clamped to ±40, in the loss; k3 by expm1.

Every release calls them 0 to 3. The main branch called them kl1 to kl4 before there was a release.
"""

from __future__ import annotations

from klbench.estimators.vocabulary import Weighting
from klbench.frameworks.arithmetic import K1, K2, K3_EXPM1, Arithmetic
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import token_mean

_SOURCE = Source("allenai/open-instruct", "open_instruct/model_utils.py", "estimate_kl")


def _entry(number: int, arithmetic: Arithmetic, summary: str, weighting: Weighting = "none") -> Entry:
    return Entry(
        "open-instruct",
        str(number),
        arithmetic,
        _SOURCE,
        summary,
        option=f"kl_estimator {number}" + (", the default" if number == 2 else ""),
        weighting=weighting,
        clamp_log_ratio=40.0,
    )


FRAMEWORKS = (
    Framework(
        "open-instruct",
        "0.3.0, e6c3044a of 2026-08-20, run",
        newest="0.3.0",
        coefficient="beta, 0.05",
        log_probs="the current trainer's against the reference; ρ divides by the trainer's old policy, or by "
        "the rollout engine's with use_vllm_logprobs",
        aggregation="added to the token's loss; masked mean over all tokens of the batch, or over a constant "
        "(loss_denominator); the importance weight does not touch the KL",
        precision="that of the logits",
        in_loss=token_mean("over all tokens of the batch; over a constant with loss_denominator"),
    ),
)
ENTRIES = (
    _entry(0, K1, "In the loss its mean gradient is 0."),
    _entry(1, K2, "Biased as a value, but its gradient is that of the reverse KL."),
    _entry(2, K3_EXPM1, "In the loss it descends the forward KL."),
    _entry(3, K1, "−log r times ρ = q/sampler, differentiated: it descends the reverse KL, off-policy too.", "ratio"),
)
