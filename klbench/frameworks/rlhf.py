"""The first RLHF frameworks: k1 in the reward, and a k3 upside-down beside it.

1/r − 1 + log r is k3's formula with q and p exchanged and the samples not: it is non-negative, grows as it should, and
its mean is χ²(q‖p) − KL(q‖p).
"""

from __future__ import annotations

from klbench.frameworks.arithmetic import K1, UPSIDE_DOWN
from klbench.frameworks.entry import Entry, Source

_REWARD = "k1 in the reward of each token: its gradient is that of the reverse KL."
_TRLX = "trlx/trainer/accelerate_ppo_trainer.py"

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
        Source("hiyouga/LLaMA-Factory", "src/llamafactory/train/ppo/trainer.py"),
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
    ),
    Entry(
        "colossalai",
        "approx_kl",
        UPSIDE_DOWN,
        Source("hpcaitech/ColossalAI", "applications/Chat/coati/models/utils.py", "compute_approx_kl"),
        "The classic Coati: averaged over the tokens of a sequence and subtracted from its reward.",
        placement="reward",
    ),
)
