"""How errors look, and the status each ends with."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from klbench.cli.refusals import show_error
from klbench.errors import Location, SpecError, unknown
from tests.cli.conftest import SPEC, Done

Call = Callable[..., Done]


def shown(capsys: pytest.CaptureFixture[str], text: str, column: int, message: str = "wrong") -> list[str]:
    show_error(SpecError(message, location=Location("spec.yaml", 12, column, text), help=["do this"]))
    return capsys.readouterr().err.splitlines()


def test_an_error_in_a_spec_shows_its_line(call: Call, here: Path) -> None:
    (here / "wrong.yaml").write_text(SPEC.replace("estimators", "estimatros"))
    done = call("run", "wrong.yaml")
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[1:] == [
        " --> wrong.yaml:5:1",
        "  |",
        "5 | estimatros: [k1]",
        "  | ^",
        "  = did you mean estimators?",
    ]
    assert not (here / "results").exists()


def test_the_caret_stands_under_its_letter(capsys: pytest.CaptureFixture[str]) -> None:
    *_, line, caret, _ = shown(capsys, "a: 漢字 x", 7)
    assert (line, caret) == ("12 | a: 漢字 x", "   |         ^")


def test_a_long_line_is_shown_around_the_caret(capsys: pytest.CaptureFixture[str]) -> None:
    text = "x" * 5000 + "!" + "y" * 5000
    *_, line, caret, _ = shown(capsys, text, 5001)
    assert line == f"12 | …{'x' * 50}!{'y' * 49}…"
    assert line[caret.index("^")] == "!"
    *_, line, caret, _ = shown(capsys, text, 10001)
    assert line.endswith("yyy")
    assert line[caret.index("^")] == "y"


def test_what_a_user_wrote_cannot_speak_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, "\tx\x1b[31m", 2, message="bad \x1b]0;title\x07 [bold]")
    assert lines[0] == "error: bad �]0;title� [bold]"
    assert lines[-3:-1] == ["12 |  x�[31m", "   |  ^"]


def test_a_message_of_any_length_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(shown(capsys, "x", 1, message="y" * 100_000)[0]) < 1100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "did you mean run?"),
        (["run"], "missing argument 'SPEC'"),
        (["run", "mine.yaml", "--fromat", "csv"], "--format"),
        (["run", "mine.yaml", "-f", "xml"], "allowed: table, markdown, csv, json"),
        (["run", "mine.yaml", "-j", "0"], "'-j' / '--threads'"),
        (["run", "mine.yaml", "--device", "gpu"], "auto, cpu, cuda, cuda:N"),
        (["run", "mine.yaml", "--seed", "x"], "--seed"),
        (["run", "mine.yaml", "-n", "0"], "--> option:1:14\n  |\n1 | -n/--samples 0\n"),
        (["run", "mine.yaml", "-n", "many"], "1 | -n/--samples many\n"),
        (["run", "mine.yaml", "-n", " "], "is empty; give a value"),
        (["run", "mine.yaml", "--seed", "-1"], "--> option:1:8\n  |\n1 | --seed -1\n"),
        (["run", "mine.yaml", "nothing"], "nothing"),
        (["run", "no-such.yaml"], "no-such.yaml"),
        (["validate", "schulmn"], "did you mean schulman?"),
        (["explain", "k33"], "did you mean k3?"),
        (["explain", "bias_over_tru"], "did you mean bias_over_true?"),
        (["explain", "Norml"], "did you mean Normal?"),
        (
            ["explain", "low_var_kl"],
            "did you mean easyr1:low_var_kl, miles:low_var_kl, rlinf:low_var_kl, slime:low_var_kl",
        ),
        (["explain", "verl@0.5"], "write verl@0.5:NAME for one of them"),
        (["explain", "schulman"], "klbench validate schulman"),
        (["explain", "nemo-rl@0.6:k4"], "unknown name in nemo-rl 'k4'"),
        (["explain", "verl@9,1:k3"], "write numbers and dots"),
        (["explain", "verl@0.3:k3"], "verl 0.3 has: kl, abs, mse, ppo_kl, low_var_kl"),
        (["explain", "deepseek@3.1:unbiased_kl"], "unbiased_kl ships from 3.2"),
        (["frameworks", "--format", "x"], "allowed: table, markdown, json"),
        (["frameworks", "verll"], "did you mean verl?"),
        (["frameworks", "trl", "verl:k33"], "unknown name in verl 'k33'"),
        (["list", "frameworks", "trl@0.9:grpo"], "grpo ships from 0.14.0"),
        (["list", "frameworks", "trll"], "did you mean trl?"),
        (["list", "estimators", "k1"], "only list frameworks takes names"),
        (["identify"], "missing argument 'NAME'"),
        (["identify", "nowhere_to_be_found:my_kl"], "nowhere_to_be_found"),
        (["identify", "no_such_file.py:my_kl"], "module:function"),
        (["identify", "mine.yaml"], "mine.yaml"),
        (["identify", "schulman"], "unknown estimator 'schulman'"),
        (["identify", "unbiased_kl"], "did you mean deepseek:unbiased_kl?"),
        (["identify", "trl"], "trl is a framework; klbench explain trl lists what it ships"),
        (["list", "colours"], "estimators"),
        (["init", "mine.yaml"], "mine.yaml is there already"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_ends_with_2_and_says_what_is_allowed(call: Call, arguments: list[str], said: str) -> None:
    done = call(*arguments)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err


def test_a_device_that_is_not_there_ends_with_3(call: Call, here: Path) -> None:
    done = call("run", "mine.yaml", "--device", "cuda:99")
    assert (done.status, done.out) == (3, "")
    assert "cuda:99" in done.err
    assert not (here / "results").exists()


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_terminal_breaks_no_word(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stderr", Terminal())
    allowed = [f"name_{number}-x" for number in range(50)]
    text = "a: " + "b" * 300
    error = unknown("estimator of this very spec", "zz zz", allowed).at(Location("spec.yaml", 3, 150, text))
    show_error(error)
    lines = re.sub(r"\x1b\[\d*m", "", sys.stderr.getvalue()).splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert [name for name in allowed if f"{name}," not in words and name not in words] == []
    help = lines[next(index for index, line in enumerate(lines) if line.startswith("  = ")) + 1 :]
    assert all(line.startswith("    ") for line in help)
    assert next(line for line in lines if line.startswith("3 | "))[4:].count("b") >= width // 2 or width == 200


MEANT = [
    (["runn"], "run"),
    (["run", "mine.yaml", "--chekc"], "--check"),
    (["run", "mine.yaml", "-f", "tabel"], "table"),
    (["list", "estimatorz"], "estimators"),
    (["explain", "k33"], "k3"),
    (["explain", "Norml"], "Normal"),
    (["explain", "reverse KLL"], "reverse KL"),
    (["explain", "verl:low_var_lk"], "low_var_kl"),
    (["list", "frameworks", "vrl"], "verl"),
    (["frameworks", "vrl"], "verl"),
    (["identify", "foward_kl"], "forward_kl"),
    (["run", "shulman"], "schulman"),
    (["run", "mine.yaml", "samplse=3"], "samples"),
    (["run", "mine.yaml", "estimators=[k1,foward_kl]"], "forward_kl"),
    (["run", "mine.yaml", "pairs.0.p=Norml(0,1)"], "Normal"),
    (["run", "mine.yaml", "pairs.0.p=Normal(loc=0,scael=1)"], "scale"),
    (["run", "mine.yaml", "measure=gradiant"], "gradient"),
]


@pytest.mark.parametrize(("arguments", "meant"), MEANT, ids=str)
def test_where_what_was_meant_is_sure_nothing_else_is_listed(call: Call, arguments: list[str], meant: str) -> None:
    done = call(*arguments)
    assert done.status == 2
    help = [line.strip().removeprefix("= ") for line in done.err.splitlines() if line.strip().startswith("= ")]
    assert help[0] == f"did you mean {meant}?"
    assert all(line.startswith("see klbench ") for line in help[1:])
    assert "allowed" not in done.err
    assert "not one of" not in done.err


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("arguments", [*(call for call, _ in MEANT), ["explain", "low_var_kl"], ["list", "colours"]])
def test_an_error_has_whole_words_at_any_width(
    call: Call, monkeypatch: pytest.MonkeyPatch, arguments: list[str], width: int
) -> None:
    from klbench.cli import refusals

    wide = call(*arguments).err
    monkeypatch.setattr(refusals, "on_stderr", lambda: Console(file=sys.stderr, width=width, highlight=False))
    narrow = call(*arguments).err
    assert {*words(narrow)} <= {*words(wide)}, "a part of a word is no word of the error"
    assert words(narrow) == words(wide)


def words(text: str) -> list[str]:
    """The words of an error, without the marks at its margin and the source line, which is cut to fit."""
    lines = [line for line in text.splitlines() if not re.match(r"\s*\d* +\|", line)]
    return [word for word in " ".join(lines).split() if word != "="]
