"""Runs that are killed or interrupted go on where they were: the same bytes, nothing done twice that was kept."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from klbench.files.store import NAME, NAMES, Row, Store, read
from tests.faults.conftest import Ended, left_in

Start = Callable[..., subprocess.Popen[bytes]]
Finish = Callable[..., Ended]

SPECS = {
    "values": "samples: 16M\nestimators: [k1, k2, k3, 'k1_cv(optimal)']\n",
    "gradients": "samples: 2M\nmeasure: gradient\nestimators: [k1, k3]\nplacements: [loss, reward]\n"
    "baseline: leave-one-out\nbatch: 48\n",
    "to a precision": "samples: 1e9\nprecision: 0.005\nestimators: [k1, k2]\n",
    "relative noise": "samples: 16M\nestimators: [k1, k2, k3]\nratio: k1\n",
    "both": "samples: 1500K\nmeasure: [value, gradient]\nestimators: [k1, k3]\ndtype: [float64, float32]\n",
}
PAIRS = "name: small\npairs:\n  - {q: 'N(0, 1)', p: 'N({mu}, 1.1)', grid: {mu: [0.1, 0.5]}}\n"
RESULTS = ("results.csv", "components.csv")


def results_in(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS if (folder / name).exists()}


def blocks_in(folder: Path) -> int:
    contents = read(folder / NAME)
    return 0 if contents is None else sum(row.blocks for row in contents.samples.values())


@pytest.mark.parametrize("measured", SPECS)
def test_a_run_killed_again_and_again_ends_with_the_same_bytes(
    start: Start, finish: Finish, here: Path, measured: str
) -> None:
    (here / "s.yaml").write_text(PAIRS + SPECS[measured])
    began = time.monotonic()
    assert finish(start("run", "s.yaml", "--out", "whole", "-q")).status == 0
    took, rng, before, now, kills = time.monotonic() - began, random.Random(), 0, 0, 0
    while kills < 3:
        process = start("run", "s.yaml", "--out", "out", "-q", "-j", str(rng.choice([1, 2, 3])))
        try:
            process.wait(rng.uniform(0.3, 1.1) * took)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        process.communicate()
        now = blocks_in(here / "out" / "small")
        if results_in(here / "out" / "small"):
            break
        assert now >= before
        before = now
    ended = finish(start("run", "s.yaml", "--out", "out"))
    assert ended.status == 0, ended.err
    assert ("blocks are here" in ended.err) == (now > 0)
    assert results_in(here / "out" / "small") == results_in(here / "whole" / "small")
    assert not left_in(here / "out" / "small") & set(NAMES)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_how_to_go_on(start: Start, finish: Finish, here: Path, sent: signal.Signals) -> None:
    (here / "s.yaml").write_text(PAIRS + SPECS["values"])
    ended = cut_off(start, finish, here, sent)
    assert ended.status == 3
    assert "blocks are here" in ended.err
    assert "the same command goes on with it, with --fresh it starts anew" in " ".join(ended.err.split())
    assert left_in(here / "out") == {f"small/{NAME}"}


def cut_off(start: Start, finish: Finish, here: Path, sent: signal.Signals, *arguments: str) -> Ended:
    """A run that is cut off as soon as more of it is kept."""
    folder = here / "out" / "small"
    before = blocks_in(folder)
    process = start("run", "s.yaml", "--out", "out", "samples=1e9", *arguments)
    while blocks_in(folder) == before:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(sent)
    return finish(process)


OTHERS = {
    "--seed=5": "it is of another seed",
    "samples=2e9": "it is of another spec",
    "dtype=float32": "it is of another spec",
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_kept_of_another_run_is_not_used_and_said(start: Start, finish: Finish, here: Path, other: str) -> None:
    (here / "s.yaml").write_text(PAIRS + SPECS["values"])
    assert cut_off(start, finish, here, signal.SIGKILL).status == -signal.SIGKILL
    assert blocks_in(here / "out" / "small")
    process = start("run", "s.yaml", "samples=1e9", other, "--out", "out")
    assert first_line(process).endswith(f"{OTHERS[other]}. The run starts anew\n")


def first_line(process: subprocess.Popen[bytes]) -> str:
    """The first line on stderr of a run, which is then killed."""
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    process.kill()
    process.communicate()
    return line


def garbage(place: Path) -> None:
    without_the_log(place)
    place.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)


def half(place: Path) -> None:
    without_the_log(place)
    place.write_bytes(place.read_bytes()[: place.stat().st_size // 2])


def without_the_log(place: Path) -> None:
    """What is written stands in SQLite's log until somebody moves it to the file itself."""
    database = sqlite3.connect(place)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    assert not place.with_name(NAMES[1]).exists()


def of_other_sums(place: Path) -> None:
    contents = read(place)
    assert contents is not None
    store = Store(place, contents.identity)
    store.put({0: 9}, {(0, 0, 0): Row(3, b"not sums")}, "p", contents.records[0])
    store.close()


def of_other_records(place: Path) -> None:
    contents = read(place)
    assert contents is not None
    store = Store(place, contents.identity)
    store.put({}, {}, "p", "no record")
    store.close()


@pytest.mark.parametrize("harm", [garbage, half, of_other_sums, of_other_records])
def test_a_torn_store_is_said_and_not_used(
    start: Start, finish: Finish, here: Path, harm: Callable[[Path], None]
) -> None:
    (here / "s.yaml").write_text(PAIRS + SPECS["both"])
    assert finish(start("run", "s.yaml", "--out", "whole", "-q")).status == 0
    place = here / "out" / "small" / NAME
    process = start("run", "s.yaml", "--out", "out", "-j", "1")
    while not blocks_in(place.parent) and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert blocks_in(place.parent)
    harm(place)
    ended = finish(start("run", "s.yaml", "--out", "out"))
    assert ended.status == 0, ended.err
    assert "is not used: it is " in ended.err
    assert results_in(here / "out" / "small") == results_in(here / "whole" / "small")


def test_a_second_run_is_told_who_has_the_first(start: Start, finish: Finish, here: Path) -> None:
    (here / "s.yaml").write_text(PAIRS + SPECS["values"])
    first = start("run", "s.yaml", "--out", "out", "samples=1e9")
    while not (here / "out" / "small" / NAME).exists():
        time.sleep(0.05)
    finish(start("run", "s.yaml", "--out", "out", "samples=1e9")).refuses(
        3, "another run writes to out/small", str(first.pid)
    )
    first.kill()
    first.communicate()


USER = "import helper\ndef kl(log_q, log_p):\n    return helper.half * 2 * (log_q - log_p)\n"


def test_other_code_of_a_users_function_is_not_gone_on_with(start: Start, finish: Finish, here: Path) -> None:
    (here / "s.yaml").write_text(PAIRS + SPECS["values"].replace("[k1,", "['mine:kl',"))
    (here / "mine.py").write_text(USER)
    (here / "helper.py").write_text("half = 0.5\n")
    cut_off(start, finish, here, signal.SIGKILL)
    (here / "helper.py").write_text("half = 0.25\n")
    line = first_line(start("run", "s.yaml", "samples=1e9", "--out", "out"))
    assert "it is of other code of your functions" in line


def test_fresh_starts_anew(start: Start, finish: Finish, here: Path) -> None:
    (here / "s.yaml").write_text(PAIRS + SPECS["values"])
    cut_off(start, finish, here, signal.SIGKILL)
    before = blocks_in(here / "out" / "small")
    line = first_line(start("run", "s.yaml", "samples=1e9", "--out", "out"))
    assert line.startswith(f"out/small: {before:,} of 7,630 blocks are here, {7630 - before:,} to run")
    assert finish(start("run", "s.yaml", "--out", "out", "--fresh")).err.startswith("•")
