"""verl: four values, of which only k3 is clamped, and from 0.8 names with ``+``: the same value, another gradient.

Up to 0.4.0 the log-ratio was not clamped, so that exp could overflow: the value was then 10 and its gradient NaN. From
0.4.1 it is clamped first. The second names k1, k2 and k3 are there from 0.4.0. A ``+`` puts the gradient of ½ log² r,
which descends the reverse KL, under any value; it is that of the unclamped square, so that no clamp stops it. Releases
before 0.8 refuse such a name.

XTuner, RLinf and EasyR1 have the four values too, as verl has them today.
"""

from __future__ import annotations

from dataclasses import replace

from klbench.frameworks.arithmetic import ABSOLUTE, K1, K2, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import mean_of_sums, not_settled, token_mean

_SOURCE = Source("verl-project/verl", "verl/trainer/ppo/core_algos.py", "kl_penalty")
_XTUNER = Source("InternLM/xtuner", "xtuner/v1/rl", "kl_penalty")
_RLINF = Source("RLinf/RLinf", "rlinf/algorithms", "kl_penalty")
_EASYR1 = Source("hiyouga/EasyR1", "verl/trainer/core_algos.py", "compute_kl")
_SECOND_NAMES_SINCE = "0.4.0"


def _plus(entry: Entry) -> Entry:
    """The entry with a ``+`` after its name, meant for the loss."""
    return replace(
        entry,
        name=f"{entry.name}+",
        summary=f"The value of {entry.name} with the gradient of the unclamped ½ log² r, put there straight-through.",
        option="",
        since="0.8",
        aliases=tuple(f"{alias}+" for alias in entry.aliases),
        aliases_since="",
        placement="loss",
        straight_through=True,
    )


_KL = Entry(
    "verl",
    "kl",
    K1,
    _SOURCE,
    "In the reward its gradient is that of the reverse KL. In the loss its mean gradient is 0.",
    option="algorithm.kl_penalty kl, the default of the reward",
    since="0.1",
    aliases=("k1",),
    aliases_since=_SECOND_NAMES_SINCE,
    placement="reward",
)
_ABS = Entry("verl", "abs", ABSOLUTE, _SOURCE, "In the loss it descends twice the total variation.", since="0.1")
_MSE = Entry(
    "verl",
    "mse",
    K2,
    _SOURCE,
    "Biased as a value, but in the loss its gradient is that of the reverse KL.",
    since="0.1",
    aliases=("k2",),
    aliases_since=_SECOND_NAMES_SINCE,
)
_LOW_VAR_KL = Entry(
    "verl",
    "low_var_kl",
    K3_LOG_FIRST,
    _SOURCE,
    "In the loss it descends the forward KL, and the clamp of the value to ±10 stops its gradient where the policy has "
    "lost a token the reference holds likely.",
    option="actor.kl_loss_type low_var_kl, the default of the loss",
    since="0.4.1",
    aliases=("k3",),
    clamp_log_ratio=20.0,
    clamp_value=10.0,
)
_OLD_LOW_VAR_KL = replace(
    _LOW_VAR_KL,
    summary="In the loss it descends the forward KL. The log-ratio is not clamped before 0.4.1: where exp overflows "
    "the value is 10 and its gradient NaN.",
    since="0.2",
    until="0.4.0",
    aliases_since=_SECOND_NAMES_SINCE,
    clamp_log_ratio=None,
)
_PLAIN = (_KL, _ABS, _MSE, _LOW_VAR_KL)
_PPO_KL = Entry(
    "verl",
    "ppo_kl",
    K1,
    Source("verl-project/verl", _SOURCE.file, "ppo_kl"),
    "Logged, with its log-ratio clamped: q is the old policy and p the new one.",
    placement=None,
    clamp_log_ratio=20.0,
)


def _as_in_verl(framework: str, source: Source, *, cast: str = "", second_names: bool = True) -> tuple[Entry, ...]:
    """The entries of a framework that has today's four values of verl."""
    return tuple(
        replace(
            entry,
            framework=framework,
            source=source,
            option="",
            since="",
            aliases=entry.aliases if second_names else (),
            aliases_since="",
            placement="loss",
            cast=cast,
        )
        for entry in _PLAIN
    )


_EASYR1_KL, *_EASYR1_OTHERS = _as_in_verl("easyr1", _EASYR1, cast="float32", second_names=False)
_IN_BOTH = "the current trainer's against the reference"

FRAMEWORKS = (
    Framework(
        "verl",
        "0.9.0, 1dda039b of 2026-08-22, run",
        newest="0.9.0",
        coefficient="actor.use_kl_loss, off, and actor.kl_loss_coef, 0.001; algorithm.use_kl_in_reward, off, and "
        "algorithm.kl_ctrl.kl_coef, 0.001",
        log_probs="the trainer's: in the loss the current policy against the reference",
        reward="at the old policy's log-probabilities, the trainer's (the rollout engine's in bypass mode)",
        aggregation="loss: loss_agg_mode, the same as the policy's: token-mean (default; over the global number of "
        "tokens), token-sum, seq-mean-token-sum, seq-mean-token-sum-norm (over loss_scale_factor, else the padded "
        "length), seq-mean-token-mean. Reward: per token, times the mask; the controller sees the mean over tokens, "
        "then over sequences",
        precision="flash-attention's cross-entropy on the model's logits, without it log_softmax in their dtype",
        either=True,
        in_loss=token_mean(
            "loss_agg_mode, as the policy's; the other three by option, of which the last divides by the padded "
            "length unless loss_scale_factor is set, and that depends on the batch"
        ),
        in_reward=mean_of_sums(
            "per token in the reward; the return sums them. The controller sees the mean over tokens, then over "
            "sequences"
        ),
        logged=token_mean("of each micro-batch"),
    ),
    Framework(
        "xtuner",
        "b934f462 of 2026-08-21, run",
        log_probs=_IN_BOTH,
        aggregation="sum of the values times the weights of the tokens",
        in_loss=not_settled("the values times the weights of the tokens, summed; what the weights are is not settled"),
    ),
    Framework(
        "rlinf",
        "a3816b59 of 2026-08-22, run",
        log_probs=f"{_IN_BOTH}. The FSDP actor of this state hands reference and policy over exchanged: k1 has its "
        "sign changed and k3 is upside-down there; a later commit mends it, and the Megatron actors are right",
        reward="at the log-probabilities stored with the samples",
        either=True,
    ),
    Framework(
        "easyr1",
        "0.3.2, b44b311b of 2026-07-30, run",
        newest="0.3.2",
        coefficient="use_kl_loss puts it into the loss instead of the reward",
        log_probs=_IN_BOTH,
        reward="at the log-probabilities stored with the samples",
        aggregation="by mode: token mean, or mean of the means of sequences",
        precision="float32",
        either=True,
        in_loss=not_settled(
            "by mode the token mean or the mean of the means of sequences; which is the default is not settled"
        ),
    ),
)
ENTRIES = (
    *_PLAIN,
    *(_plus(entry) for entry in _PLAIN),
    _OLD_LOW_VAR_KL,
    _PPO_KL,
    *_as_in_verl("xtuner", _XTUNER),
    *_as_in_verl("rlinf", _RLINF),
    replace(_EASYR1_KL, placement="reward"),
    *_EASYR1_OTHERS,
)
