"""NeMo-RL: the data of a training step, a sample a line, every field within a list of length one."""

from __future__ import annotations

from klbench.dumps.layouts.flat import Flat, before_first_counted, has
from klbench.dumps.names import Names

_FLAT = Flat(
    Names(
        log_q=("prev_logprobs",),
        log_p=("reference_policy_logprobs",),
        log_sampler=("generation_logprobs",),
        mask=("token_loss_mask",),
    ),
    needs_mask=True,
    drops_first=True,
    prompt=before_first_counted("token_ids"),
)
# k3 is the only type of its first releases, and the default since there are others
LAYOUT = _FLAT.layout(
    "NeMo-RL train data",
    lambda record: has(record.value, "prev_logprobs", "generation_logprobs"),
    "NeMo-RL train data: prev_logprobs is q before the update, generation_logprobs the sampler; length-1 lists opened; "
    "position 0 dropped; token_loss_mask times sample_loss_mask counts; groups by prompt tokens",
    "nemo-rl:k3",
)
