"""prime-rl: the penalty holds the trainer near the rollout engine that sampled; only ref_kl has a reference model.

Here q is the trainer, the sampler the rollout engine, p the reference or teacher.
"""

from __future__ import annotations

from dataclasses import replace

from klbench.frameworks.arithmetic import K1, SQUARE, UPSIDE_DOWN_LOG_FIRST
from klbench.frameworks.entry import Entry, Source
from klbench.frameworks.framework import Framework
from klbench.frameworks.on_sequences import token_mean

_FILE = "src/prime_rl/trainer/rl/loss.py"
_REPOSITORY = "PrimeIntellect-ai/prime-rl"

_REF_KL = Entry(
    "prime-rl",
    "ref_kl",
    K1,
    Source(_REPOSITORY, _FILE, "the loss ref_kl"),
    "−log r, held constant, times the importance weight ρ = q/sampler: k1 in the reward, off-policy. The loss "
    "adds 1e-3 · log² ρ, and drops tokens whose probability fell by more than 0.2; both are left out here.",
    option="the loss ref_kl",
    since="0.7",
    placement="reward",
    weighting="ratio",
)

FRAMEWORKS = (
    Framework(
        "prime-rl",
        "0.8.0, 559b4477 of 2026-08-21, run",
        newest="0.8.0",
        coefficient="kl_tau, 1e-3",
        log_probs="trainer against rollout; against a reference in ref_kl alone",
        reward="at the current trainer's log-probabilities, detached",
        aggregation="sum over tokens over the global number of the loss's tokens; rejected tokens keep their KL",
        precision="float32 in the fused head, else that of the logits",
        in_loss=token_mean("over the global number of the loss's tokens"),
        in_reward=token_mean(
            "over the global number of the loss's tokens: each token has its own k1, which no return sums"
        ),
    ),
)
ENTRIES = (
    Entry(
        "prime-rl",
        "kl",
        SQUARE,
        Source(_REPOSITORY, _FILE, "kl_tau"),
        "It holds the policy near the one that sampled: 2·k2 of that pair, whose gradient is twice that of its KL. On "
        "samples of q itself it is 0, and so is its gradient.",
        since="0.5.0",
        against_sampler=True,
    ),
    _REF_KL,
    replace(_REF_KL, name="opd", option="the loss opd, called ref_kl from 0.7", since="0.6", until="0.6"),
    Entry(
        "prime-rl",
        "mismatch_kl",
        UPSIDE_DOWN_LOG_FIRST,
        Source(_REPOSITORY, _FILE, "mismatch_kl"),
        "Logged: the k3 of KL(sampler‖q), the rollout engine against the trainer. On samples of q itself it is 0.",
        placement=None,
        against_sampler=True,
    ),
    Entry(
        "prime-rl",
        "kl",
        K1,
        Source(_REPOSITORY, _FILE, "kl_tau"),
        "Subtracted from the advantage: k1 of q against the sampler, in the reward, times the importance ratio, all "
        "detached. Tokens outside the ratio masks drop out; that is left out here.",
        since="0.3",
        until="0.4",
        placement="reward",
        weighting="ratio",
        against_sampler=True,
    ),
)
