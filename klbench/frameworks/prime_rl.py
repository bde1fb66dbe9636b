"""prime-rl: the squared log-ratio of the policy to the sampler; no reference model is involved."""

from __future__ import annotations

from klbench.frameworks.arithmetic import SQUARE
from klbench.frameworks.entry import Entry, Source

ENTRIES = (
    Entry(
        "prime-rl",
        "kl",
        SQUARE,
        Source("PrimeIntellect-ai/prime-rl", "src/prime_rl/trainer/rl/loss.py", "kl_tau"),
        "It holds the policy near the one that sampled: 2·k2 of that pair, whose gradient is twice that of its KL. On "
        "samples of q itself it is 0, and so is its gradient.",
        against_sampler=True,
    ),
)
