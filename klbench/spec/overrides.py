"""Overrides from the command line: ``samples=1e6``, ``pairs.0.p=N(0.2, 1)``, put into the tree before it is judged.

A step of the path is a key, an index of a list, or the name of an entry (``pairs.close.p``). The value is YAML, and
what is wrong with it is located in the override itself; an option that stands for one, ``-n 1e6``, is quoted as an
option.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from klbench.errors import SpecError
from klbench.spec.document import read_document
from klbench.spec.nodes import MappingNode, Node, ScalarNode, SequenceNode, Source
from klbench.spec.refusal import shown

NAMES = OVERRIDE, OPTION = "override", "option"
_WRITTEN = "an override is KEY=VALUE, such as samples=1e6, seed=3 or pairs.0.p='N(0.2, 1)'"


@dataclass(frozen=True)
class Option:
    """An override that is an option of the command line: its ``flag`` as the help has it, the ``key`` of the spec it is
    put over, and its ``value``."""

    flag: str
    key: str
    value: str


def as_overrides(given: Mapping[str, object] | Sequence[str], **keys: object) -> tuple[str, ...]:
    """Overrides as the command line has them, from a mapping or from texts; ``keys`` that are not None come last.

    >>> as_overrides({"pairs.0.p": "N(0.2, 1)"}, samples=1000, seed=None)
    ('pairs.0.p=N(0.2, 1)', 'samples=1000')

    Raises:
        SpecError: a value that YAML cannot write.
    """
    named = {key: value for key, value in keys.items() if value is not None}
    if isinstance(given, Mapping):
        return tuple(f"{key}={_written(key, value)}" for key, value in {**given, **named}.items())
    texts = [given] if isinstance(given, str) else given
    return (*texts, *as_overrides(named))


def _written(key: str, value: object) -> str:
    """A value as YAML has it: a text as it is, so that it may be an expression, and JSON of anything else."""
    try:
        return value if isinstance(value, str) else json.dumps(value, default=_listed)
    except TypeError:
        help = ["a text, a number, or a list or mapping of these"]
        raise SpecError(f"{key} cannot be of type {type(value).__name__}", help=help) from None


def _listed(value: object) -> object:
    """Numbers and arrays of NumPy and torch as Python's own."""
    if not hasattr(value, "tolist"):
        raise TypeError
    return value.tolist()


def overridden(root: Node, override: str | Option) -> Node:
    """The tree with the override's value in its place.

    Raises:
        SpecError: located in the override; it is not ``key=value``, or its path leads nowhere.
    """
    if isinstance(override, Option):
        source = Source(OPTION, f"{override.flag} {override.value}")
        return _put(root, _steps(source, override.key), _value(source, len(override.flag) + 1))
    source = Source(OVERRIDE, override)
    path, equals, _ = override.partition("=")
    if not equals or not all(step.strip() for step in path.split(".")):
        raise SpecError(f"{shown(override)} is not an override", location=source.location(1, 1), help=[_WRITTEN])
    return _put(root, _steps(source, path), _value(source, len(path) + 1))


def _steps(source: Source, path: str) -> list[ScalarNode]:
    steps, column = [], 1
    for step in path.split("."):
        steps.append(ScalarNode(source=source, line=1, column=column, text=step.strip()))
        column += len(step) + 1
    return steps


def _value(source: Source, start: int) -> Node:
    """What an override says from ``start`` on, as a node whose columns count in the whole of it."""
    value = source.text[start:]
    if not value.strip():
        return ScalarNode(source=source, line=1, column=start + 1, text="")
    # Blanks in place of the key keep the columns right.
    return read_document(Source(source.name, " " * start + value, displayed=source.text))


def _put(node: Node, steps: list[ScalarNode], value: Node) -> Node:
    if not steps:
        return value
    step, *rest = steps
    match node:
        case MappingNode():
            inner = node.values.get(step.text, _empty(step))
            key = node.keys.get(step.text, step)
            return replace(
                node,
                keys={**node.keys, step.text: key if rest else step},
                values={**node.values, step.text: _put(inner, rest, value)},
            )
        case SequenceNode():
            index = _index(node, step)
            items = (*node.items[:index], _put(node.items[index], rest, value), *node.items[index + 1 :])
            return replace(node, items=items)
        case ScalarNode():
            message = f"there is no {shown(step.text)} in {shown(node.text)}"
            raise SpecError(message, location=step.location(), help=[_WRITTEN])


def _empty(key: ScalarNode) -> MappingNode:
    return MappingNode(source=key.source, line=1, column=key.column, keys={}, values={}, size=1)


def _index(node: SequenceNode, step: ScalarNode) -> int:
    names = [_name(item) for item in node.items]
    if step.text.isascii() and step.text.isdigit() and len(step.text) < 10 and int(step.text) < len(names):
        return int(step.text)
    if step.text in names:
        return names.index(step.text)
    named = [name for name in names if name]
    allowed = [f"an index from 0 to {len(names) - 1}", *([f"or a name: {', '.join(named)}"] if named else [])]
    raise SpecError(f"there is no entry {shown(step.text)}", location=step.location(), help=[" ".join(allowed)])


def _name(item: Node) -> str | None:
    name = item.values.get("name") if isinstance(item, MappingNode) else None
    return name.text if isinstance(name, ScalarNode) else None
