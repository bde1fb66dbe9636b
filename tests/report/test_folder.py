"""The files of a run: which there are, and what an earlier run may not leave."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256

from klbench.report.folder import FILES, to_files
from tests.report import made_up, made_up_gradients

DATA_FILES = ("checks.csv", "positions.csv", "worst.csv")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_values_have_no_components_and_say_that_none_may_stay() -> None:
    files = to_files(made_up.made_up(), NOW)
    assert tuple(files) == FILES
    assert [name for name, text in files.items() if text is None] == ["components.csv", "running.csv", *DATA_FILES]
    assert "components_sha256" not in json.loads(files["manifest.json"] or "")


def test_gradients_have_all_and_the_manifest_holds_their_hashes() -> None:
    files = to_files(made_up_gradients.made_up(), NOW)
    manifest = json.loads(files["manifest.json"] or "")
    for name, key in (("results.csv", "results"), ("components.csv", "components"), ("spec.yaml", "spec")):
        assert manifest[f"{key}_sha256"] == sha256((files[name] or "").encode()).hexdigest()
