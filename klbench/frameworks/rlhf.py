"""The first RLHF frameworks: k1 in the reward, and a k3 upside-down beside it.

1/r − 1 + log r is k3's formula with q and p exchanged and the samples not: it is non-negative, grows as it should, and
its mean is χ²(q‖p) − KL(q‖p).
"""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, UPSIDE_DOWN
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import mean_of_sums

_REWARD = "k1 in the reward of each token: its gradient is that of the reverse KL."
_TRLX = "trlx/trainer/accelerate_ppo_trainer.py"
_TRAINER = "the trainer's against the reference"
_STORED = "at the log-probabilities stored with the samples"

FRAMEWORKS = (
    Framework(
        "deepspeed-chat",
        "45b4b715 of 2026-03-29, run",
        coefficient="kl_ctl, 0.1",
        log_probs=_TRAINER,
        reward=_STORED,
        aggregation="reward per token; the tokens of the prompt are in the tensor and left out by an offset later",
        precision="that of the logits",
        in_reward=mean_of_sums(
            "per token in the reward; the return sums them, the prompt's tokens left out by an offset"
        ),
    ),
    Framework(
        "llama-factory",
        "0.9.5, ff6d4d12 of 2026-08-18, and the TRL 0.9.6 it requires, run",
        newest="0.9.5",
        coefficient="adaptive",
        log_probs=_TRAINER,
        reward=_STORED,
        aggregation="reward per token",
        precision="autocast",
    ),
    Framework(
        "trlx",
        "0.7.0, 3340c2f3 of 2024-01-09, run",
        newest="0.7.0",
        coefficient="adaptive",
        log_probs=_TRAINER,
        reward=_STORED,
        aggregation="mean_kl: sum over tokens, the prompt's included, times the attention mask, then the mean over "
        "sequences. Reward: per token",
        precision="that of the logits",
    ),
)
ENTRIES = (
    Entry(
        "deepspeed-chat",
        "kl",
        K1,
        Source(
            "deepspeedai/DeepSpeedExamples", "applications/DeepSpeed-Chat/dschat/rlhf/ppo_trainer.py", "compute_rewards"
        ),
        _REWARD,
        placement="reward",
    ),
    Entry(
        "llama-factory",
        "kl",
        K1,
        Source("hiyouga/LLaMA-Factory", "", "_kl_penalty of TRL (0.8.6 to 0.9.6, required at run time)"),
        _REWARD,
        placement="reward",
    ),
    Entry("trlx", "kl_penalty", K1, Source("CarperAI/trlx", _TRLX, "kl_penalty"), _REWARD, placement="reward"),
    Entry(
        "trlx",
        "mean_kl",
        UPSIDE_DOWN,
        Source("CarperAI/trlx", _TRLX, "mean_kl"),
        "What is logged as the KL and drives the KL controller, while the reward has k1.",
        placement=None,
        on_sequences=mean_of_sums("the tokens of the prompt are in the sum, times the attention mask"),
    ),
)
