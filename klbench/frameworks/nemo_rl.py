"""NeMo-RL, in four eras.

0.1 to 0.3 have k3 alone, not clamped; 0.4 clamps its log-ratio; 0.5 has k1, k2 and k3, clamped before and after; from
0.7 they are multiplied by a weight of 1 whose gradient is not 0. That weight, exp(log q − sg(log q)), changes no value
and every gradient: k1 and k3 now descend the reverse KL, and k2, which did, the mean of k2. It multiplies before the
value is clamped, and is detached where the log-ratio is clamped.

``use_on_policy_kl_approximation`` puts q/rollout in its place: up to 0.6 detached and multiplied last, from 0.7
differentiated, before the value's clamp, and detached where the log-ratio is clamped.
"""

from __future__ import annotations

from dataclasses import replace

from klbench.frameworks.arithmetic import K1, K2, K3_LOG_FIRST, K3_ONE_FIRST, SCORE, STOPPING_RATIO, Arithmetic
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import token_mean

_SOURCE = Source("NVIDIA-NeMo/RL", "nemo_rl/algorithms/utils.py", "calculate_kl")
_BEFORE = Source("NVIDIA-NeMo/RL", "nemo_rl/algorithms/utils.py", "calculate_kl_penalty_joschu2020")
_FORWARD = "In the loss it descends the forward KL."


def _clamped(arithmetic: Arithmetic, summary: str) -> Entry:
    """The entry of 0.5 and 0.6."""
    option = f"reference_policy_kl_type {arithmetic.name}" + (", the default" if arithmetic.name == "k3" else "")
    return Entry(
        "nemo-rl",
        arithmetic.name,
        arithmetic,
        _SOURCE,
        summary,
        option=option,
        since="0.5",
        until="0.6",
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    )


def _now(before: Entry, summary: str) -> Entry:
    return replace(before, summary=summary, since="0.7", until="", weight=SCORE)


def _named(entry: Entry, summary: str) -> Entry:
    option = f"{entry.option.removesuffix(', the default')}, use_on_policy_kl_approximation on (off by default)"
    return replace(entry, name=f"{entry.name}_on_policy", summary=summary, option=option)


def _weighted(entry: Entry) -> Entry:
    """The entry with the weight q/rollout, from 0.7."""
    return replace(
        _named(entry, f"{entry.name} times ρ = q/rollout, differentiated, before the value is clamped."),
        weight=STOPPING_RATIO,
    )


def _weighted_before(entry: Entry) -> Entry:
    """The entry with the weight q/rollout, up to 0.6."""
    return replace(
        _named(
            entry,
            f"{entry.name} times sg(ρ), ρ = q/rollout, after the clamps: its gradient is only reweighted.",
        ),
        since="0.2" if entry.since == "0.1" else entry.since,
        weighting="detached",
    )


_IN_0_6 = (
    _clamped(K1, "In the loss its mean gradient is 0."),
    _clamped(K2, "Biased as a value, but its gradient is that of the reverse KL."),
    _clamped(K3_ONE_FIRST, _FORWARD),
)
_WITH_0_7 = (
    _now(_IN_0_6[0], "With its weight it descends the reverse KL, where up to 0.6 its gradient was 0 on average."),
    _now(_IN_0_6[1], "With its weight it no longer descends the reverse KL, but its own mean."),
    _now(_IN_0_6[2], "With its weight it descends the reverse KL, where up to 0.6 it descended the forward KL."),
)
_OLD = (
    Entry("nemo-rl", "k3", K3_LOG_FIRST, _BEFORE, _FORWARD, since="0.4", until="0.4", clamp_log_ratio=20.0),
    Entry("nemo-rl", "k3", K3_LOG_FIRST, _BEFORE, f"{_FORWARD} Nothing is clamped.", since="0.1", until="0.3"),
)

FRAMEWORKS = (
    Framework(
        "nemo-rl",
        "0.7.0, 7ea279ab of 2026-08-22, run",
        newest="0.7.0",
        coefficient="reference_policy_kl_penalty, 0.01; use_kl_in_reward (REINFORCE++) subtracts the clamped value, "
        "unweighted, from the advantage instead",
        log_probs="the current trainer's, without top-k and top-p, against the reference; the weight of "
        "use_on_policy_kl_approximation divides by the rollout engine's",
        aggregation="token mean over the valid tokens of the global batch (default), or mean of the means of sequences",
        precision="float32",
        either=True,
        in_loss=token_mean("of the valid tokens of the global batch; the mean of the means of sequences by option"),
    ),
)
ENTRIES = (
    *_WITH_0_7,
    *map(_weighted, _WITH_0_7),
    *_IN_0_6,
    *map(_weighted_before, _IN_0_6),
    *_OLD,
    *map(_weighted_before, _OLD),
)
