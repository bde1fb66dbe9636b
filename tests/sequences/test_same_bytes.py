"""The same bytes, whoever measures and whatever else is measured; and what the files of sequences look like."""

from __future__ import annotations

import csv
import io
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import klbench
from klbench.files.store import NAME
from tests.faults.conftest import Ended
from tests.faults.test_resume import blocks_in, results_in
from tests.sequences.cases import CASES
from tests.sequences.enumerated import NAMES
from tests.sequences.runs import AGGREGATIONS, by_cell, run_of, spec_of

Start = Callable[..., subprocess.Popen[bytes]]
Finish = Callable[..., Ended]

CASE = CASES["chain with eos, sampler"]
SPEC = spec_of(CASE, estimators=["k1", "k3", "ratio*k3"], samples=200_000)
ORDINARY = 'name: small\nsamples: 1000\nestimators: [k1]\npairs: [{q: "N(0, 1)", p: "N(1, 1)"}]\n'


def test_threads_change_no_byte(call: Callable[..., Ended], here: Path) -> None:
    (here / "s.yaml").write_text(SPEC.to_yaml())
    for threads in ("1", "2"):
        assert call("run", "s.yaml", "-q", "-j", threads, "--out", threads).status == 0
    one, two = (results_in(here / threads / "sequences") for threads in ("1", "2"))
    assert one
    assert one == two


def test_another_estimator_level_or_aggregation_changes_no_row() -> None:
    rows = run_of(SPEC).cases[0].rows
    for some in (
        spec_of(CASE, estimators=["ratio*k3"], samples=SPEC.samples),
        spec_of(CASE, estimators=["k1", "k3"], level=["token"], samples=SPEC.samples),
        spec_of(CASE, estimators=["k3"], aggregation=["token-mean"], norm=None, samples=SPEC.samples),
        spec_of(CASE, estimators=["k3", "k1"], aggregation=[*reversed(AGGREGATIONS)], samples=SPEC.samples),
    ):
        found = run_of(some).cases[0].rows
        assert found
        assert {repr(row) for row in found} <= {repr(row) for row in rows}


def test_every_estimator_has_the_rows_it_has_alone() -> None:
    together = by_cell(run_of(spec_of(CASE, estimators=NAMES)).cases[0])
    for name in NAMES:
        for cell, row in by_cell(run_of(spec_of(CASE, estimators=[name])).cases[0]).items():
            assert repr(row) == repr(together[cell])


def test_a_run_that_is_killed_goes_on_to_the_same_bytes(start: Start, finish: Finish, here: Path) -> None:
    text = spec_of(CASE, estimators=["k1", "ratio*k3"], samples=2_000_000).to_yaml().replace("sequences", "small", 1)
    (here / "s.yaml").write_text(text)
    assert finish(start("run", "s.yaml", "--out", "whole", "-q")).status == 0
    process, folder = start("run", "s.yaml", "--out", "out", "-q", "-j", "1"), here / "out" / "small"
    while not blocks_in(folder) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    finish(process)
    assert not results_in(folder)
    assert (folder / NAME).exists()
    ended = finish(start("run", "s.yaml", "--out", "out", "-j", "2"))
    assert ended.status == 0, ended.err
    assert "blocks are here" in ended.err
    assert results_in(folder) == results_in(here / "whole" / "small")


def header(text: bytes) -> list[str]:
    return next(csv.reader(io.StringIO(text.decode())))


def test_level_and_aggregation_stand_right_after_the_estimator(call: Callable[..., Ended], here: Path) -> None:
    (here / "s.yaml").write_text(SPEC.to_yaml())
    (here / "o.yaml").write_text(ORDINARY)
    for spec in ("s.yaml", "o.yaml"):
        assert call("run", spec, "-q", "-n", "1000").status == 0
    of_sequences, ordinary = (
        header((here / "results" / name / "results.csv").read_bytes()) for name in ("sequences", "small")
    )
    at = of_sequences.index("estimator")
    assert of_sequences[at : at + 4] == ["estimator", "level", "aggregation", "target"]
    assert not {"level", "aggregation"} & set(ordinary)
    assert [name for name in of_sequences if name not in ("level", "aggregation", "sampler")] == [
        name for name in ordinary if name != "sampler"
    ]
    rows = list(csv.DictReader(io.StringIO((here / "results" / "sequences" / "results.csv").read_text())))
    assert {row["aggregation"] for row in rows if row["level"] == "sequence"} == {""}
    assert {row["aggregation"] for row in rows if row["level"] == "token"} == set(AGGREGATIONS)


def test_spec_yaml_reads_back_and_says_nothing_of_levels_elsewhere(call: Callable[..., Ended], here: Path) -> None:
    (here / "s.yaml").write_text(SPEC.to_yaml())
    (here / "o.yaml").write_text(ORDINARY)
    for spec in ("s.yaml", "o.yaml"):
        assert call("run", spec, "-q", "-n", "1000").status == 0
    again = klbench.read_spec(here / "results" / "sequences" / "spec.yaml")
    asked = klbench.read_spec(here / "s.yaml", ["samples=1000"])
    assert again == asked
    assert again.to_yaml() == asked.to_yaml()
    ordinary = (here / "results" / "small" / "spec.yaml").read_text()
    assert not any(key in ordinary for key in ("level", "aggregation", "norm"))


def test_the_defaults() -> None:
    text = f"name: d\nsamples: 1000\nestimators: [k1]\npairs: [{{q: '{CASE.q.written}', p: '{CASE.p.written}'}}]\n"
    spec = klbench.read_text(text)
    (row,) = run_of(spec).cases[0].rows
    assert (row.level, row.aggregation) == ("token", "seq-mean-token-sum")
    assert klbench.read_text(spec.to_yaml()) == spec
