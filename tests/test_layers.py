"""The order of ARCHITECTURE.md, held: a part of klbench imports what stands before it and nothing that stands after."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import klbench

ROOT = Path(klbench.__file__).parent
ORDER = (
    *("tolerances", "excerpt", "errors", "memory", "letters", "wording", "versions", "hardware", "files"),
    *(
        "distributions",
        "policies",
        "estimators",
        "frameworks",
        "users",
        "derived",
        "dumps",
        "models",
        "problems",
        "stats",
        "roads",
        "engines",
    ),
    *(
        "row",
        "results",
        "spec",
        "observer",
        "keeper",
        "measure",
        "runner",
        "resume",
        "shards",
        "identity",
        "report",
        "figures",
        "pages",
        "compare",
        "cli",
    ),
)
BY_NAME = {
    ("estimators/catalogue.py", "frameworks"),
    ("estimators/catalogue.py", "users"),
    ("results.py", "report"),
    ("results.py", "figures"),
    ("results.py", "compare"),
}
"""The catalogue of estimators finds frameworks' entries and users' functions too, once one is asked for by its name.
Results show themselves in a notebook, and compare themselves with others, once they are asked to."""


def imports(tree: ast.AST) -> Iterator[str]:
    """The parts of klbench that a file imports, other than for its types."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "name the whole path"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("klbench."))
        yield from imports(node)


def files() -> list[Path]:
    return sorted(
        path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in ("__init__.py", "__main__.py")
    )


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    inside = path.relative_to(ROOT)
    part = inside.parts[0].removesuffix(".py")
    found = {(str(inside), other) for other in imports(ast.parse(path.read_text(encoding="utf-8")))} - BY_NAME
    assert {other for _, other in found if ORDER.index(other) > ORDER.index(part)} == set()


def test_every_exception_is_needed() -> None:
    assert {(file, part) for file, part in BY_NAME if part in imports(ast.parse((ROOT / file).read_text()))} == BY_NAME


def test_every_part_has_its_place() -> None:
    parts = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in files()}
    assert parts == set(ORDER)


LONGEST_CHAIN = 16
"""Modules that import one another in a row: a file is read with at most these beneath it."""


def imported_at_once(path: Path) -> set[str]:
    """The modules of klbench that a file imports when it is imported: not for its types, not inside functions."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("klbench"):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_chain_of_imports_is_longer_than_one_can_follow() -> None:
    paths = {".".join(("klbench", *path.relative_to(ROOT).with_suffix("").parts)): path for path in files()}
    below = {module: imported_at_once(path) & set(paths) for module, path in paths.items()}
    chains: dict[str, tuple[str, ...]] = {}

    def chain(module: str) -> tuple[str, ...]:
        if module not in chains:
            chains[module] = (module, *max((chain(each) for each in sorted(below[module])), key=len, default=()))
        return chains[module]

    longest = max(map(chain, paths), key=len)
    assert len(longest) <= LONGEST_CHAIN, " > ".join(longest)
