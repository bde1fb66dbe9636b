"""verifiers and prime-rl: traces, which are trees of messages, and the results of older versions, turn by turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

from klbench.dumps.columns import Columns
from klbench.dumps.containers.container import Record
from klbench.dumps.layouts.flat import has, token_ids
from klbench.dumps.layouts.layout import Layout, Opening
from klbench.dumps.row import Role, Row
from klbench.dumps.shapes import fitted, mask_of
from klbench.errors import SpecError

_NAMES: Mapping[Role, str] = {
    "log_q": "trainer_logprobs",
    "log_p": "reference_logprobs",
    "log_sampler": "logprobs",
}
_GROUPS = ("task_id", "example_id", "key", "hash", "idx", "index", "id")


@dataclass(frozen=True)
class _Path:
    """A way from the first message to a last one: one sequence."""

    place: str
    nodes: tuple[Mapping[str, Any], ...]
    shared: bool
    group: str | int | None


def _is_traces(record: Record) -> bool:
    return any(isinstance(trace.get("nodes"), list) for trace in _traces(record))


def _traces(record: Record) -> list[Mapping[str, Any]]:
    if not isinstance(record.value, Mapping):
        return []
    traces = record.value.get("traces", [record.value])
    return [trace for trace in traces if isinstance(trace, Mapping)] if isinstance(traces, list) else []


def _roles(record: Record, columns: Columns) -> tuple[Role, ...]:
    _ensure_none_named(record, columns)
    nodes = [node for trace in _traces(record) for node in trace.get("nodes", []) if isinstance(node, Mapping)]
    return tuple(role for role, name in _NAMES.items() if any(node.get(name) for node in nodes))


def _ensure_none_named(record: Record, columns: Columns) -> None:
    if columns:
        help = ["its columns are found by the layout; write the neutral form for others"]
        raise SpecError(f"{record.place}: no column can be named in a file of this layout", help=help)


def _rows(record: Record, opening: Opening) -> Iterator[Row]:
    for path in _paths(record):
        parts = [_node(path.place, node, opening) for node in path.nodes]
        log_probs = {role: [each for part in parts for each in part.log_probs[role]] for role in opening.roles}
        mask = [each for part in parts for each in part.mask]
        if not mask:
            opening.notices.count("no tokens, as relays and clients for evaluation leave them: not read")
            continue
        if path.shared:
            opening.notices.count("shares sampled tokens with another branch of its trace: they are in each of them")
        ids = [each for part in parts for each in part.ids]
        begin = mask.index(1) if 1 in mask else 0
        yield Row(path.place, log_probs, mask, path.group, tuple(ids[:begin]) or None)


@dataclass(frozen=True)
class _Part:
    ids: Sequence[int]
    mask: list[int]
    log_probs: Mapping[Role, Sequence[float | None]]


def _node(place: str, node: Mapping[str, Any], opening: Opening) -> _Part:
    """A message's tokens; what has no log-probabilities and no token that counts has NaN for them."""
    ids = token_ids(node.get("token_ids") or []) or ()
    mask = [int(bool(each)) for each in mask_of(place, "mask", node.get("mask") or [0] * len(ids))]
    if len(mask) != len(ids):
        said = f"{place}: a message has {len(ids):,} tokens and a mask of {len(mask):,}"
        raise SpecError(said, help=["one entry of mask for each of token_ids"])
    columns = {role: (_NAMES[role], node.get(_NAMES[role]) or []) for role in opening.roles}
    if not any(mask):
        return _Part(ids, mask, {role: [nan] * len(mask) for role in opening.roles})
    log_probs, _ = fitted(place, columns, mask, opening.notices)
    return _Part(ids, mask, log_probs)


def _paths(record: Record) -> Iterator[_Path]:
    for at, trace in enumerate(_traces(record)):
        nodes = trace.get("nodes") or []
        place = record.place if len(_traces(record)) == 1 else f"{record.place}, trace {at}"
        if not all(isinstance(node, Mapping) for node in nodes):
            raise SpecError(f"{place}: a node is no object", help=["as verifiers writes traces.jsonl"])
        parents = [_parent(place, number, node, len(nodes)) for number, node in enumerate(nodes)]
        leaves = [number for number in range(len(nodes)) if number not in parents]
        paths = [_to_root(leaf, parents) for leaf in leaves]
        shared = {number for path in paths for number in path if sum(number in other for other in paths) > 1}
        group = _group(record.value, trace)
        for branch, path in enumerate(paths):
            where = place if len(paths) == 1 else f"{place}, branch {branch}"
            counts = any(any(nodes[number].get("mask") or []) for number in path if number in shared)
            yield _Path(where, tuple(nodes[number] for number in path), counts, group)


def _parent(place: str, number: int, node: Mapping[str, Any], nodes: int) -> int | None:
    """A parent stands before its child, so that no walk goes in a circle."""
    parent = node.get("parent")
    if parent is None:
        return None
    if type(parent) is not int or not 0 <= parent < number:
        help = [f"a node of {nodes} before it, or null"]
        raise SpecError(f"{place}: node {number} has the parent {parent!r}", help=help)
    return parent


def _to_root(leaf: int, parents: Sequence[int | None]) -> list[int]:
    path: list[int] = []
    number: int | None = leaf
    while number is not None:
        path.append(number)
        number = parents[number]
    return path[::-1]


def _group(episode: Mapping[str, Any], trace: Mapping[str, Any]) -> str | int | None:
    """What the answers to one task share: the task's own name, wherever this version has it."""
    tasks = [task for task in (episode.get("task"), trace.get("task")) if isinstance(task, Mapping)]
    data = [task["data"] for task in tasks if isinstance(task.get("data"), Mapping)]
    for place, names in ((episode, _GROUPS[:2]), (trace, _GROUPS[:2]), *((each, _GROUPS) for each in [*tasks, *data])):
        for name in names:
            value = place.get(name)
            if isinstance(value, str | int):
                return value
    value = episode.get("id")
    return value if isinstance(value, str | int) else None


def _steps(record: Record) -> list[Mapping[str, Any]]:
    steps = record.value.get("trajectory") if isinstance(record.value, Mapping) else None
    if not isinstance(steps, list):
        return []
    return [
        step["tokens"] for step in steps if isinstance(step, Mapping) and has(step.get("tokens"), "completion_logprobs")
    ]


def _legacy_roles(record: Record, columns: Columns) -> tuple[Role, ...]:
    _ensure_none_named(record, columns)
    return ("log_sampler",)


def _legacy_rows(record: Record, opening: Opening) -> Iterable[Row]:
    steps = _steps(record)
    for at, tokens in enumerate(steps):
        place = record.place if len(steps) == 1 else f"{record.place}, step {at}"
        mask = tokens.get("completion_mask")
        mask = None if mask is None else mask_of(place, "completion_mask", mask)
        columns: dict[Role, tuple[str, Any]] = {"log_sampler": ("completion_logprobs", tokens["completion_logprobs"])}
        log_probs, mask = fitted(place, columns, mask, opening.notices)
        group = record.value.get("example_id")
        prompt = token_ids(tokens.get("prompt_ids") or [])
        yield Row(place, log_probs, mask, group if isinstance(group, str | int) else None, prompt or None)


LAYOUTS = (
    Layout(
        "verifiers traces",
        lambda _, __: (
            "verifiers' traces: a branch from the first message to a last one is a sequence; logprobs is the "
            "sampler's, reference_logprobs p, trainer_logprobs q, one entry for each token that counts; groups by task"
        ),
        _is_traces,
        _roles,
        _rows,
        # None: prime-rl's own entries compare the trainer's log-probabilities, which its traces lack by default
    ),
    Layout(
        "verifiers results",
        lambda _, __: (
            "verifiers' results of older versions: completion_logprobs is the sampler's, a turn a sequence; groups by "
            "example_id"
        ),
        lambda record: bool(_steps(record)),
        _legacy_roles,
        _legacy_rows,
    ),
)
