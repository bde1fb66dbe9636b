"""Streams with a narrow encoding, in processes of their own: nothing is lost, nothing fails, files are UTF-8."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import klbench
from tests.cli.conftest import GRADIENTS, SPEC

LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NARROW = [({"PYTHONIOENCODING": "ascii"}, "ascii"), ({"PYTHONIOENCODING": "cp1252"}, "cp1252"), (LOCALE, "ascii")]
SPECS = {"mine.yaml": SPEC, "gradients.yaml": GRADIENTS, "wrong.yaml": SPEC.replace("[k1]", '["k1", "∞ ‖"]')}


def called(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    for name, text in SPECS.items():
        (folder / name).write_text(text, encoding="utf-8")
    path = {"PYTHONPATH": str(Path(klbench.__file__).parents[1])}
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONIOENCODING", "PYTHONUTF8")}
    command = [sys.executable, "-m", "klbench", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**plain, **path, **environment}, capture_output=True, check=False, timeout=120
    )


@pytest.mark.parametrize(("environment", "encoding"), NARROW, ids=["ascii", "cp1252", "locale"])
@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["run", "mine.yaml"], 0, ["KL(q||p)", "khat", "---", "close"]),
        (["run", "gradients.yaml"], 0, ["grad KL(q||p) = (-1, 0)", "follows"]),
        (["run", "wrong.yaml"], 2, ["inf ||", "--> wrong.yaml:5:"]),
        (["run", "nosuch"], 2, ["there is no spec"]),
        (["run", "--help"], 0, ["KEY=VALUE"]),
        (["validate", "mine.yaml"], 0, ["reverse KL = KL(q||p) = 0.5", "samples for 5 %"]),
        (["explain", "k3"], 0, ["r - 1 - log r", ">= 2 sigma q"]),
        (["explain", "alpha"], 0, []),
        (["explain", "verl:low_var_kl"], 0, ["KL(p||q)"]),
        (["list", "estimators"], 0, ["log", "sqrt"]),
        (["list", "frameworks"], 0, ["KL(q||p) - KL(p||q)"]),
        (["list", "distributions"], 0, ["Normal"]),
        (["list", "specs"], 0, ["schulman"]),
        (["frameworks"], 0, ["descend"]),
        (["identify", "k3"], 0, ["KL(p||q)"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_everything_is_spelled_out(
    tmp_path: Path, environment: dict[str, str], encoding: str, arguments: list[str], status: int, said: list[str]
) -> None:
    done = called(tmp_path, environment, *arguments)
    out, err = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert done.returncode == status, err
    assert [part for part in said if part not in out + err] == []
    assert "?" not in (out + err).replace("did you mean", "").replace("?\n", "\n")
    assert "Traceback" not in err


@pytest.mark.parametrize(("environment", "encoding"), NARROW, ids=["ascii", "cp1252", "locale"])
def test_documents_and_files_are_utf_8(tmp_path: Path, environment: dict[str, str], encoding: str) -> None:
    wide = called(tmp_path, {"PYTHONIOENCODING": "utf-8"}, "run", "gradients.yaml", "-f", "markdown", "-o", "wide")
    narrow = called(tmp_path, environment, "run", "gradients.yaml", "-f", "markdown", "-o", "narrow")
    assert narrow.stdout == wide.stdout
    assert "KL(q‖p)" in narrow.stdout.decode("utf-8")
    narrow.stderr.decode(encoding)
    for name in ("results.csv", "components.csv", "spec.yaml"):
        assert (tmp_path / "narrow/mine" / name).read_bytes() == (tmp_path / "wide/mine" / name).read_bytes()
    json.loads((tmp_path / "narrow/mine/manifest.json").read_bytes().decode("utf-8"))
    schema = json.loads(called(tmp_path, environment, "schema").stdout.decode("utf-8"))
    assert "‖" in schema["$defs"]["PairSpec"]["properties"]["q"]["description"]
