"""The code behind a user's functions, as one number: another number, and an earlier run's sums are of other code.

Nothing is imported here. A module of the user's is read, and with it whatever it imports that stands in the same folder
or below; what is installed is taken to stay as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.machinery import PathFinder
from pathlib import Path

from klbench.users.theirs import current_folder


def code_of(functions: Iterable[str], folder: str | None = None) -> str:
    """A digest of the files behind functions named ``module:function``; the same for no functions.

    Args:
        folder: the one the command was given in, by default the current one.
    """
    seen: dict[Path, bytes] = {}
    for name in functions:
        for path in _files(name.partition(":")[0], Path(folder or current_folder())):
            _read(path, seen)
    parts = [path.name.encode() + b"\0" + text for path, text in sorted(seen.items())]
    return sha256(b"\0".join(parts)).hexdigest()


def _read(path: Path, seen: dict[Path, bytes]) -> None:
    """Read a file, and those beside it that it imports."""
    if path in seen:
        return
    try:
        seen[path] = path.read_bytes()
        tree = ast.parse(seen[path])
    except (OSError, SyntaxError, ValueError):
        return  # a module that cannot be read or compiled is refused when it is imported
    for module in _imports(tree):
        for imported in _files(module, path.parent, only_here=True):
            _read(imported, seen)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (".".join(filter(None, (node.module, alias.name))) for alias in node.names)
            yield node.module or ""


def _files(module: str, folder: Path, *, only_here: bool = False) -> Iterator[Path]:
    """The files that importing a module by its dotted name runs: those of the packages around it, and its own."""
    search: list[str] | None = [str(folder)]
    for step in filter(None, module.split(".")):
        found = PathFinder.find_spec(step, search)
        if found is None and search == [str(folder)] and not only_here:
            found = PathFinder.find_spec(step)
        if found is None:
            return
        if found.origin and found.origin.endswith(".py"):
            yield Path(found.origin)
        search = list(found.submodule_search_locations or ())
