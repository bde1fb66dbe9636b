"""Trinity-RFT: the usual values, verl's clamped k3, and a k3 weighted by a ratio that is cut off at 2."""

from __future__ import annotations

from klbench.frameworks.arithmetic import ABSOLUTE, K1, K2, K3_LOG_FIRST, K3_ONE_FIRST, RATIO_UP_TO_TWO
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import token_mean

_SOURCE = Source("agentscope-ai/Trinity-RFT", "trinity/algorithm/kl_fn/kl_fn.py")

FRAMEWORKS = (
    Framework(
        "trinity-rft",
        "the wheels of 0.3.3, 0.4.0 and 0.6.0, read; two stored versions of the file, run as transcribed",
        newest="0.6.0",
        coefficient="kl_coef, 0.001; of PPO and GRPO the loss has k2 and the reward none",
        log_probs="the current trainer's against the reference; the old policy of the weight comes with the batch",
        reward="at the log-probabilities stored with the samples",
        aggregation="loss_agg_mode: token-mean, seq-mean-token-sum, seq-mean-token-mean, seq-mean-token-sum-norm (over "
        "a constant or the padded length). Reward: per token, times the mask",
        precision="verl's",
        either=True,
        in_loss=token_mean(
            "loss_agg_mode; the other three by option, of which the last divides by a constant or the padded length, "
            "which "
            "depends on the batch"
        ),
    ),
)
ENTRIES = (
    Entry("trinity-rft", "k1", K1, _SOURCE, "In the loss its mean gradient is 0."),
    Entry(
        "trinity-rft",
        "k2",
        K2,
        _SOURCE,
        "Biased as a value, but its gradient is that of the reverse KL.",
        option="kl_loss_fn k2, the default of PPO and GRPO",
    ),
    Entry("trinity-rft", "k3", K3_ONE_FIRST, _SOURCE, "In the loss it descends the forward KL."),
    Entry("trinity-rft", "abs", ABSOLUTE, _SOURCE, "In the loss it descends twice the total variation."),
    Entry(
        "trinity-rft",
        "low_var_kl",
        K3_LOG_FIRST,
        _SOURCE,
        "In the loss it descends the forward KL, while neither clamp is active.",
        clamp_log_ratio=20.0,
        clamp_value=10.0,
    ),
    Entry(
        "trinity-rft",
        "corrected_k3",
        K3_ONE_FIRST,
        _SOURCE,
        "k3 times min(ρ, 2), ρ = q/sampler, differentiated: it descends the reverse KL while ρ stays below 2; above, "
        "the ratio is a constant and its share of the gradient gone.",
        since="0.4.0",
        weight=RATIO_UP_TO_TWO,
    ),
)
