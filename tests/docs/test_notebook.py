"""The notebook runs, from the first cell to the last, and shows what it says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.docs import notebook

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
TIME = re.compile(r"[\d.]+ (?:ms|s|min)\b")


@pytest.fixture(scope="module")
def held() -> dict[str, Any]:
    return notebook.read()


@pytest.fixture(scope="module")
def ran(held: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        return list(notebook.run(held["cells"]))


def code(held: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in held["cells"] if cell["cell_type"] == "code"]


def test_it_is_a_notebook_of_format_4(held: dict[str, Any]) -> None:
    assert (held["nbformat"], held["nbformat_minor"]) == (4, 5)
    assert held["cells"][0]["cell_type"] == "markdown"
    assert len({cell["id"] for cell in held["cells"]}) == len(held["cells"])
    assert len(code(held)) > 4


def text(outputs: list[dict[str, Any]]) -> str:
    """The outputs as text, without timings."""
    return TIME.sub("", str([(each.get("text"), each.get("data")) for each in outputs]))


def test_every_cell_shows_what_the_notebook_has(held: dict[str, Any], ran: list[list[dict[str, Any]]]) -> None:
    for cell, outputs in zip(code(held), ran, strict=True):
        committed, found = text(cell["outputs"]), text(outputs)
        if committed != found:  # the last digits of another processor
            assert NUMBER.sub("", committed) == NUMBER.sub("", found), "".join(cell["source"])


def test_tables_and_figures_are_shown(held: dict[str, Any]) -> None:
    kinds = {kind for cell in code(held) for output in cell["outputs"] for kind in output.get("data", {})}
    assert {"text/html", "image/svg+xml", "text/plain"} <= kinds
