"""Frameworks that compute k3 by expm1, which loses no digit near r = 1: compose-rl, oat, TorchRL and the RLHF book."""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K2, K3_EXPM1, NEGATED_K1, ONE_MINUS_R, UPSIDE_DOWN_EXPM1, Arithmetic
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import another_mean, mean_of_means

_COMPOSE = Source("databricks/compose-rl", "compose_rl/utils/utils.py", "approx_kl")
_OAT = Source("sail-sg/oat", "oat/algorithms/ppo.py")
_BOOK = Source("natolambert/rlhf-book", "code/policy_gradients/loss.py", "get_approx_kl")


def _compose(name: str, arithmetic: Arithmetic, summary: str, option: str = "") -> Entry:
    return Entry("compose-rl", name, arithmetic, _COMPOSE, summary, option=option, clamp_log_ratio=40.0)


def _book(name: str, arithmetic: Arithmetic, summary: str, option: str = "") -> Entry:
    return Entry("rlhf-book", name, arithmetic, _BOOK, summary, option=option)


FRAMEWORKS = (
    Framework(
        "compose-rl",
        "0.8.0, ae56991 of 2025-07-30, run",
        newest="0.8.0",
        coefficient="kl_estimator, k1; kl_clip_range, 40",
        log_probs="the trainer's against the reference, in the loss or in the reward",
        either=True,
    ),
    Framework(
        "oat",
        "0.2.3, c1a074c of 2025-10-31, run",
        newest="0.2.3",
        log_probs="the trainer's against the reference",
        precision="float32",
    ),
    Framework(
        "torchrl",
        "0.13.3, ae9719f1 of 2026-08-22, read and not run",
        newest="0.13.3",
        log_probs="the trainer's against the reference; a transform of the reward subtracts k1",
        aggregation="mean over the padded tensor",
        in_loss=another_mean("the mean over the padded tensor: the length it divides by depends on the batch"),
    ),
    Framework(
        "rlhf-book",
        "a66b0bf1 of 2026-08-21, run",
        coefficient="beta; kl_estimator, kl3",
        log_probs="the trainer's against the reference, in the loss, and in the reward too",
        aggregation="mean of the means of sequences",
        either=True,
        in_loss=mean_of_means(),
    ),
)
ENTRIES = (
    _compose("k1", K1, "In the loss its mean gradient is 0.", "k1, the default"),
    _compose("k2", K2, "Biased as a value, but in the loss its gradient is that of the reverse KL."),
    _compose("k3", K3_EXPM1, "In the loss it descends the forward KL."),
    _compose(
        "k3_offpolicy",
        ONE_MINUS_R,
        "The derivative of k3 in log q, used as a value: its mean is 0, whatever q and p are.",
    ),
    Entry("oat", "kl3", K3_EXPM1, _OAT, "In the loss it descends the forward KL.", clamp_log_ratio=40.0),
    Entry("oat", "kl_rewards", K1, _OAT, "k1 in the reward of each token.", placement="reward"),
    Entry(
        "torchrl",
        "kl_to_ref",
        K3_EXPM1,
        Source("pytorch/rl", "torchrl/objectives/llm/grpo.py", "kl_to_ref_coeff", read=True),
        "k3 in the loss, not clamped: it descends the forward KL.",
    ),
    _book(
        "kl1", NEGATED_K1, "k1 with its sign changed: the mean of the value is −KL(q‖p). In the loss it does nothing."
    ),
    _book("kl2", K2, "Biased as a value, but in the loss its gradient is that of the reverse KL."),
    _book(
        "kl3",
        UPSIDE_DOWN_EXPM1,
        "k3 on log q − log p, where log p − log q belongs: it is another divergence, χ²(q‖p) − KL(q‖p).",
        "kl3, the default",
    ),
)
