"""Errors as text, for whoever does not catch them, and when a list of names is worth showing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import klbench
from klbench.cli.refusals import show_error
from klbench.errors import KlbenchError, Location, RunError, SpecError, choice_of

PLACE = Location("spec.yaml", 12, 4, "a: wrong")
TEXT = """\
it is wrong
  --> spec.yaml:12:4
   |
12 | a: wrong
   |    ^
   = do this
   = or that"""


def test_an_error_says_where_it_is_and_what_to_do() -> None:
    assert str(SpecError("it is wrong", location=PLACE, help=["do this", "or that"])) == TEXT
    assert str(RunError("no room", help=["make some"])) == "no room\n  = make some"
    assert str(KlbenchError("no")) == "no"


def test_the_command_line_prints_the_same_once(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(SpecError("it is wrong", location=PLACE, help=["do this", "or that"]))
    assert capsys.readouterr().err == f"error: {TEXT}\n"


def test_an_error_a_script_does_not_catch_shows_its_place(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("name: x\nestimatros: [k1]\n")
    script = "import klbench; klbench.read_spec('wrong.yaml')"
    root = Path(klbench.__file__).parents[1]
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {script}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr.endswith(
        "klbench.errors.SpecError: unknown key 'estimatros' of a spec\n"
        " --> wrong.yaml:2:1\n  |\n2 | estimatros: [k1]\n  | ^\n  = did you mean estimators?\n"
    )


def test_the_errors_are_names_of_the_package() -> None:
    assert klbench.SpecError is SpecError
    assert klbench.RunError is RunError


@pytest.mark.parametrize(
    ("given", "allowed", "help"),
    [
        ("estimatros", ["name", "estimators"], ("did you mean estimators?",)),
        ("NAME", ["name", "estimators"], ("did you mean name?",)),
        ("k4", ["k1", "abs"], ("did you mean k1?", "allowed: k1, abs")),
        ("float8", ["float64", "float32"], ("did you mean float64?", "allowed: float64, float32")),
        ("colour", ["name", "seed"], ("allowed: name, seed",)),
        ("", ["name", "seed"], ("allowed: name, seed",)),
    ],
)
def test_the_list_stays_away_where_the_guess_is_good(given: str, allowed: list[str], help: tuple[str, ...]) -> None:
    assert choice_of(given, allowed) == help
