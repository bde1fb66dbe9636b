"""The identities that are kept are those that are measured, for everything that is shipped."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from klbench.estimators import catalogue as native
from klbench.frameworks import catalogue as shipped
from klbench.identity.computed import FILE, compute, load

KEPT = (files("klbench.identity") / FILE).read_text(encoding="utf-8")


def test_what_is_kept_is_what_is_computed() -> None:
    assert compute() == KEPT, "run make identities"


def test_everything_is_in_it() -> None:
    fitted = {each.name for each in native.examples() if each.control is not None}
    assert set(load()) == {*shipped.names(), *native.names()} - fitted


def test_it_is_a_line_an_estimator() -> None:
    assert len(KEPT.splitlines()) == len(load()) + 2
    assert list(json.loads(KEPT)) == list(load())


@pytest.mark.parametrize("entry", [each for each in shipped.entries() if each.saturation], ids=lambda e: e.qualified)
def test_where_clamps_hold_is_where_they_are_declared(entry: shipped.Entry) -> None:
    assert entry.saturation is not None
    (_, low), (high, _) = load()[entry.qualified].zones.clamped
    assert (low, high) == pytest.approx(entry.saturation, rel=1e-5)


def test_nothing_that_is_not_clamped_has_a_clamp() -> None:
    for entry in shipped.entries():
        if entry.saturation is None:
            assert load()[entry.qualified].zones.clamped == (), entry.qualified


def test_the_wheel_has_it(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert f"klbench/identity/{FILE}" in zipfile.ZipFile(wheel).namelist()
