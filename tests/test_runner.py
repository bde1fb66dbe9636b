"""``klbench.run`` as the library has it: what names a spec, what is put over it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import klbench
from klbench.report.frame import to_csv

TEXT = """\
name: mine
samples: 2000
estimators: [k1, k3]
pairs:
  - {name: close, q: "N(0, 1)", p: "N(1, 1)"}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "mine.yaml").write_text(TEXT)
    return tmp_path / "mine.yaml"


def test_a_path_a_text_and_a_spec_are_one(path: Path) -> None:
    csv = to_csv(klbench.run(klbench.read_text(TEXT)))
    assert to_csv(klbench.run(path)) == to_csv(klbench.run(str(path))) == csv
    assert to_csv(klbench.run(klbench.read_spec(path))) == csv


def test_a_built_in_name_is_a_spec() -> None:
    results = klbench.run("schulman", samples=1e3, seed=3, device="cpu", threads=1)
    assert (results.spec.name, results.spec.samples, results.spec.seed, results.engines[-1].workers) == (
        *("schulman", 1000, 3, 1),
    )
    assert len(results.cases) == 2


@pytest.mark.parametrize(
    "overrides",
    [
        {"estimators": ["k3"], "pairs.0.p": "N(0.5, 2)"},
        {"estimators": np.array(["k3"]), "pairs.close.p": "N(0.5, 2)"},
        ["estimators=[k3]", "pairs.0.p=N(0.5, 2)"],
    ],
)
@pytest.mark.parametrize("as_spec", [False, True])
def test_overrides_are_those_of_the_command_line(path: Path, overrides: object, as_spec: bool) -> None:
    given = klbench.read_spec(path) if as_spec else path
    spec = klbench.run(given, samples=np.int64(1500), seed=5, overrides=overrides).spec  # type: ignore[arg-type]
    assert spec == klbench.read_spec(path, ["estimators=[k3]", "pairs.0.p=N(0.5, 2)", "samples=1500", "seed=5"])


def test_one_override_may_stand_alone(path: Path) -> None:
    assert klbench.run(path, overrides="seed=9").spec.seed == 9


@pytest.mark.parametrize("given", [3, None, b"schulman", ["schulman"], {"name": "mine"}])
def test_what_is_no_spec_is_refused(given: object) -> None:
    with pytest.raises(klbench.SpecError, match="is not a spec\n  = a path, a built-in name"):
        klbench.run(given)  # type: ignore[arg-type]


def test_a_text_is_not_taken_for_a_path() -> None:
    with pytest.raises(klbench.SpecError, match=r"klbench\.read_text reads"):
        klbench.run(TEXT)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"samples": 0}, "0 is not a sample count"),
        ({"samples": 1.5}, r"--> override:1:9"),
        ({"samples": float("nan")}, "is not a sample count"),
        ({"seed": -1}, "-1 is not a seed"),
        ({"threads": 0}, "threads is 0"),
        ({"overrides": {"smaples": 3}}, "did you mean samples"),
        ({"overrides": {"samples": object()}}, "samples cannot be of type object"),
        ({"overrides": ["samples"]}, "is not an override"),
    ],
)
def test_a_wrong_option_is_refused_in_its_place(path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(klbench.SpecError, match=said):
        klbench.run(path, **options)  # type: ignore[arg-type]


def test_a_device_that_is_not_there_is_no_error_of_the_spec(path: Path) -> None:
    with pytest.raises(klbench.RunError, match="no device 'cuda:99' here\n  = there is: cpu"):
        klbench.run(path, device="cuda:99")
