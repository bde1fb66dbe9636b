"""Spelling out letters that a terminal's encoding lacks, before the layout, so that columns stay aligned.

Only narrow encodings need it, such as ASCII and cp1252; for any other the content is returned as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from rich.box import Box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Span, Text

from klbench.letters import narrowed

Content = TypeVar("Content")

_OURS = "klbench.report."
"""The package whose dataclasses are spelled out; a name, because importing its modules would import torch."""
_LINES = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
"""Rich's SIMPLE_HEAD in ASCII; tables here have no other lines."""


def spelled(content: Content, encoding: str) -> Content:
    """The same content with the letters spelled out that ``encoding`` lacks."""
    if encoding.lower().replace("-", "").startswith("utf"):
        return content
    return cast(Content, _spelled(content, encoding))


def _spelled(content: Any, encoding: str) -> Any:
    if isinstance(content, str):
        return narrowed(content, encoding)
    if isinstance(content, tuple | list):
        return type(content)(_spelled(part, encoding) for part in content)
    if isinstance(content, Text):
        return _text(content, encoding)
    if isinstance(content, Table):
        return _table(content, encoding)
    if isinstance(content, Group):
        return Group(*(_spelled(part, encoding) for part in content.renderables))
    if isinstance(content, Padding):
        return _with(content, renderable=_spelled(content.renderable, encoding))
    is_ours = is_dataclass(content) and type(content).__module__.startswith(_OURS)
    return _dataclass(content, encoding) if is_ours else content


def _text(text: Text, encoding: str) -> Text:
    """The text spelled out, with its styles on the same letters as before."""
    plain = text.plain
    starts = [0]
    for at, letter in enumerate(plain):
        # with the letters before it, which decide whether a blank or a ^ is added
        until = len(narrowed(plain[: at + 1], encoding)) if not letter.isascii() else starts[-1] + 1
        starts.append(until)
    spans = [Span(starts[min(s.start, len(plain))], starts[min(s.end, len(plain))], s.style) for s in text.spans]
    return _with(text.copy(), plain=narrowed(plain, encoding), spans=spans)


def _table(table: Table, encoding: str) -> Table:
    columns = [
        replace(
            column,
            header=_spelled(column.header, encoding),
            _cells=[_spelled(cell, encoding) for cell in column.cells],
        )
        for column in table.columns
    ]
    return _with(table, columns=columns, box=table.box and _LINES)


def _dataclass(content: Any, encoding: str) -> Any:
    """A dataclass of the report, such as a summary, field by field; rows stay as they are."""
    held = {field.name: getattr(content, field.name) for field in fields(content)}
    changed = {name: _spelled(value, encoding) for name, value in held.items()}
    if "show" in held:
        changed["show"] = _Spelled(held["show"], encoding)
    return replace(content, **changed)


@dataclass(frozen=True)
class _Spelled:
    """A field's ``show`` with its text spelled out; two are equal if they show the same."""

    show: Callable[[Any], str]
    encoding: str

    def __call__(self, row: Any) -> str:
        return narrowed(self.show(row), self.encoding)


def _with(content: Content, **changed: Any) -> Content:
    """A copy with other values for some of its attributes."""
    changing = copy(content)
    for name, value in changed.items():
        setattr(changing, name, value)
    return changing
