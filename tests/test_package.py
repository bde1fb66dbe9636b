"""klbench as a package: what is in it, what it says of itself, and that its name alone imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
import yaml

import klbench
from klbench import versions

ROOT = Path(klbench.__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

CFF_KEYS = {
    *("abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords"),
    *("license", "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact"),
    *("repository-code", "title", "type", "url", "version"),
}
"""The keys of a file in the Citation File Format 1.2."""


def test_the_citation_is_of_its_format() -> None:
    assert {"cff-version", "message", "title", "authors"} <= CITATION.keys() <= CFF_KEYS
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["type"] == "software"
    texts = {key: CITATION[key] for key in ("message", "title", "abstract", "version", "license")}
    assert {key for key, value in texts.items() if not isinstance(value, str)} == set()
    assert [author for author in CITATION["authors"] if author.keys() != {"name"}] == []


def test_the_citation_is_in_step_with_the_project() -> None:
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert CITATION["keywords"] == PROJECT["keywords"]
    assert CITATION["authors"] == PROJECT["authors"]


def test_the_version_is_that_of_the_project() -> None:
    assert klbench.__version__ == PROJECT["version"]


def test_there_is_a_version_without_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> str:
        raise PackageNotFoundError

    monkeypatch.setattr(versions, "version", missing)
    assert versions.installed("klbench") is None


def test_its_names_are_there_and_documented() -> None:
    assert set(klbench.__all__) <= set(dir(klbench))
    assert [name for name in klbench.__all__ if name != "__version__" and not getattr(klbench, name).__doc__] == []
    with pytest.raises(AttributeError, match="nothing"):
        _ = klbench.nothing


@pytest.mark.parametrize("name", ["__version__", "SpecError", "RunError", "read_spec", "Results"])
def test_a_name_imports_no_more_than_it_needs(name: str) -> None:
    heavy = "print(sorted({'torch', 'pandas', 'scipy'} & set(sys.modules)))"
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import klbench; klbench.{name}; {heavy}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names of the files in the wheel and in the sdist, without the sdist's folder."""
    folder = str(tmp_path_factory.mktemp("dist"))
    wheels = pytest.importorskip("hatchling.builders.wheel", reason="builds a wheel")
    sdists = pytest.importorskip("hatchling.builders.sdist", reason="builds an sdist")
    (wheel,) = wheels.WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
    (sdist,) = sdists.SdistBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
    with zipfile.ZipFile(wheel) as zipped, tarfile.open(sdist) as tarred:
        return {
            "wheel": set(zipped.namelist()),
            "sdist": {name.partition("/")[2] for name in tarred.getnames()},
        }


def test_the_wheel_has_what_an_installation_needs(built: dict[str, set[str]]) -> None:
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "klbench").rglob("*.py")}
    configs = {f"klbench/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    texts = {str(path.relative_to(ROOT)) for path in (ROOT / "klbench" / "texts").iterdir()}
    assert "klbench/texts/known_dump.jsonl" in texts
    assert {"klbench/py.typed", "klbench/identity/computed.json", *sources, *configs, *texts} - built["wheel"] == set()
    assert {name for name in built["wheel"] if name.startswith(("tests", "results", "benchmarks"))} == set()


def test_the_sdist_has_what_its_tests_need(built: dict[str, set[str]]) -> None:
    tests = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")}
    files = {"klbench/py.typed", "CITATION.cff", "LICENSE", "README.md", "klbench.schema.json", "pyproject.toml"}
    assert (files | tests) - built["sdist"] == set()


def test_the_source_is_marked_as_typed() -> None:
    assert (ROOT / "klbench/py.typed").is_file()
    assert "Typing :: Typed" in PROJECT["classifiers"]
