"""OpenRLHF: k1, k2 and k3; in float32 from 0.5.5, and all clamped to ±10 after exp from 0.8.6.

Clamping after exp leaves NaN: where exp overflows the value is 10 and its gradient 0 · ∞. Up to 0.4.5 there is k1
alone, then a flag for k3, and the three by name from 0.6.0.post1.
"""

from __future__ import annotations

from dataclasses import replace

from klbench.estimators.vocabulary import Placement
from klbench.frameworks.arithmetic import K1, K2, K3_ONE_FIRST, Arithmetic
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import mean_of_sums, token_mean

_SOURCE = Source("OpenRLHF/OpenRLHF", "openrlhf/models/utils.py", "compute_approx_kl")
_CLAMPED_SINCE, _BY_NAME_SINCE, _FLAG_SINCE, _CAST_SINCE = "0.8.6", "0.6.0.post1", "0.4.6", "0.5.5"
_K2 = "Its gradient in the loss is that of the reverse KL{}; it is in the reward unless the loss is asked for."
_K3 = "In the loss it descends the forward KL{}; it is in the reward unless the loss is asked for."


def _now(arithmetic: Arithmetic, placement: Placement, summary: str) -> Entry:
    option = f"--algo.kl.estimator {arithmetic.name}" + (", the default" if arithmetic.name == "k1" else "")
    if placement == "loss":
        option += "; --algo.kl.use_loss, off by default, as the command line advises for it"
    return Entry(
        "openrlhf",
        arithmetic.name,
        arithmetic,
        _SOURCE,
        summary,
        option=option,
        since=_CLAMPED_SINCE,
        placement=placement,
        clamp_value=10.0,
        cast="float32",
    )


def _unclamped(entry: Entry, since: str, summary: str) -> Entry:
    return replace(entry, summary=summary, since=since, until="0.8.5", clamp_value=None)


def _uncast(entry: Entry, since: str) -> Entry:
    summary = f"{entry.summary} Log-probabilities are not cast before 0.5.5."
    return replace(entry, summary=summary, since=since, until="0.5.4", cast="")


_NOW = (
    _now(
        K1,
        "reward",
        "In the reward by default; there it is unbiased, and the clamp makes it biased where q has all but lost p.",
    ),
    _now(K2, "loss", _K2.format(", up to |log r| = 4.47, where the clamp stops it")),
    _now(K3_ONE_FIRST, "loss", _K3.format(", up to log r = 2.61, where the clamp stops it")),
)
_BEFORE = (
    _unclamped(_NOW[0], _CAST_SINCE, "The plain estimator, in the reward, before the clamp came."),
    _unclamped(_NOW[1], _BY_NAME_SINCE, _K2.format("")),
    replace(
        _unclamped(_NOW[2], _CAST_SINCE, _K3.format("")),
        option="--use_kl_estimator_k3 up to 0.6.0, then --kl_estimator k3",
    ),
)

FRAMEWORKS = (
    Framework(
        "openrlhf",
        "0.11.0, 3c3be623 of 2026-08-13, run; the wheels of 0.4.5 to 0.6.0, read",
        newest="0.11.0",
        coefficient="--algo.kl.init_coef, 0.01; --algo.kl.use_loss, off. The main branch after 0.11.0 bounds log r "
        "before k3's exp and has --algo.kl.unbiased_gradient, off",
        log_probs="the trainer's: in the loss the current policy against the reference",
        reward="at the log-probabilities stored when the experience is made",
        aggregation="loss: token mean over the global batch (token_level_loss), or mean of the means of sequences. "
        "Reward: per token, not masked but for log-probabilities set to 0",
        precision="float32 from the logits",
        either=True,
        in_loss=token_mean("over the global batch, with token_level_loss; else the mean of the means of sequences"),
        in_reward=mean_of_sums(
            "per token in the reward, not masked but for log-probabilities set to 0; the return sums them"
        ),
    ),
    Framework(
        "labs-molt",
        "0.1.5, 2d62608 of 2026-08-06, read and not run",
        newest="0.2.1",
        log_probs="the trainer's against the reference; from 0.2.1 (release notes) a KL to the rollout policy too",
        reward="at the log-probabilities stored with the samples",
        precision="float32",
    ),
)


def _molt(arithmetic: Arithmetic, placement: Placement, summary: str, clamp_value: float | None) -> Entry:
    return Entry(
        "labs-molt",
        arithmetic.name,
        arithmetic,
        Source("NVIDIA-NeMo/labs-molt", "molt/models/utils.py", "compute_approx_kl", read=True),
        f"{summary} An infinite log r becomes ±30, NaN becomes 0.",
        placement=placement,
        clamp_value=clamp_value,
        cast="float32",
        replaced=30.0,
    )


ENTRIES = (
    *_NOW,
    *_BEFORE,
    _uncast(_BEFORE[0], ""),
    _uncast(_BEFORE[2], _FLAG_SINCE),
    _molt(K1, "reward", "Not clamped, unlike OpenRLHF's: in the reward its gradient is that of the reverse KL.", None),
    _molt(K2, "loss", "In the loss its gradient is that of the reverse KL, up to |log r| = 4.47.", 10.0),
    _molt(K3_ONE_FIRST, "loss", "In the loss it descends the forward KL, up to log r = 2.61.", 10.0),
)
