"""slime: the data of a training step (format 2), and the samples of a rollout."""

from __future__ import annotations

from typing import Any

from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.flat import Flat, has, token_ids
from klbench.dumps.names import Names
from klbench.dumps.shapes import first

FORMAT = 2


def is_train_data(record: Record) -> bool:
    """Whether a record is of slime's train data."""
    return record.around.get("format_version") == FORMAT and has(record.value, "log_probs")


def _is_rollout(record: Record) -> bool:
    return "rollout_id" in record.around and "format_version" not in record.around and has(record.value, "group_index")


def _prompt(length: str) -> Any:
    """The tokens before the response, whose length stands in a column."""

    def prompt(record: Record, mask: Any) -> tuple[int, ...] | None:  # noqa: ARG001
        ids = token_ids(record.value.get("tokens"))
        response = first(record.value.get(length))
        if ids is None or not isinstance(response, int | float) or not 0 <= response <= len(ids):
            return None
        return ids[: len(ids) - int(response)]

    return prompt


TRAIN = Flat(
    Names(
        log_q=("log_probs",),
        log_p=("ref_log_probs",),
        log_sampler=("rollout_log_probs",),
        mask=("loss_masks", "loss_mask"),
    ),
    prompt=_prompt("response_lengths"),
)
_ROLLOUT = Flat(
    Names(log_sampler=("rollout_log_probs",), mask=("loss_mask",), group=("group_index",)),
    prompt=_prompt("response_length"),
    rejected=lambda record: bool(record.value.get("remove_sample")),
)

LAYOUTS = (
    # k1, its default, is klbench's own k1 and measured anyway; low_var_kl is its k3, the only one with a clamp
    TRAIN.layout(
        "slime train data",
        is_train_data,
        "slime train data: log_probs is q before the update, ref_log_probs p, rollout_log_probs the sampler; "
        "loss_masks, where null, counts every token; groups by prompt tokens",
        "slime:low_var_kl",
    ),
    _ROLLOUT.layout(
        "slime rollout data",
        _is_rollout,
        "slime rollout data: rollout_log_probs is the sampler's; groups by group_index; removed samples do not count",
        "slime:low_var_kl",
    ),
)
