"""klbench as a process of its own: what it imports, signals, pipes and full disks."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Start = Callable[..., "subprocess.Popen[str]"]

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
        ["schema"],
        ["run", "mine.yaml", "samples=0"],
        ["run", "mine.yaml", "pairs.0.p=N(0, -1)"],
        ["run", "mine.yaml", "estimators=[k9]"],
        ["validate", "none.yaml"],
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


def test_ctrl_c_stops_a_real_run_cleanly(start: Start, here: Path) -> None:
    process = start("run", "mine.yaml", "-n", "1e11")
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert err.startswith("error: interrupted")
    assert "Traceback" not in err
    assert [path.name for path in here.iterdir()] == ["mine.yaml"]


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
