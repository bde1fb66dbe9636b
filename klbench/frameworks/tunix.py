"""tunix: kl by default in GRPO's loss, where it does nothing; in float32 from 0.1.6."""

from __future__ import annotations

from dataclasses import replace

from klbench.frameworks.arithmetic import K1, K2, K3_LOG_FIRST, Arithmetic
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import mean_of_means

_SOURCE = Source("google/tunix", "tunix/rl/common.py", "compute_kl_divergence")
_CLAMP = " From 0.1.7 its value can be clamped by kl_clamp_value, which is off by default."


def _entry(name: str, arithmetic: Arithmetic, summary: str, option: str) -> Entry:
    return Entry("tunix", name, arithmetic, _SOURCE, summary, option=option, since="0.1.6", cast="float32")


def _before(entry: Entry) -> Entry:
    """The entry up to 0.1.5, in the dtype of the log-probabilities."""
    summary = f"{entry.summary} Nothing is cast before 0.1.6."
    return replace(entry, summary=summary, since="", until="0.1.5", cast="")


_KL = _entry("kl", K1, "In the loss its mean gradient is 0.", "kl_loss_mode kl, the default of GRPO from 0.1.7")
_MSE_KL = _entry("mse_kl", K2, "Biased as a value, but its gradient is that of the reverse KL.", "kl_loss_mode mse_kl")
_LOW_VAR_KL = _entry(
    "low_var_kl",
    K3_LOG_FIRST,
    "In the loss it descends the forward KL.",
    "kl_loss_mode low_var_kl; the default of GRPO up to 0.1.6, and of PPO, which puts it into the reward",
)
_ALL = (_KL, _MSE_KL, _LOW_VAR_KL)

FRAMEWORKS = (
    Framework(
        "tunix",
        "0.1.7, c7d8950f of 2026-08-21, run with torch in place of jax.numpy",
        newest="0.1.7",
        coefficient="beta, 0.04; PPO's loss has a kl of its own under kl_coef",
        log_probs="GRPO: the current policy against the reference. PPO: the old policy against it, in the reward",
        reward="at the old policy's log-probabilities",
        aggregation="GRPO: sequence-mean-token-mean (default), token-mean, seq-mean-token-sum, sum-norm, a scale; "
        "PPO's loss over the denominator of the policy's term; PPO's reward per token",
        precision="float32",
        either=True,
        in_loss=mean_of_means(
            "GRPO; token-mean, seq-mean-token-sum and a norm by option. PPO's loss is over the denominator of the "
            "policy's "
            "term"
        ),
    ),
)
ENTRIES = (*(replace(entry, summary=entry.summary + _CLAMP) for entry in _ALL), *map(_before, _ALL))
