"""The tree of a YAML document: nodes that know where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from klbench.errors import Location
from klbench.spec.numbers import plain_scalar
from klbench.spec.refusal import Step

_UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class Source:
    """A text with its name, which errors begin with: a path, ``stdin``, ``override``.

    ``displayed`` is what errors quote, where that differs from the YAML itself; it has the same lines and columns.
    """

    def __init__(self, name: str, text: str, displayed: str | None = None) -> None:
        self.name = name
        self.text = text
        self._lines = LINE_END.split(text if displayed is None else displayed)
        self._showable: dict[int, str] = {}

    def location(self, line: int, column: int) -> Location:
        """The place with this line and column, both counted from 1."""
        if line not in self._showable:  # many errors may be in one line, and that may be very long
            self._showable[line] = _UNSHOWABLE.sub("\ufffd", self.line(line)).replace("\t", " ")
        return Location(self.name, line, column, self._showable[line])

    def end(self, line: int) -> Location:
        """Where the last text before the end of ``line`` ends."""
        while line > 1 and not self.line(line).strip():
            line -= 1
        return self.location(line, len(self.line(line).rstrip()) + 1)

    def line(self, line: int) -> str:
        """The text of a line; empty beyond the last."""
        return self._lines[line - 1] if line <= len(self._lines) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """Where a node starts, and how many nodes are in it, aliases expanded."""

    source: Source
    line: int
    column: int
    size: int = 1

    def location(self) -> Location:
        """Where the node starts."""
        return self.source.location(self.line, self.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarNode(_Placed):
    """One value. ``plain`` is unquoted: then it is a number, a truth value or null where it looks like one."""

    text: str
    plain: bool = True

    def character(self, offset: int) -> Location:
        """Where the character ``offset`` of the text stands; the start, where escapes or line ends hide that."""
        first = self.column - 1 + (not self.plain)
        if self.source.line(self.line).startswith(self.text, first):
            return self.source.location(self.line, first + offset + 1)
        return self.location()


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceNode(_Placed):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingNode(_Placed):
    """A mapping. ``keys`` and ``values`` have the same keys, in the order of the text."""

    keys: Mapping[str, ScalarNode]
    values: Mapping[str, Node]


Node = ScalarNode | SequenceNode | MappingNode


def plain_value(node: Node) -> object:
    """What the node says, in lists, dictionaries, texts and numbers."""
    match node:
        case ScalarNode():
            return plain_scalar(node.text) if node.plain else node.text
        case SequenceNode():
            return [plain_value(item) for item in node.items]
        case MappingNode():
            return {key: plain_value(value) for key, value in node.values.items()}


def find(root: Node, path: Iterable[Step], *, at_key: bool = False) -> Node:
    """The node at the end of ``path``, or its key; where the path leads nowhere, the last node on it."""
    node: Node = root
    key: Node = root
    for step in path:
        if isinstance(node, MappingNode) and step in node.values:
            key = node.keys[str(step)]
            node = node.values[str(step)]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
            node = key = node.items[step]
        else:
            return node
    return key if at_key else node
