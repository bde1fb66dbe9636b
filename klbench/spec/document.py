"""A YAML text as a tree of nodes that know their line and column.

The tree is built from PyYAML's events and never composed by it: nesting is bounded, keys are unique, tags are refused,
and aliases may be used as long as the document they expand to stays small.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from klbench.errors import Location, SpecError
from klbench.spec.nodes import LINE_END, MappingNode, Node, ScalarNode, SequenceNode, Source
from klbench.spec.refusal import shown

LONGEST = 4 * 2**20
DEEPEST = 32
MOST_NODES = 1_000_000

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_QUOTES = 'a distribution inside { } or [ ], or one that starts with {, needs quotes: q: "N({mu}, 1)"'

_WITH_PREFIXES = re.compile(r"[A-Za-z]\w*\(\{\s*[\"'].*")
_A_TREE = 'Tree({"": [0.5, 0.5], "0": [0.9, 0.1]})'
_SHORT = 80
"""Characters of an expression that a help quotes."""


def decode(data: bytes, name: str) -> str:
    """The text of a file.

    Raises:
        SpecError: it is too long, or not UTF-8.
    """
    if len(data) > LONGEST:
        raise SpecError(f"{name} has more than {LONGEST // 2**20} MiB", help=["a spec is a short YAML file"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{name} is not a text in UTF-8: byte {error.start + 1} is {data[error.start]:#04x}"
        raise SpecError(message, help=["a spec is a YAML file, encoded in UTF-8"]) from None


def read_document(source: Source) -> Node:
    """The one document of a text.

    Raises:
        SpecError: located; the text is empty, no YAML, too large, too deep, or uses what a spec has no use for.
    """
    _check_characters(source)
    builder = _Builder(source)
    root = builder.document()
    if root is None:
        location = source.location(1, 1)
        raise SpecError(f"{source.name} is empty", location=location, help=["klbench init writes a spec to start from"])
    return root


def _check_characters(source: Source) -> None:
    if len(source.text) > LONGEST:
        raise SpecError(f"{source.name} has more than {LONGEST} characters", help=["a spec is a short YAML file"])
    match = _UNPRINTABLE.search(source.text)
    if match:
        before = LINE_END.split(source.text[: match.start()])
        location = source.location(len(before), len(before[-1]) + 1)
        raise SpecError(f"unexpected character {match[0]!r}", location=location, help=["a spec is a YAML text"])


class _Builder:
    """Builds nodes from the events of one text."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._has_escapes = "\\" in source.text
        self._events = self._parsed()
        self._anchors: dict[str, Node | None] = {}

    def document(self) -> Node | None:
        """The first document, None where there is none; a second one is refused."""
        next(self._events)
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), depth=1, flow=False)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._error(after, "a second document starts here", "a file holds one spec; --- separates documents")
        return root

    def _parsed(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self._source.text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            location = self._mark(error.problem_mark or error.context_mark)
            raise SpecError(
                f"this is not YAML: {error.problem}",
                location=location,
                help=_advice(str(error.problem), self._source.line(location.line)),
            ) from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            raise SpecError(f"this is not YAML: {shown(str(error))}", location=self._source.location(1, 1)) from None

    def _mark(self, mark: Any) -> Location:
        """The place of one of PyYAML's marks; where that is blank, the end of what comes before."""
        if mark is None or not self._source.line(mark.line + 1).strip():
            return self._source.end(mark.line + 1 if mark else 1)
        return self._source.location(mark.line + 1, mark.column + 1)

    def _error(self, event: Any, message: str, *help: str) -> SpecError:
        return SpecError(message, location=self._mark(event.start_mark), help=help)

    def _node(self, event: Any, depth: int, flow: bool) -> Node:
        if depth > DEEPEST:
            raise self._error(event, "nested too deeply", f"at most {DEEPEST} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        if event.tag is not None:
            raise self._error(event, f"the tag {shown(event.tag)} is not allowed", "write the value without a tag")
        if event.anchor:
            self._anchors[event.anchor] = None
        node = self._content(event, depth, flow)
        if node.size > MOST_NODES:
            raise self._error(event, f"this expands to {node.size} values", f"at most {MOST_NODES} values in a spec")
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _content(self, event: Any, depth: int, flow: bool) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, flow)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _aliased(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            raise self._error(event, f"the alias *{event.anchor} has no anchor", f"write &{event.anchor} before it")
        node = self._anchors[event.anchor]
        if node is None:
            raise self._error(event, f"the alias *{event.anchor} is inside itself")
        return node

    def _place(self, event: Any) -> dict[str, Any]:
        return {
            "source": self._source,
            "line": event.start_mark.line + 1,
            "column": event.start_mark.column + 1,
        }

    def _scalar(self, event: Any, flow: bool) -> ScalarNode:
        node = ScalarNode(**self._place(event), text=event.value, plain=event.style in (None, ""))
        if flow and node.plain and node.text.count("(") > node.text.count(")"):
            raise self._split(node)
        if self._has_escapes and _UNPRINTABLE.search(node.text):
            raise self._error(event, f"unexpected character in {shown(node.text)}")
        return node

    def _split(self, node: ScalarNode) -> SpecError:
        """The error for ``{q: N(0, 1)}``, which YAML cuts at the comma."""
        location = node.location()
        whole = _balanced(location.text[node.column - 1 :])
        message = f"inside {{ }} and [ ] a text with round brackets needs quotes: this reads {shown(node.text)}"
        advice = (
            f"write it with quotes: {_in_quotes(whole)}" if whole.endswith(")") else "a round bracket is not closed"
        )
        return SpecError(message, location=location, help=[advice])

    def _sequence(self, event: Any, depth: int) -> SequenceNode:
        items: list[Node] = []
        while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(inner, depth + 1, bool(event.flow_style)))
        return SequenceNode(**self._place(event), items=tuple(items), size=1 + sum(item.size for item in items))

    def _mapping(self, event: Any, depth: int) -> MappingNode:
        keys: dict[str, ScalarNode] = {}
        values: dict[str, Node] = {}
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            key = self._key(inner, depth, bool(event.flow_style))
            if key.text in keys:
                first = keys[key.text].line
                raise self._error(
                    inner, f"the key {shown(key.text)} is given twice", f"the first one is in line {first}"
                )
            keys[key.text] = key
            values[key.text] = self._node(next(self._events), depth + 1, bool(event.flow_style))
        size = 1 + sum(value.size for value in values.values())
        return MappingNode(**self._place(event), keys=keys, values=values, size=size)

    def _key(self, event: Any, depth: int, flow: bool) -> ScalarNode:
        key = self._node(event, depth + 1, flow)
        if not isinstance(key, ScalarNode):
            raise self._error(event, "a key is a list or a mapping", "a key is a word", _QUOTES)
        return key


def _advice(problem: str, line: str) -> list[str]:
    if "\\t" in problem or line.lstrip(" ").startswith("\t"):
        return ["indent with spaces, not tabs"]
    if tree := _WITH_PREFIXES.search(line):
        whole = _balanced(tree[0])
        shown = whole if whole.endswith(")") and len(whole) <= _SHORT else _A_TREE
        return [f"a distribution with {{ and : in it needs quotes around all of it: {_in_quotes(shown)}"]
    return [_QUOTES] if "{" in line or "[" in line else []


def _in_quotes(text: str) -> str:
    """A text in the quotes that it has not inside itself."""
    return f"'{text}'" if '"' in text else f'"{text}"'


def _balanced(text: str) -> str:
    """The start of ``text`` up to where its round brackets close, all of it where they do not."""
    depth = 0
    for index, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ")" and depth == 0:
            return text[: index + 1]
    return text.strip()
