"""Reading a spec: find the text, build the tree, put the overrides in, validate, and say where anything is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from klbench.errors import SpecError, is_surely, nearest
from klbench.spec import builtin
from klbench.spec.document import LONGEST, decode, read_document
from klbench.spec.fields import Reading
from klbench.spec.model import Spec
from klbench.spec.nodes import Source, plain_value
from klbench.spec.overrides import Option, overridden
from klbench.spec.placing import located
from klbench.spec.refusal import shown

STANDARD_INPUT = "-"


def read_spec(source: str | os.PathLike[str], overrides: Sequence[str | Option] = ()) -> Spec:
    """The spec in a file, on standard input (``-``) or built in (its name), with ``key=value`` overrides.

    Raises:
        SpecError: it cannot be found or read, or something in it is wrong, located.
    """
    name, text = _find_text(_place(source))
    return read_text(text, name, overrides, folder=str(Path(name).parent) if Path(name).is_file() else None)


def resolved(spec: Spec | str | os.PathLike[str], overrides: Sequence[str] = ()) -> Spec:
    """The spec that is meant: itself, or read as ``read_spec`` does; with overrides put over it.

    Raises:
        SpecError: as ``read_spec``.
    """
    if not isinstance(spec, Spec):
        return read_spec(spec, overrides)
    return read_text(spec.to_yaml(), spec.name, overrides) if overrides else spec


def read_text(
    text: str, source_name: str = "spec", overrides: Sequence[str | Option] = (), *, folder: str | None = None
) -> Spec:
    """The spec that a text writes; ``source_name`` is what its errors begin with.

    ``folder`` is that of the spec, by default the current one: files that it names are looked for there.

    Raises:
        SpecError: located in the text or in an override.
    """
    tree = read_document(Source(source_name, text))
    for override in overrides:
        tree = overridden(tree, override)
    written = plain_value(tree)
    place = _folder_of_files(written, folder)
    try:
        return Spec.model_validate(written, context=Reading(place)).written_as(tree, place)
    except ValidationError as error:
        raise located(error, tree) from None


def _folder_of_files(written: object, folder: str | None) -> str:
    """Where the files that a spec names are: its key ``folder``, seen from where it stands itself."""
    named = written.get("folder") if isinstance(written, dict) else None
    return str(Path(folder or "").absolute() / Path(named if isinstance(named, str) else ""))


def _place(source: object) -> str:
    """What names a spec, as text.

    Raises:
        SpecError: it names none.
    """
    if isinstance(source, os.PathLike):
        source = os.fspath(source)
    if not isinstance(source, str):
        raise SpecError(f"{shown(source)} is not a spec", help=["a path, a built-in name, or what read_spec returns"])
    if "\n" in source.strip():
        raise SpecError("this is the text of a spec, not where it is", help=["klbench.read_text reads a spec's text"])
    return source


def _find_text(source: str) -> tuple[str, str]:
    if source == STANDARD_INPUT:
        return "stdin", decode(sys.stdin.buffer.read(LONGEST + 1), "stdin")
    path = Path(source)
    try:
        if source in builtin.names() and not path.is_file():
            return f"{source} (built in)", builtin.text(source)
        with path.open("rb") as file:
            return source, decode(file.read(LONGEST + 1), source)
    except (FileNotFoundError, NotADirectoryError):
        raise SpecError(f"there is no spec {shown(source)}", help=_nearby(source)) from None
    except IsADirectoryError:
        raise SpecError(f"{shown(source)} is a folder", help=["name a spec in it"]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SpecError(f"{shown(source)} cannot be read: {reason}") from None


def _nearby(source: str) -> list[str]:
    """What was probably meant: a built-in spec or a file beside."""
    names = builtin.names()
    known = {**{name: name for name in names}, **_files_beside(Path(source))}
    near = nearest(Path(source).stem, known)
    hint = [] if near is None else [f"did you mean {known[near]}?"]
    if is_surely(Path(source).stem, near, known):
        return hint
    return [*hint, "a path, - for standard input, or a built-in spec: " + ", ".join(names)]


def _files_beside(path: Path) -> dict[str, str]:
    """The specs in the folder of ``path``, by their names without ending."""
    try:
        return {file.stem: str(file) for file in path.parent.iterdir() if file.suffix in (".yaml", ".yml")}
    except (OSError, ValueError):
        return {}
