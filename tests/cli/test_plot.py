"""``klbench plot``: what it draws, where, and what it says where it cannot."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from klbench.errors import RunError
from klbench.figures.terminal import ensure_installed
from tests.cli.conftest import Done

Call = Callable[..., Done]
GALLERY = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize(
    ("ending", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("html", b"<!")]
)
def test_a_folder_is_drawn_in_every_kind_of_file(call: Call, here: Path, ending: str, start: bytes) -> None:
    done = call("plot", str(GALLERY / "schulman"), "-o", f"kl.{ending}")
    assert done.status == 0, done.err
    assert done.out == ""
    assert f"wrote kl.{ending}: Estimates beside the true value" in done.err
    assert (here / f"kl.{ending}").read_bytes().startswith(start)
    assert sorted(path.name for path in here.iterdir()) == [f"kl.{ending}", "mine.yaml"]


def test_estimators_specs_and_the_audit(call: Call, here: Path) -> None:
    (here / "my_kl.py").write_text(
        "print('imported')\ndef mine(log_q, log_p):\n    return (log_q - log_p).clamp(-1, 1)\n"
    )
    for targets in (["k1", "verl:low_var_kl"], ["my_kl:mine"], ["mine.yaml"], ["audit"]):
        done = call("plot", *targets, "-o", "x.svg")
        assert done.status == 0, done.err
        assert done.out == ""


def test_several_folders_are_one_figure(call: Call) -> None:
    done = call("plot", str(GALLERY / "schulman"), str(GALLERY / "shift" / "results.csv"), "-o", "x.svg")
    assert "Estimates beside the true value, and the noise of one sample; Bias and noise" in done.err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["k1"], 2, "no file to draw in, and this is no terminal"),
        (["k1", "-o", "x.gif"], 2, "a figure cannot be drawn as 'x.gif'"),
        (["k1", "-o", "gone/x.svg"], 3, "cannot write to gone/x.svg"),
        (["k99", "-o", "x.svg"], 2, "unknown estimator 'k99'"),
        (["results/gone", "-o", "x.svg"], 2, "there is no folder 'results/gone'"),
        (["gone.yaml", "-o", "x.svg"], 2, "there is no spec"),
        (["full", "-o", "x.svg"], 2, "whole distributions"),
        (["mine.yaml", "k1", "-o", "x.svg"], 2, "are no one figure"),
        ([".", "-o", "x.svg"], 2, "there is no results.csv in ."),
        ([], 2, "missing argument"),
    ],
)
def test_what_cannot_be_drawn(call: Call, here: Path, arguments: list[str], status: int, said: str) -> None:
    done = call("plot", *arguments)
    assert (done.status, done.out) == (status, "")
    assert said in done.err.lower() or said in done.err
    assert sorted(path.name for path in here.iterdir()) == ["mine.yaml"]


def test_a_file_that_is_there_stays_where_drawing_fails(call: Call, here: Path) -> None:
    (here / "x.svg").write_text("mine")
    assert call("plot", "full", "-o", "x.svg").status == 2
    assert (here / "x.svg").read_text() == "mine"


def test_without_matplotlib(call: Call, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klbench.figures.canvas.find_spec", lambda _: None)
    done = call("plot", "k1", "-o", "x.svg")
    assert done.status == 3
    assert "pip install 'klbench[plot]'" in done.err
    assert not (here / "x.svg").exists()


def at_terminal(*arguments: str, columns: int, **environment: str) -> str:
    """What klbench writes at a terminal of so many columns."""
    master, slave = pty.openpty()
    settings = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", **environment}
    command = [sys.executable, "-c", "from klbench.cli import main; main()", *arguments]
    with subprocess.Popen(command, stdout=slave, stderr=subprocess.STDOUT, stdin=slave, env=settings) as process:
        os.close(slave)
        said = b""
        while True:
            try:
                more = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            said += more
    os.close(master)
    assert process.returncode == 0, said
    return said.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of its own is Unix")
def test_at_a_terminal_it_is_drawn_there() -> None:
    said = at_terminal("plot", str(GALLERY / "shift"), columns=80)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said).replace("\r", "")
    assert "Bias and noise over KL(q‖p)" in plain
    assert "stdev/true, of one sample" in plain
    assert "k1_cv(optimal)" in plain
    assert max(map(len, plain.splitlines())) <= 80
    assert "Lines are exact, points are measured" in plain


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of its own is Unix")
def test_at_a_terminal_what_is_infinite_is_at_the_edge_and_what_is_true_a_line() -> None:
    said = at_terminal("plot", str(GALLERY / "heavy_tails"), columns=80)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said).replace("\r", "")
    assert "A triangle at the right edge: infinite." in plain
    assert "▶│" in plain
    border = next(line for line in plain.splitlines() if line.lstrip().startswith("┌"))
    assert "┬" in border  # where the line of what is true begins


def test_at_a_terminal_without_plotext(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klbench.figures.terminal.find_spec", lambda _: None)
    with pytest.raises(RunError, match=r"pip install 'klbench\[plot\]'"):
        ensure_installed()


def test_torch_is_not_imported_for_a_folder(tmp_path: Path) -> None:
    program = (
        "import sys; from klbench.cli import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'pandas', 'scipy'} & {*sys.modules}, 'imported'"
    )
    out = [sys.executable, "-c", program, "plot", str(GALLERY / "shift"), "-o", str(tmp_path / "x.svg")]
    done = subprocess.run(out, capture_output=True, text=True, check=False)
    assert "AssertionError" not in done.stderr
    assert (tmp_path / "x.svg").is_file()
