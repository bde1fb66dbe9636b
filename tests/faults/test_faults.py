"""Faults of the machine: a full disk, a folder that cannot be written, signals, pipes, odd environments."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from klbench.files.store import NAME, NAMES
from tests.faults.conftest import FILES, Ended, left_in

Call = Callable[..., Ended]
Start = Callable[..., "subprocess.Popen[bytes]"]
Finish = Callable[["subprocess.Popen[bytes]"], Ended]

ENDLESS = "samples=1e12"


@pytest.mark.parametrize("blocked", ["out", "out/small", "elsewhere"])
def test_a_folder_that_cannot_be_made(call: Call, here: Path, blocked: str) -> None:
    if blocked == "elsewhere":
        (here / "out").symlink_to(here / "nowhere" / "at all")
    else:
        (here / blocked).parent.mkdir(exist_ok=True)
        (here / blocked).write_text("a file")
    before = sorted(here.rglob("*"))
    call("run", "s.yaml", ENDLESS, "--out", "out").refuses(3, "cannot write to out/small", "--out DIR")
    assert sorted(here.rglob("*")) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that nobody can write")
def test_a_file_system_that_cannot_be_written(call: Call) -> None:
    call("run", "s.yaml", ENDLESS, "--out", "/proc/klbench").refuses(3, "cannot write to /proc/klbench/small")


def test_a_folder_in_place_of_a_file_keeps_the_others_as_they_are(call: Call, here: Path) -> None:
    (here / "out" / "small" / "results.csv").mkdir(parents=True)
    call("run", "s.yaml", "--out", "out").refuses(3, "cannot write to out/small")
    assert left_in(here / "out") == set()


@pytest.mark.parametrize("device", ["cuda:99"])
def test_a_device_that_is_not_there(call: Call, here: Path, device: str) -> None:
    call("run", "s.yaml", "--device", device, "--out", "out").refuses(3, f"no device '{device}' here", "there is: cpu")
    assert not (here / "out").exists()


@pytest.mark.parametrize("old", [False, True], ids=["first", "again"])
def test_a_disk_that_fills_leaves_the_old_files_or_none(call: Call, here: Path, old: bool) -> None:
    if old:
        assert call("run", "s.yaml", "--out", "out").status == 0
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))  # the probe fits, the results do not
    try:
        ended = call("run", "s.yaml", "--seed", "9", "--out", "out", "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    ended.refuses(3, "cannot write to out/small", "is as it was before" if old else "nothing was written")
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before
    assert (here / "out").exists() == old


def test_kill_leaves_the_old_files(call: Call, start: Start, here: Path) -> None:
    assert call("run", "s.yaml", "--out", "out").status == 0
    before = {name: (here / "out" / "small" / name).read_bytes() for name in FILES}
    process = start("run", "s.yaml", ENDLESS, "--out", "out")
    time.sleep(3)
    process.kill()
    process.communicate()
    assert {name: (here / "out" / "small" / name).read_bytes() for name in FILES} == before
    assert FILES <= left_in(here / "out" / "small") <= {*FILES, *NAMES}


KILLED_WHILE_WRITING = """
import os, signal, sys
from klbench.cli import main
from klbench.files.store import NAME, NAMES
from klbench.files import folder
put = folder.put
def killed(*arguments):
    if WHEN == "after":
        put(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
folder.put = killed
main(sys.argv[1:])
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("old", [False, True], ids=["first", "again"])
def test_kill_while_writing_leaves_one_run_whole(
    call: Call, finish: Finish, start: Start, here: Path, old: bool, when: str
) -> None:
    made, before = here / "out" / "small", {}
    if old:
        assert call("run", "s.yaml", "--out", "out").status == 0
        before = {name: (made / name).read_bytes() for name in FILES}
    code = f"WHEN = {when!r}{KILLED_WHILE_WRITING}"
    assert finish(start("run", "s.yaml", "--seed", "9", "--out", "out", code=code)).status == -signal.SIGKILL
    remains = {path.name: path.read_bytes() for path in made.iterdir()} if made.exists() else {}
    if when == "before":
        assert remains == before
    else:
        assert remains.keys() == FILES
        assert json.loads(remains["manifest.json"])["spec"]["seed"] == 9
        assert (
            json.loads(remains["manifest.json"])["results_sha256"] == hashlib.sha256(remains["results.csv"]).hexdigest()
        )
    assert call("run", "s.yaml", "--out", "out").status == 0
    assert left_in(here / "out") == {f"small/{name}" for name in FILES}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.4, 3.0])
def test_an_interrupt_says_so_and_leaves_what_is_done_or_nothing(
    start: Start, finish: Finish, here: Path, seconds: float, sent: signal.Signals
) -> None:
    process = start("run", "s.yaml", ENDLESS, "--out", "out")
    time.sleep(seconds)
    process.send_signal(sent)
    ended = finish(process)
    assert "Traceback" not in ended.err
    assert "interrupted" in ended.err
    assert ended.status == 3
    assert left_in(here) - {"s.yaml"} in (set(), {f"out/small/{NAME}"})
    assert ("goes on with it" in ended.err) == (here / "out").exists()


def test_a_reader_who_leaves_early_is_no_error(start: Start, here: Path) -> None:
    process = start("run", "s.yaml", "--format", "csv", "--out", "out")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        err = process.stderr.read().decode()
    assert process.wait(timeout=60) == 0
    assert "Traceback" not in err
    assert "error:" not in err
    assert left_in(here / "out") == {f"small/{name}" for name in FILES}


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        {"TERM": "dumb", "COLUMNS": "20", "NO_COLOR": "1", "PYTHONWARNINGS": "error"},
        {"HOME": "/nonexistent", "COLUMNS": "wide", "FORCE_COLOR": "1"},
    ],
    ids=["ascii", "narrow", "homeless"],
)
def test_odd_environments(start: Start, finish: Finish, here: Path, environment: dict[str, str]) -> None:
    ended = finish(start("run", "s.yaml", "--format", "csv", "--out", "out", **environment))
    assert ended.status == 0, ended.err
    assert ended.out == (here / "out" / "small" / "results.csv").read_text()


def test_of_two_runs_at_once_the_second_is_refused(call: Call, start: Start, finish: Finish, here: Path) -> None:
    first = start("run", "s.yaml", ENDLESS, "--out", "out")
    # the lock is taken for a moment at the very start too: what is kept is there once the run is at work
    for _ in range(1200):
        if (here / "out" / "small" / NAME).exists():
            break
        time.sleep(0.05)
    second = call("run", "s.yaml", "--out", "out")
    second.refuses(3, f"another run writes to out/small: process {first.pid} on", "--out DIR writes elsewhere")
    assert call("run", "s.yaml", "name=other", "--out", "out").status == 0
    first.send_signal(signal.SIGTERM)
    assert finish(first).status == 3
    assert call("run", "s.yaml", "--out", "out").status == 0
    assert left_in(here / "out") == {f"{name}/{file}" for name in ("small", "other") for file in FILES}


def test_results_of_another_spec_are_not_replaced_in_silence(call: Call, here: Path) -> None:
    assert "holds" not in call("run", "s.yaml", "--out", "out").err
    assert "holds" not in call("run", "s.yaml", "--out", "out").err
    said = call("run", "s.yaml", "--seed", "9", "--out", "out").err.splitlines()[0]
    assert said.startswith(
        "out/small holds results of another spec (values of 1 pair, 2,000 samples, seed 0, finished 2"
    )
    assert said.endswith("; this run replaces it")
    (here / "out" / "small" / "manifest.json").write_text("[1]")
    assert "results without a manifest that can be read" in call("run", "s.yaml", "--out", "out").err


def test_the_manifest_names_the_results_beside_it(call: Call, here: Path) -> None:
    assert call("run", "s.yaml", "--out", "out").status == 0
    made = here / "out" / "small"
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["results_sha256"] == hashlib.sha256((made / "results.csv").read_bytes()).hexdigest()


def test_an_empty_standard_input(start: Start, finish: Finish) -> None:
    finish(start("run", "-", "--out", "out", redirect="</dev/null")).refuses(2, "stdin is empty")


def test_a_spec_by_a_pipe_gives_the_same_bytes(call: Call, start: Start, finish: Finish, here: Path) -> None:
    assert call("run", "s.yaml", "--out", "out").status == 0
    ended = finish(start("run", "-", "--format", "csv", "--out", "piped", redirect="<s.yaml"))
    assert ended.status == 0
    assert ended.out == (here / "out" / "small" / "results.csv").read_text()


OWN = "def k(log_q, log_p):\n    return log_q - log_p\n"


@pytest.mark.parametrize("estimator", ["own:k", "ratio*own:k"])
def test_no_import_refuses_a_spec_that_names_a_module(call: Call, here: Path, estimator: str) -> None:
    (here / "own.py").write_text("open('ran', 'w').close()\n" + OWN)
    (here / "s.yaml").write_text((here / "s.yaml").read_text().replace("k2", f"'{estimator}'"))
    ended = call("run", "s.yaml", "--no-import", "--out", "out")
    ended.refuses(2, f"{estimator} is a function of a module", "--> s.yaml:3:18", "--no-import")
    call("validate", "s.yaml")
    assert not (here / "ran").exists()
    assert not (here / "out").exists()


def test_no_import_lets_other_specs_run(call: Call) -> None:
    assert call("run", "s.yaml", "--no-import", "--out", "out").status == 0
