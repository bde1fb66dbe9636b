"""The built-in specs: the files of configs/, inside the installed package or beside it in a checkout."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from klbench.errors import unknown
from klbench.spec.document import read_document
from klbench.spec.nodes import MappingNode, ScalarNode, Source

_SUFFIX = ".yaml"


def names() -> tuple[str, ...]:
    """The names of the built-in specs, sorted."""
    return tuple(sorted(_files()))


def text(name: str) -> str:
    """The YAML of a built-in spec.

    Raises:
        SpecError: there is none of that name.
    """
    if name not in _files():
        raise unknown("built-in spec", name, names())
    return _files()[name].read_text(encoding="utf-8")


def title(name: str) -> str:
    """The description of a built-in spec, one line; empty where it has none.

    Raises:
        SpecError: there is none of that name.
    """
    root = read_document(Source(name, text(name)))
    description = root.values.get("description") if isinstance(root, MappingNode) else None
    return " ".join(description.text.split()) if isinstance(description, ScalarNode) else ""


@cache
def _files() -> Mapping[str, Traversable]:
    packaged = files("klbench") / "configs"
    folder = packaged if packaged.is_dir() else Path(__file__).parents[2] / "configs"
    if not folder.is_dir():
        return {}
    return {file.name.removesuffix(_SUFFIX): file for file in folder.iterdir() if file.name.endswith(_SUFFIX)}
