"""klbench as a process of its own: what it imports, signals, pipes and full disks."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import klbench

Start = Callable[..., "subprocess.Popen[str]"]

GALLERY = Path(klbench.__file__).parents[1] / "results"
IMPORTS = """
import sys
from klbench.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    print("imported:", *sorted({"torch", "pandas", "scipy", "pydantic", "numpy"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["list", "estimators"],
        ["list", "distributions"],
        ["list", "specs"],
        ["explain", "k3"],
        ["explain", "Gamma"],
        ["explain", "khat"],
        ["list", "frameworks"],
        ["explain", "verl:low_var_kl"],
        ["explain", "verl", "-f", "json"],
        ["list", "frameworks", "-f", "csv"],
        ["list", "distributions", "-f", "markdown"],
        ["schema"],
        ["run", "mine.yaml", "samples=0"],
        ["run", "mine.yaml", "pairs.0.p=N(0, -1)"],
        ["run", "mine.yaml", "estimators=[k9]"],
        ["validate", "none.yaml"],
        ["compare", "none", "none"],
        ["compare", str(GALLERY / "gradients"), str(GALLERY / "schulman")],
        ["compare", str(GALLERY / "gradients"), str(GALLERY / "gradients"), "-f", "html"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported_before_it_is_needed(start: Start, arguments: list[str]) -> None:
    _, err = start(*arguments, code=IMPORTS).communicate(timeout=60)
    imported = err.splitlines()[-1].split()
    assert imported[0] == "imported:"
    assert not {"torch", "pandas", "scipy"} & set(imported)
    if arguments == ["--help"]:
        assert imported == ["imported:"]


SAYS_WHEN_IT_SAMPLES = """
import sys
from klbench.cli import main
from klbench.report import progress

class Tally(progress.Tally):
    def advanced(self, *arguments):
        super().advanced(*arguments)
        print("sampling", flush=True, file=sys.__stdout__)

progress.Tally = Tally
main(sys.argv[1:])
"""
LONG = "1e9"
"""Samples for half a minute: time enough to interrupt, and an end if nothing does."""
DIES_WHEN_IT_WRITES = """
import os, signal, sys
from klbench.cli import main
from klbench.files import folder

folder.put = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(sys.argv[1:])
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_a_real_run_cleanly(start: Start, here: Path, sent: signal.Signals) -> None:
    with start("run", "mine.yaml", "-n", LONG, code=SAYS_WHEN_IT_SAMPLES) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sampling\n"
        process.send_signal(sent)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert err.startswith("error: interrupted after 0 of 1 case, ")
    assert "Traceback" not in err
    left = {str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()} - {"mine.yaml"}
    if left:
        assert left == {"results/mine/blocks.sqlite"}
        assert "the same command goes on with it" in " ".join(err.split())
    else:
        assert "nothing was written" in err


INTERRUPTED_AS_IT_IMPORTS = """
import os, signal, sys
from klbench.cli import main

class Interrupting:
    def find_spec(self, name, *_):
        if name == MODULE:
            os.kill(os.getpid(), signal.SENT)

sys.meta_path.insert(0, Interrupting())
main(sys.argv[1:])
"""


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("torch", ["run", "mine.yaml"]),
        ("torch", ["identify", "k3"]),
        ("torch", ["validate", "mine.yaml"]),
        ("klbench.cli.entry", ["--help"]),
        ("typer", ["--help"]),
        ("rich.console", ["run", "mine.yaml"]),
        ("yaml", ["run", "mine.yaml"]),
    ],
)
def test_an_interrupt_is_heard_before_anything_is_under_way(
    start: Start, here: Path, module: str, arguments: list[str], sent: str
) -> None:
    code = INTERRUPTED_AS_IT_IMPORTS.replace("MODULE", repr(module)).replace("SENT", sent)
    process = start(*arguments, code=code)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (3, "", "error: interrupted\n")
    assert [path.name for path in here.iterdir()] == ["mine.yaml"]


FULL = Path("/dev/full")
FILLED = [("stdout", "--help", 3), ("stderr", "nope", 2), ("stderr", "run nosuch", 2)]


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(("stream", "arguments", "status"), FILLED)
def test_a_full_stream_is_no_bug(here: Path, stream: str, arguments: str, status: int) -> None:
    with FULL.open("w") as full:
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        command = [sys.executable, "-m", "klbench", *arguments.split()]
        done = subprocess.run(command, cwd=here, text=True, check=False, timeout=60, **streams)
    assert done.returncode == status
    assert "bug" not in (done.stderr or "")


@pytest.mark.parametrize("code", [SAYS_WHEN_IT_SAMPLES, DIES_WHEN_IT_WRITES], ids=["sampling", "writing"])
def test_a_kill_leaves_the_old_files(start: Start, here: Path, code: str) -> None:
    start("run", "mine.yaml", "-q").communicate(timeout=60)
    made = here / "results" / "mine"
    old = {path.name: path.read_bytes() for path in made.iterdir()}
    size = LONG if code == SAYS_WHEN_IT_SAMPLES else "2000"
    with start("run", "mine.yaml", "-n", size, code=code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() in ("sampling\n", "")
        process.kill()
    assert {name: (made / name).read_bytes() for name in old} == old
    assert process.returncode == -signal.SIGKILL


def test_a_reader_who_has_seen_enough_is_no_error(start: Start, here: Path) -> None:
    with start("run", "mine.yaml", "-q", "--check") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert (here / "results/mine/results.csv").is_file()


def test_a_disk_that_fills_leaves_nothing(start: Start, here: Path) -> None:
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from klbench.cli import main; main(sys.argv[1:])"
    )
    process = start("run", "mine.yaml", code=limited)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert "cannot write to results/mine: File too large" in err
    assert [path.name for path in here.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_narrow_encoding_is_survived(start: Start, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    process = start("explain", "k3")
    process.communicate(timeout=60)
    assert process.returncode == 0
