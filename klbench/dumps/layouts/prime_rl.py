"""prime-rl: the trainer's export of tokens, a sequence a line."""

from __future__ import annotations

from klbench.dumps.layouts.flat import Flat, before_first_counted, has
from klbench.dumps.names import Names

_FLAT = Flat(
    Names(log_q=("trainer_logprobs",), log_sampler=("inference_logprobs",), mask=("loss_mask",)),
    needs_mask=True,
    drops_first=True,
    prompt=before_first_counted("token_ids", "input_ids", "tokens"),
)
# the file has no reference: what prime-rl itself logs of these two is mismatch_kl, the k3 of sampler against trainer
LAYOUT = _FLAT.layout(
    "prime-rl token export",
    lambda record: has(record.value, "trainer_logprobs", "inference_logprobs"),
    "prime-rl token export: trainer_logprobs is q, inference_logprobs the sampler; position 0 dropped, whose entry is "
    "the log of one in so many tokens of the vocabulary",
    "prime-rl:mismatch_kl",
)
