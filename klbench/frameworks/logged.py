"""KL(old policy‖new policy), which PPO implementations log and stop early by, on the old policy's samples.

Here q is the old policy, which drew the samples, and p the new one. Nothing is differentiated.
"""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K2, K3_ONE_FIRST
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import token_mean

_CLEANRL = Source("vwxyzjn/cleanrl", "cleanrl/ppo.py", "approx_kl")
_RL4LMS = "allenai/RL4LMs"
_LMHP = Source("openai/lm-human-preferences", "lm_human_preferences/train_policy.py")
_ROLES = " q is the old policy and p the new one."
_REWARD = "k1 in the reward of each token: its gradient is that of the reverse KL."
_SAME = "of one engine, the old policy against the new one"

FRAMEWORKS = (
    Framework(
        "cleanrl",
        "fe8d8a03 of 2026-04-20, run",
        coefficient="target_kl, none: it is only logged",
        log_probs=_SAME,
        aggregation="mean over the minibatch",
        precision="float32",
        logged=token_mean("of the minibatch's steps"),
    ),
    Framework(
        "stable-baselines3",
        "2.8.0, e05d2dbe of 2026-06-15, run",
        newest="2.8.0",
        coefficient="target_kl, none: it is only logged",
        log_probs=_SAME,
        aggregation="mean over the minibatch; the mean over minibatches is logged",
        precision="float32",
        logged=token_mean("of the minibatch's steps; then the mean over minibatches"),
    ),
    Framework("rl4lms", "97df0bd of 2023-03, run", log_probs="the trainer's against the reference", reward=""),
    Framework("lm-human-preferences", "run", log_probs="the trainer's against the reference"),
    Framework("baselines", "run", log_probs=_SAME),
)
ENTRIES = (
    Entry(
        "cleanrl",
        "approx_kl",
        K3_ONE_FIRST,
        _CLEANRL,
        "Logged, and stops an epoch early." + _ROLES,
        placement=None,
    ),
    Entry("cleanrl", "old_approx_kl", K1, _CLEANRL, "Logged beside approx_kl, and noisier." + _ROLES, placement=None),
    Entry(
        "stable-baselines3",
        "approx_kl",
        K3_ONE_FIRST,
        Source("DLR-RM/stable-baselines3", "stable_baselines3/ppo/ppo.py", "approx_kl_div"),
        "Logged, and stops an epoch early past 1.5 · target_kl." + _ROLES,
        placement=None,
    ),
    Entry(
        "rl4lms",
        "approx_kl",
        K3_ONE_FIRST,
        Source(_RL4LMS, "", "approx_kl_div, as stable-baselines3 has it"),
        "Logged, and stops an epoch early." + _ROLES,
        placement=None,
    ),
    Entry("rl4lms", "kl_div", K1, Source(_RL4LMS, "", "the KL penalty of the reward"), _REWARD, placement="reward"),
    Entry("lm-human-preferences", "kl", K1, _LMHP, _REWARD, placement="reward"),
    Entry("lm-human-preferences", "approxkl", K2, _LMHP, "½(new − old)², logged." + _ROLES, placement=None),
    Entry(
        "baselines",
        "approxkl",
        K2,
        Source("openai/baselines", "baselines/ppo2/model.py", "approxkl"),
        "½(new − old)², logged." + _ROLES,
        placement=None,
    ),
)
