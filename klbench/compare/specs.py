"""What was asked for and what measured it: the keys of two specs that differ, and the versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from klbench.compare.side import Side

_LONGEST = 60
_PLACES = ("folder",)
"""Keys that say where files are, not what is measured."""
VERSIONS = ("klbench", "torch", "numpy", "python", "device")
"""What is told of where two manifests differ, in this order."""


@dataclass(frozen=True)
class Changed:
    """Something that is one thing in the first and another in the second; None where it is not there."""

    name: str
    a: str | None
    b: str | None

    @property
    def sentence(self) -> str:
        """``samples: 1000 → 4000``."""
        return f"{self.name}: {self.a or 'not there'} → {self.b or 'not there'}"


def changed(name: str, a: str | None, b: str | None) -> Changed:
    """The same with long texts shortened; an empty one is not there."""
    return Changed(_short(name), _short(a) if a else None, _short(b) if b else None)


def changed_keys(a: Side, b: Side) -> tuple[Changed, ...]:
    """The keys of the two specs that differ; none where one of them has no spec.

    Raises:
        SpecError: a spec cannot be read, located.
    """
    if a.spec is None or b.spec is None:
        return ()
    return tuple(each for each in _differing("", a.spec, b.spec) if each.name not in _PLACES)


def changed_versions(a: Side, b: Side) -> tuple[Changed, ...]:
    """The versions, and the device, that are known of both and differ."""
    pairs = ((name, a.versions.get(name), b.versions.get(name)) for name in VERSIONS)
    return tuple(changed(name, x, y) for name, x, y in pairs if x and y and x != y)


def same_streams(a: Side, b: Side) -> bool:
    """Whether both are of one minor version of klbench, as far as is known: then one seed is one stream."""
    minors = {tuple(side.versions["klbench"].split(".")[:2]) for side in (a, b) if "klbench" in side.versions}
    return len(minors) <= 1


def _differing(name: str, a: Any, b: Any) -> Iterator[Changed]:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in dict.fromkeys((*a, *b)):
            yield from _differing(f"{name}.{key}" if name else str(key), a.get(key), b.get(key))
    elif (one := _by_name(a)) is not None and (other := _by_name(b)) is not None:
        for key in dict.fromkeys((*one, *other)):
            yield from _differing(f"{name}[{key}]", one.get(key), other.get(key))
    elif a != b:
        yield changed(name, None if a is None else _text(a), None if b is None else _text(b))


def _by_name(values: Any) -> Mapping[str, Any] | None:
    """A list of mappings by their names, such as pairs; None of any other value."""
    if not (isinstance(values, Sequence) and values and all(isinstance(v, Mapping) and "name" in v for v in values)):
        return None
    named = {str(value["name"]): value for value in values}
    return named if len(named) == len(values) else None


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_text(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_text, value)) + "]"
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
