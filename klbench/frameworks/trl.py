"""TRL: k3 in GRPO's loss, k1 or k3 in PPO's reward, k1 in RLOO's; nothing is clamped."""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, K3, K3_LOG_FIRST
from klbench.frameworks.entry import Entry, Source

_GRPO = Source("huggingface/trl", "trl/trainer/grpo_trainer.py", "per_token_kl")
_PPO = Source("huggingface/trl", "trl/trainer/ppo_trainer.py", "kl_estimator")
_RLOO = Source("huggingface/trl", "trl/trainer/rloo_trainer.py", "per_token_kl")

ENTRIES = (
    Entry("trl", "grpo", K3_LOG_FIRST, _GRPO, "k3 in the loss, multiplied by beta: it descends the forward KL."),
    Entry(
        "trl",
        "grpo_bias_correction",
        K3_LOG_FIRST,
        Source("huggingface/trl", "trl/trainer/grpo_trainer.py", "use_bias_correction_kl"),
        "k3 times the importance ratio that GRPO clips elsewhere, not clipped here and differentiated: it descends the "
        "reverse KL, off-policy too.",
        weighting="ratio",
    ),
    Entry(
        "trl",
        "ppo_k1",
        K1,
        _PPO,
        "The default of PPO, in the reward of each token.",
        aliases=("ppo",),
        placement="reward",
    ),
    Entry(
        "trl",
        "ppo_k3",
        K3,
        _PPO,
        "k3 in the reward of each token: its mean gradient is that of the reverse KL less the forward KL.",
        placement="reward",
    ),
    Entry(
        "trl",
        "rloo",
        K1,
        _RLOO,
        "k1 in the reward, summed over the tokens of a sequence first: give the sequence as a power, N(0, 1)**10.",
        placement="reward",
    ),
)
