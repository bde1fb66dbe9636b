"""open-instruct: the traces of its rollouts, a response a line."""

from __future__ import annotations

from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.flat import Flat, has, token_ids
from klbench.dumps.names import Names


def _group(record: Record) -> str | None:
    prompt = record.value.get("prompt_idx")
    return None if prompt is None else f"{record.value.get('step', '')}/{prompt}"


_FLAT = Flat(
    Names(log_sampler=("logprobs",)),
    group=_group,
    prompt=lambda record, _: token_ids(record.value.get("prompt_tokens")),
)
# kl_estimator 2 is its default
LAYOUT = _FLAT.layout(
    "open-instruct rollouts",
    lambda record: has(record.value, "logprobs", "response_tokens"),
    "open-instruct rollouts: logprobs is the sampler's; groups by step and prompt_idx; the file has no mask, so tokens "
    "of tools count too",
    "open-instruct:2",
)
