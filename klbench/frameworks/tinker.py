"""Tinker's cookbook logs how far the trainer is from the engine that sampled, as k1 and k2 of KL(sampler‖trainer).

Its penalty to the base model is k1 less the mean over the batch, put into the advantages: no function of one token, so
it is no entry.
"""

from __future__ import annotations

from klbench.frameworks.arithmetic import K2, NEGATED_K1, Arithmetic
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import token_mean

_SOURCE = Source(
    "thinking-machines-lab/tinker-cookbook", "tinker_cookbook/rl/metrics.py", "compute_kl_sample_train", read=True
)


def _logged(name: str, arithmetic: Arithmetic, value: str) -> Entry:
    return Entry(
        "tinker-cookbook",
        name,
        arithmetic,
        _SOURCE,
        f"Logged: the {value} of KL(sampler‖q), the sampler against the trainer. On samples of q itself it is 0.",
        placement=None,
        against_sampler=True,
    )


FRAMEWORKS = (
    Framework(
        "tinker-cookbook",
        "9dfcc3a2 of 2026-08-19, read and not run",
        log_probs="the sampler's against the trainer's in what is logged; the sampler's against the base model's in "
        "the "
        "penalty, which is k1 less its mean over the batch, added to the advantages, and no entry here",
        aggregation="mean over the tokens of all actions",
        logged=token_mean("of the tokens of all actions"),
    ),
)
ENTRIES = (
    _logged("kl_sample_train_v1", NEGATED_K1, "k1"),
    _logged("kl_sample_train_v2", K2, "k2"),
)
