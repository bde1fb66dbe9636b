"""SkyRL: the batch of a training step, opened as plain data; columns are [sequences, tokens], right-aligned."""

from __future__ import annotations

from typing import Any

from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.flat import Flat, has, token_ids
from klbench.dumps.names import Names


def _prompt(record: Record, mask: Any) -> tuple[int, ...] | None:
    """What stands before the response's columns and is no padding."""
    ids, there = token_ids(record.value.get("sequences")), token_ids(record.value.get("attention_mask"))
    if ids is None or there is None or mask is None or not len(mask) <= len(ids) == len(there):
        return None
    begin = len(ids) - len(mask)
    return tuple(one for one, counts in zip(ids[:begin], there[:begin], strict=True) if counts)


_FLAT = Flat(
    Names(
        log_q=("action_log_probs",),
        log_p=("base_action_log_probs",),
        log_sampler=("rollout_logprobs",),
        mask=("loss_mask",),
    ),
    needs_mask=True,
    prompt=_prompt,
)
# kl_estimator_type k3 is its default
LAYOUT = _FLAT.layout(
    "SkyRL training batch",
    lambda record: has(record.value, "action_log_probs", "sequences", "response_mask"),
    "SkyRL training batch: action_log_probs is q before the update, base_action_log_probs p, rollout_logprobs the "
    "sampler; loss_mask counts, whatever the padding; groups by prompt tokens",
    "skyrl:k3",
)
