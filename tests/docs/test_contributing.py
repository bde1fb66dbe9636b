"""CONTRIBUTING.md and ARCHITECTURE.md name what is there: files, folders, and the names to add to."""

from __future__ import annotations

import dataclasses
import re

import pytest

from klbench.distributions.catalogue import FAMILIES
from klbench.distributions.family import Family
from klbench.estimators.catalogue import estimators, families
from klbench.estimators.f_divergence import _ENTRIES
from klbench.frameworks import catalogue as shipped
from klbench.frameworks import roll
from klbench.frameworks.entry import Entry
from klbench.identity import computed
from klbench.measure import follows
from tests.docs.documents import ROOT, text

PLACE = re.compile(r"`((?:klbench|tests|configs|results)/[\w/.]*)`")
CODE = re.compile(r"`([A-Z]\w+|_[A-Z]+|\w+\.py)`")
SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for part in ("klbench", "tests") for path in (ROOT / part).rglob("*.py")
)


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_file_named_exists(name: str) -> None:
    named = [place for place in PLACE.findall(text(name)) if "NAME" not in place]
    assert [place for place in named if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_name_in_code_is_in_the_code(name: str) -> None:
    known = {path.name for path in (ROOT / "klbench").rglob("*.py")} | set(re.findall(r"\w+", SOURCES))
    assert [each for each in CODE.findall(text(name)) if each not in known] == []


def test_every_recipe_names_a_file_to_imitate() -> None:
    recipes = re.split(r"^## ", text("CONTRIBUTING.md"), flags=re.MULTILINE)[1:]
    recipes = [recipe for recipe in recipes if recipe.startswith(("A ", "An "))]
    assert len(recipes) >= 6
    for recipe in recipes:
        assert re.search(r"\*\*`[\w/.]+`\*\*", recipe), recipe.splitlines()[0]


def test_the_architecture_has_every_folder() -> None:
    folders = {f"klbench/{path.parent.name}/" for path in (ROOT / "klbench").glob("*/__init__.py")}
    rows = re.findall(r"^\| `(klbench/\w+/)`.*\| (.*) \|$", text("ARCHITECTURE.md"), re.MULTILINE)
    assert {folder for folder, _ in rows} == folders
    for folder, starts in rows:
        assert [name for name in re.findall(r"`([\w/.]+)`", starts) if not (ROOT / folder / name).exists()] == []


def test_what_is_added_to_is_what_is_listed() -> None:
    """What the recipes say to append to is where the catalogues and the list of `follows` come from."""
    assert {entry.name for entry in _ENTRIES} <= {estimator.name for estimator in estimators()}
    assert families()
    assert FAMILIES
    # the catalogue puts in the level and aggregation of the framework
    declared = {dataclasses.replace(entry, on_sequences=None) for entry in roll.ENTRIES}
    assert declared <= {dataclasses.replace(entry, on_sequences=None) for entry in shipped.entries()}
    assert {*follows._known()} < {*follows.LABELS}


def test_what_a_framework_s_entry_needs_is_what_an_entry_has() -> None:
    names = {field.name for field in dataclasses.fields(Entry)}
    assert {"since", "until", "on_sequences"} <= names
    assert {"scores", "unscored"} <= {field.name for field in dataclasses.fields(Family)}
    assert (ROOT / "klbench" / "identity" / computed.FILE).exists()
