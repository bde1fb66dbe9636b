"""The page about a real model, held to the committed files: without the model, transformers or a network."""

from __future__ import annotations

import csv
import importlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest

from klbench.report.manifest import digest
from klbench.spec.read import read_spec

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "results" / "models"
SPECS = sorted((MODELS / "specs").glob("*.yaml"))
NAMES = [path.stem for path in SPECS]
MANY = 4.0
"""Standard errors."""


@pytest.fixture(scope="module")
def pages() -> Iterator[ModuleType]:
    """The module that makes the page."""
    with patch.object(sys, "path", [str(ROOT / "results"), *sys.path]):
        yield importlib.import_module("model_page")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A copy of results/models beside folders that look like the models, as far as a spec looks."""
    shutil.copytree(MODELS, tmp_path / "results" / "models")
    for name in ("smollm2", "trained"):
        folder = tmp_path / "build" / "models" / name
        folder.mkdir(parents=True)
        (folder / "config.json").touch()
    return tmp_path / "results" / "models"


def test_every_spec_has_results_and_a_story(pages: ModuleType) -> None:
    folders = [path.parent.name for path in MODELS.glob("*/results.csv")]
    assert sorted(pages.NAMES) == sorted(folders) == NAMES


def test_the_page_is_made_from_the_committed_files(pages: ModuleType) -> None:
    assert (MODELS / "README.md").read_text(encoding="utf-8") == pages.page()


@pytest.mark.parametrize("column", ["mean", "bias", "bias_over_true", "stdev_over_true", "bias_over_true_mcse"])
def test_another_number_is_another_page(
    pages: ModuleType, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    before = pages.page()
    path = elsewhere / "training" / "results.csv"
    with path.open(encoding="utf-8", newline="") as opened:
        lines = list(csv.DictReader(opened))
    for line in lines:
        line[column] = str(1.5 * float(line[column]) + 1e-3)
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    monkeypatch.setattr(importlib.import_module("reading"), "HERE", elsewhere.parent)
    monkeypatch.setattr(pages, "MODELS", elsewhere)
    assert pages.page() != before


@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_knows_the_bytes(name: str) -> None:
    manifest = manifest_of(name)
    for file, key in (("results.csv", "results_sha256"), ("spec.yaml", "spec_sha256")):
        assert digest((MODELS / name / file).read_bytes().decode()) == manifest[key]


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_spec_is_the_spec(elsewhere: Path, name: str) -> None:
    committed = (MODELS / name / "spec.yaml").read_text(encoding="utf-8")
    for path in (elsewhere / "specs" / f"{name}.yaml", elsewhere / name / "spec.yaml"):
        read = read_spec(str(path))
        assert Path(read.folder or "").resolve() == elsewhere.resolve()
        assert read.model_copy(update={"folder": ".."}).to_yaml() == committed


@pytest.mark.parametrize("path", SPECS, ids=NAMES)
def test_a_spec_says_what_to_look_for(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    header = list(takewhile(lambda line: line.startswith("#"), lines))
    assert lines[0] == "# yaml-language-server: $schema=../../../klbench.schema.json"
    assert "# What to look for" in header
    assert len(header) > 6


@pytest.mark.parametrize("path", sorted(MODELS.rglob("*.*")), ids=lambda path: path.name)
def test_no_path_of_a_machine_is_in_a_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r'(?:^|[\s"\'(])(?:/|~|[A-Z]:\\)\w[^\s"]*', text) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_each_estimator_costs_is_known(pages: ModuleType, name: str) -> None:
    remade = pages.committed(name)
    assert set(remade.costs) == {"draw", "score", "normalise", *remade.spec["estimators"]}
    assert all(value >= 0 and error >= 0 for value, error in remade.costs.values())
    assert (remade.costs["score"][0] == 0) == (name == "temperature")


def manifest_of(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((MODELS / name / "manifest.json").read_text(encoding="utf-8"))
    return read


# What it says. Every claim stands by several error bars of its own rows.

ANSWER, SEQUENCE = "seq-mean-token-sum", "sequence"


def test_small_kls_are_read_alike_and_full_is_the_quietest(pages: ModuleType) -> None:
    for name in ("precision", "training"):
        remade = pages.committed(name)
        for estimator in ("k1", "k2", "k3", "trl:grpo", "verl:low_var_kl", "topk(50)"):
            row = remade.rows[estimator, ANSWER]
            assert abs(row.bias) < MANY * row.bias_mcse
        k1, k3, full = (remade.rows[estimator, ANSWER] for estimator in ("k1", "k3", "full"))
        assert k1.stdev - MANY * k1.stdev_mcse > k3.stdev + MANY * k3.stdev_mcse
        assert k3.stdev > full.stdev


def test_precision_agrees_with_an_earlier_measurement(pages: ModuleType) -> None:
    """1,024 tokens, once: full .0013, k1 .0016, k3 .0014. Their errors are those of so many tokens."""
    remade = pages.committed("precision")
    for estimator, earlier in (("full", 0.0013), ("k1", 0.0016), ("k3", 0.0014)):
        row = remade.rows[estimator, "token-mean"]
        assert abs(row.mean - earlier) < MANY * row.mean_mcse * (1 + remade.spec["samples"] / 32) ** 0.5


def test_temperature_tells_estimators_apart(pages: ModuleType) -> None:
    rows = pages.committed("temperature").rows
    too_much, clamped, head = (
        rows[key] for key in (("k2", ANSWER), ("verl:low_var_kl", SEQUENCE), ("topk_head(50)", ANSWER))
    )
    assert too_much.bias > MANY * too_much.bias_mcse
    assert clamped.bias < -MANY * clamped.bias_mcse
    assert head.bias < -MANY * head.bias_mcse
    unclamped = rows["trl:grpo", SEQUENCE]
    assert abs(unclamped.bias) < MANY * unclamped.bias_mcse
    assert rows["verl:low_var_kl", ANSWER].mean == pytest.approx(rows["trl:grpo", ANSWER].mean, rel=1e-9)


def test_training_leaves_a_negative_share_outside_the_likely_tokens(pages: ModuleType) -> None:
    row = pages.committed("training").rows["topk_head(50)", ANSWER]
    assert row.bias > MANY * row.bias_mcse


def test_top_p_no_weight_repairs_what_is_never_drawn(pages: ModuleType) -> None:
    rows = pages.committed("top_p").rows
    assert rows["topk(50)", ANSWER].bias > 3 * rows["topk(50)", ANSWER].bias_mcse
    for estimator in ("ratio*k1", "ratio*k3"):
        assert rows[estimator, SEQUENCE].bias < -MANY * rows[estimator, SEQUENCE].bias_mcse
    assert abs(rows["k3", ANSWER].bias_over_true) < 0.1


def test_full_costs_many_times_what_a_drawn_token_costs(pages: ModuleType) -> None:
    for name in NAMES:
        costs = {part: seconds for part, (seconds, _) in pages.committed(name).costs.items()}
        assert costs["full"] > 10 * costs["k3"]
        assert costs["full"] < costs["draw"]
