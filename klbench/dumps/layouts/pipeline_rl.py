"""PipelineRL: the streams of its actor and of its preprocessor, a list of sequences a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from klbench.dumps.columns import Columns
from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.flat import Flat, before_first_counted, has, token_ids
from klbench.dumps.layouts.layout import Layout, Opening
from klbench.dumps.names import Names
from klbench.dumps.row import Role, Row
from klbench.dumps.shapes import opened
from klbench.errors import SpecError

MASKED = -100
"""The label of a token that does not count."""


def _entries(record: Record) -> list[Record]:
    """The sequences of a line, a list of them or a single one; an empty list of log-probs is none."""
    if isinstance(record.value, Mapping):
        return [replace(record, value=_filled(record.value))]
    if not isinstance(record.value, list) or not all(isinstance(each, Mapping) for each in record.value):
        raise SpecError(f"{record.place}: this is no list of sequences", help=["as PipelineRL's streams have it"])
    return [
        Record(f"{record.place}, entry {at}", _filled(entry), record.around) for at, entry in enumerate(record.value)
    ]


def _filled(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if not (name.endswith("logprobs") and value == [])}


def _labels(record: Record) -> Any:
    labels = token_ids(record.value.get("labels"))
    return None if labels is None else [int(label != MASKED) for label in labels]


def _is(name: str) -> Callable[[Record], bool]:
    def recognises(record: Record) -> bool:
        value = record.value
        first = value[0] if isinstance(value, list) and value else value
        return has(first, "input_ids", "labels", name) and (name == "old_logprobs" or "old_logprobs" not in first)

    return recognises


class _Lists(Flat):
    """Flat records in lists."""

    def roles(self, record: Record, columns: Columns) -> tuple[Role, ...]:
        entries = _entries(record)
        return super().roles(entries[0], columns) if entries else ()

    def rows(self, record: Record, opening: Opening) -> Iterable[Row]:
        for entry in _entries(record):
            entry = replace(entry, value={name: opened(value) for name, value in entry.value.items()})
            yield from super().rows(entry, opening)


def _layout(name: str, sampler: str, said: str) -> Layout:
    names = Names(log_p=("ref_logprobs",), log_sampler=(sampler,), group=("group_id",))
    flat = _Lists(names, needs_mask=True, mask=_labels, prompt=before_first_counted("input_ids"))
    # the only KL of its loss
    return flat.layout(name, _is(sampler), said, "pipelinerl:approx_kl")


LAYOUTS = (
    _layout(
        "PipelineRL actor",
        "logprobs",
        "PipelineRL's actor: logprobs is the sampler's, ref_logprobs p, of the response's tokens alone; labels other "
        "than -100 count; groups by group_id",
    ),
    _layout(
        "PipelineRL training data",
        "old_logprobs",
        "PipelineRL's training data: old_logprobs is the sampler's, ref_logprobs p, filled with 0 on the left; labels "
        "other than -100 count; groups by group_id",
    ),
)
