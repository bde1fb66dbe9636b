"""Ray's workers: the bytes of threads, whoever dies or interrupts; with a real local Ray of two workers."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from klbench.files.store import NAME
from tests.faults.conftest import Ended
from tests.faults.test_resume import Finish, Start, blocks_in, results_in

PAIRS = "name: small\npairs:\n  - {q: 'N(0, 1)', p: 'N({mu}, 1.1)', grid: {mu: [0.1, 0.5]}}\n"
BOTH = f"{PAIRS}samples: 3M\nmeasure: [value, gradient]\nestimators: [k1, 'mine:kl']\ndtype: [float64, float32]\n"
LONG = f"{PAIRS}samples: 40M\nestimators: [k1, k2, k3, 'k1_cv(optimal)']\n"
PRECISE = f"{PAIRS}samples: 1e9\nprecision: 0.004\nestimators: [k1, k2]\n"
BASELINE = (
    f"{PAIRS}samples: 3M\nmeasure: gradient\nestimators: [k1, k3]\nplacements: [loss, reward]\n"
    "baseline: leave-one-out\nbatch: 48\n"
)
MINE = "def kl(log_q, log_p):\n    return log_q - log_p\n"
RAY = ("--engine", "ray", "--workers", "2")

pytestmark = pytest.mark.xdist_group("ray")  # one Ray at a time is enough for two cores


def run(start: Start, finish: Finish, spec: str, here: Path, *options: str) -> Ended:
    (here / "s.yaml").write_text(spec)
    (here / "mine.py").write_text(MINE)
    return finish(start("run", "s.yaml", *options), seconds=240)


@pytest.mark.parametrize("spec", [BOTH, PRECISE, BASELINE], ids=["both", "precise", "baseline"])
def test_workers_give_the_bytes_of_threads(start: Start, finish: Finish, here: Path, spec: str) -> None:
    assert run(start, finish, spec, here, "--out", "threads", "-q").status == 0
    ended = run(start, finish, spec, here, "--out", "ray", "-q", *RAY)
    assert (ended.status, ended.err) == (0, "")
    assert results_in(here / "ray" / "small") == results_in(here / "threads" / "small")
    (engine,) = json.loads((here / "ray" / "small" / "manifest.json").read_text())["engines"]
    assert (engine["engine"], engine["workers"], engine["retries"]) == ("ray", 2, 0)


def working(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes of a run's Ray that are at work on a task."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if " ".join(child.cmdline()).startswith("ray::measure_task"):
                found.append(child)
        except psutil.Error:
            continue
    return found


def begun(process: subprocess.Popen[bytes], folder: Path) -> list[psutil.Process]:
    """The workers of a run, as soon as something of it is kept."""
    while not (blocks_in(folder) and (found := working(process))):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    return found


def test_a_worker_that_is_killed_costs_its_task_only(start: Start, finish: Finish, here: Path) -> None:
    assert run(start, finish, LONG, here, "--out", "threads", "-q").status == 0
    process = start("run", "s.yaml", "--out", "ray", "-q", *RAY)
    begun(process, here / "ray" / "small")[0].kill()
    ended = finish(process, seconds=240)
    assert ended.status == 0, ended.err  # Ray's core has a line on it
    assert "raylet" not in ended.err
    assert results_in(here / "ray" / "small") == results_in(here / "threads" / "small")
    (engine,) = json.loads((here / "ray" / "small" / "manifest.json").read_text())["engines"]
    assert engine["retries"] >= 1


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_running_and_threads_go_on(
    start: Start, finish: Finish, here: Path, sent: signal.Signals
) -> None:
    assert run(start, finish, LONG, here, "--out", "threads", "-q").status == 0
    process = start("run", "s.yaml", "--out", "ray", *RAY)
    begun(process, here / "ray" / "small")
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(sent)
    ended = finish(process, seconds=120)
    assert ended.status == 3
    assert "the same command goes on with it" in " ".join(ended.err.split())
    assert not psutil.wait_procs(children, timeout=20)[1]
    kept = blocks_in(here / "ray" / "small")
    assert kept
    assert finish(start("run", "s.yaml", "--out", "ray", "-q"), seconds=240).status == 0
    assert results_in(here / "ray" / "small") == results_in(here / "threads" / "small")
    assert not (here / "ray" / "small" / NAME).exists()
    engines = json.loads((here / "ray" / "small" / "manifest.json").read_text())["engines"]
    assert [(one["engine"], one["workers"]) for one in engines] == [("ray", 2), ("threads", engines[1]["workers"])]
    assert sum(one["blocks"] for one in engines) == 2 * 153


def test_a_function_that_a_worker_cannot_have_is_an_error_of_the_users(
    start: Start, finish: Finish, here: Path
) -> None:
    spec = LONG.replace("[k1,", "['mine:kl',")
    (here / "s.yaml").write_text(spec)
    # it is there when the command looks, and not in the worker
    (here / "mine.py").write_text(f"import sys\nif 'ray' in sys.argv[0]:\n    raise ImportError('not here')\n{MINE}")
    ended = finish(start("run", "s.yaml", "--out", "ray", *RAY), seconds=120)
    ended.refuses(2, "not here", "on a worker of Ray: a function travels by its module")


REFUSED = {
    "no ray there": (["--engine", "ray", "--address", "127.0.0.1:9"], 3, "no Ray at 127.0.0.1:9"),
    "no GPU": (["--engine", "ray", "--gpus-per-task", "1"], 3, "a task takes 1 core and a GPU share of 1"),
    "no address": (["--engine", "ray", "--address", "nonsense"], 2, "allowed: auto, HOST:PORT"),
    "threads": (["--engine", "ray", "-j", "2"], 2, "Ray has --workers"),
    "workers": (["--workers", "2"], 2, "is for --engine ray"),
    "no engine": (["--engine", "dask"], 2, "'dask'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(start: Start, finish: Finish, here: Path, name: str) -> None:
    options, status, said = REFUSED[name]
    ended = run(start, finish, LONG, here, *options)
    ended.refuses(status, said)
    assert not (here / "results").exists()
