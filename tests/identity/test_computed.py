"""The identities that are kept are those that are measured, for everything that is shipped."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from klbench.estimators import catalogue as native
from klbench.estimators.estimator import Estimator
from klbench.frameworks import catalogue as shipped
from klbench.frameworks.arithmetic import K3_ONE_FIRST, RATIO, SCORE, STOPPING_RATIO
from klbench.identity import audit, ground, identify, keys
from klbench.identity.computed import FILE, KEY, compute, lines, load, text
from klbench.identity.identity import Identity
from tests.frameworks.saturation import saturation

KEPT = (files("klbench.identity") / FILE).read_text(encoding="utf-8")
AGAIN = "run make identities, or python results/identities.py --all after a change of what measures"


def test_what_is_kept_is_what_is_computed() -> None:
    assert text(compute({})) == KEPT, AGAIN


def test_the_kept_readings_of_the_audit_are_those_that_are_computed() -> None:
    kept, found = lines(audit.FILE), ground.compute({}, load())
    assert list(kept) == list(found), AGAIN
    assert kept[audit.DIVERGENCE] == pytest.approx(found[audit.DIVERGENCE], rel=1e-10)
    for name in shipped.names():
        assert kept[name][KEY] == found[name][KEY], AGAIN
        for pair, reading in found[name][audit.READINGS].items():
            assert nearly(kept[name][audit.READINGS][pair], reading), (name, pair)


def nearly(kept: dict[str, object], found: dict[str, object]) -> bool:
    """The same numbers up to the rounding of another processor's sums; what is infinite or no number is the same."""
    one, other = (dict(each["broken"], **{k: v for k, v in each.items() if k != "broken"}) for each in (kept, found))  # type: ignore[call-overload]
    return one.keys() == other.keys() and all(
        one[k] == other[k] or (isinstance(other[k], float) and one[k] == pytest.approx(other[k], rel=1e-8, abs=1e-8))
        for k in one
    )


def test_only_what_changed_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []

    def identified(estimator: Estimator) -> Identity:
        computed.append(estimator.name)
        return load()["k1"]

    monkeypatch.setattr(identify, "identify", identified)
    kept = dict(lines(FILE))
    assert compute(kept) == kept
    assert computed == []
    forgotten = kept.pop("pipelinerl:approx_kl")
    found = compute(kept)
    assert computed == ["pipelinerl:approx_kl"]
    assert found["pipelinerl:approx_kl"][KEY] == forgotten[KEY]


def test_a_key_changes_with_every_step_of_an_entry_and_with_nothing_else() -> None:
    entry = shipped.find("verl:low_var_kl")
    steps: list[dict[str, object]] = [
        {"clamp_log_ratio": 19.0},
        {"clamp_value": None},
        {"cast": "float32"},
        {"replaced": 20.0},
        {"straight_through": True},
        {"against_sampler": True},
        {"arithmetic": K3_ONE_FIRST},
        {"weight": RATIO},
        {"weight": STOPPING_RATIO},
        {"weight": SCORE},
    ]
    changed = [keys.of_entry(replace(entry, **step)) for step in steps]  # type: ignore[arg-type]
    assert len({keys.of_entry(entry), *changed}) == len(steps) + 1
    assert keys.of_entry(replace(entry, framework="x", name="y", since="9", summary="z")) == keys.of_entry(entry)
    assert keys.of_entry(entry, "loss") != keys.of_entry(entry, "reward")


def test_everything_is_in_it() -> None:
    fitted = {each.name for each in native.examples() if each.control is not None}
    assert set(load()) == {*shipped.names(), *native.names()} - fitted


def test_it_is_a_line_an_estimator() -> None:
    assert len(KEPT.splitlines()) == len(load()) + 2
    assert list(json.loads(KEPT)) == list(load())


@pytest.mark.parametrize("entry", [each for each in shipped.entries() if saturation(each)], ids=lambda e: e.qualified)
def test_where_clamps_hold_is_where_they_are_declared(entry: shipped.Entry) -> None:
    assert saturation(entry) is not None
    (_, low), (high, _) = load()[entry.qualified].zones.clamped
    assert (low, high) == pytest.approx(saturation(entry), rel=1e-5)


def test_nothing_that_is_not_clamped_has_a_clamp() -> None:
    for entry in shipped.entries():
        if saturation(entry) is None:
            assert load()[entry.qualified].zones.clamped == (), entry.qualified


def test_the_wheel_has_it(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert {f"klbench/identity/{file}" for file in (FILE, audit.FILE)} <= set(zipfile.ZipFile(wheel).namelist())
