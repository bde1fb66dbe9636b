"""slime: k1 by default, in the loss, where it does nothing; low_var_kl alone is clamped, and only after exp.

``--use-unbiased-kl`` multiplies by q/sampler, differentiated, before that clamp. 0.1 calls k1 ``kl``. miles, a fork of
slime, clamps the log-ratio of low_var_kl first.
"""

from __future__ import annotations

from dataclasses import replace

from klbench.frameworks.arithmetic import K1, K2, K3_ONE_FIRST, RATIO, Arithmetic
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import mean_of_means

_SOURCE = Source("THUDM/slime", "slime/utils/ppo_utils.py", "compute_approx_kl")
_UNBIASED = Source("THUDM/slime", "slime/utils/ppo_utils.py", "compute_approx_kl with --use-unbiased-kl")
_MILES = "miles/utils/ppo_utils.py"
_MEAN_OF_MEANS = mean_of_means("the token mean of the global batch with --calculate-per-token-loss")


def _plain(arithmetic: Arithmetic, summary: str, option: str = "") -> Entry:
    option = option or f"--kl-loss-type {arithmetic.name}"
    return Entry("slime", arithmetic.name, arithmetic, _SOURCE, summary, option=option, since="0.1.0", cast="float32")


def _weighted(plain: Entry, summary: str) -> Entry:
    return replace(
        plain,
        name=f"{plain.name}_unbiased",
        summary=summary,
        source=_UNBIASED,
        option=f"--kl-loss-type {plain.name} --use-unbiased-kl",
        since="0.2.1",
    )


_K1 = replace(_plain(K1, "In the loss its mean gradient is 0.", "--kl-loss-type k1, the default"), since="0.2.0")
_K2 = _plain(K2, "Biased as a value, but its gradient is that of the reverse KL.")
_K3 = _plain(K3_ONE_FIRST, "In the loss it descends the forward KL.")
_LOW_VAR_KL = replace(
    _plain(
        K3_ONE_FIRST,
        "k3 clamped after exp: past log r = 2.61 it has no gradient, and NaN where exp overflows.",
        "--kl-loss-type low_var_kl",
    ),
    name="low_var_kl",
    clamp_value=10.0,
)
_SLIME = (
    _K1,
    _K2,
    _K3,
    _LOW_VAR_KL,
    replace(
        _weighted(_K1, "Times ρ = q/sampler, differentiated: it descends the reverse KL, off-policy too."),
        weighting="ratio",
    ),
    replace(
        _weighted(_K2, "Times ρ = q/sampler, differentiated: it descends its own mean and no longer the reverse KL."),
        weighting="ratio",
    ),
    replace(
        _weighted(_K3, "Times ρ = q/sampler, differentiated: it descends the reverse KL, off-policy too."),
        weighting="ratio",
    ),
    replace(
        _weighted(
            _LOW_VAR_KL,
            "k3 times ρ = q/sampler, differentiated, and then clamped: a large weight alone can activate the clamp.",
        ),
        weight=RATIO,
    ),
)


def _miles(entry: Entry) -> Entry:
    where = _SOURCE.where if entry.source is _SOURCE else f"{_SOURCE.where} with an importance ratio"
    theirs = replace(entry, framework="miles", source=Source("radixark/miles", _MILES, where), since="")
    if "low_var_kl" not in entry.name:
        return theirs
    weighted = "k3 times ρ = q/sampler, differentiated, and then clamped" if entry.weight else "k3 clamped as in verl"
    summary = f"{weighted}: its log-ratio is clamped first, so that exp never overflows; NaN becomes 0."
    return replace(theirs, summary=summary, clamp_log_ratio=20.0, replaced=20.0)


FRAMEWORKS = (
    Framework(
        "slime",
        "0.3.1, 624b824a of 2026-08-21, run",
        newest="0.3.1",
        coefficient="--use-kl-loss, off; --kl-loss-coef, 0; --kl-coef puts any type into the reward, unweighted, where "
        "the returns of GRPO, GSPO and CISPO ignore it",
        log_probs="the current trainer's against the reference; the weight divides by the trainer's old policy, or the "
        "rollout engine's by option",
        reward="at the trainer's old log-probabilities, or the rollout engine's with --use-rollout-logprobs",
        aggregation="mean of the means of sequences (their sum over the global batch size); with "
        "--calculate-per-token-loss the token mean of the global batch",
        precision="float32 logits, asserted",
        either=True,
        in_loss=_MEAN_OF_MEANS,
    ),
    Framework(
        "miles",
        "31f1ca96 of 2026-08-21, run",
        coefficient="as in slime",
        log_probs="as in slime; it also logs a low_var_kl of rollout against trainer",
        reward="as in slime",
        aggregation="as in slime; a KL that is not finite is set to 0 in the loss",
        precision="float32",
        either=True,
        in_loss=_MEAN_OF_MEANS,
    ),
)
ENTRIES = (
    *_SLIME,
    replace(_K1, name="kl", option="--kl-loss-type kl, the default, called k1 from 0.2.0", since="0.1.0", until="0.1"),
    *map(_miles, _SLIME),
)
