"""The command line in-process, with a run that measures nothing, so that whole outputs compare as text."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import klbench.cli
from klbench.engines.engine import Engine
from klbench.engines.record import Record
from klbench.keeper import NOTHING_KEPT, Keeper
from klbench.observer import SILENT, Observer
from klbench.results import CaseResult, Results
from klbench.row import Row, held_to_exact
from klbench.spec.cases import Case
from klbench.spec.model import Spec
from tests.report import made_up_gradients

SPEC = """\
name: mine
description: One pair.
samples: 1000
seed: 7
estimators: [k1]
pairs:
  - {name: close, q: "N(0, 1)", p: "N(1, 1)", expect: {k1: {bias_over_true: {value: 0, within: 0.1}}}}
"""
GRADIENTS = """\
name: mine
measure: gradient
samples: 1000
seed: 7
estimators: [k1, k3]
pairs:
  - {name: close, q: "N(0, 1)", p: "N(1, 1)"}
"""


@dataclass(frozen=True)
class Done:
    """What a command ended with."""

    status: int
    out: str
    err: str


def row(estimator: str, spec: Spec) -> Row:
    return Row(
        estimator=estimator,
        target="reverse KL",
        samples=spec.samples,
        true=0.5,
        true_from="closed-form",
        mean=0.4985,
        mean_mcse=0.03162,
        stdev=1.001,
        stdev_mcse=0.0224,
        bias_over_true=-0.003,
        bias_over_true_mcse=0.06324,
        stdev_over_true=2.002,
        stdev_over_true_mcse=0.0448,
        exact_bias_over_true=0.0,
        exact_stdev_over_true=2.0,
        exact_from="quadrature",
        z_bias=-0.05,
        z_stdev=0.04,
        negative_fraction=0.308,
        khat=-0.05,
        seed=spec.seed,
    )


def measure_nothing(
    spec: Spec,
    *,
    device: str = "auto",
    engine: Engine | None = None,
    observer: Observer = SILENT,
    keeper: Keeper = NOTHING_KEPT,  # noqa: ARG001
    folder: str | None = None,  # noqa: ARG001
) -> Results:
    """The same numbers for every case, with the settings of the call."""

    def result(case: Case) -> CaseResult:
        rows: tuple[Row, ...] = tuple(row(name, spec) for name in spec.estimators)
        if "gradient" in spec.measure:
            rows = tuple(map(held_to_exact, made_up_gradients.ROWS))
        return CaseResult(case, 0.5, "closed-form", rows, (f"a note on {case.pair}",), 0.25)

    observer.started(spec, spec.cases())
    return Results(
        spec, tuple(map(result, spec.cases())), device, (Record("threads", engine.workers if engine else 1, 1),), 1.5
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with a spec in it, mine.yaml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def call(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Call klbench in this process, in the folder ``here``."""

    def calling(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as exit:
            klbench.cli.main(arguments)
        assert Path.cwd() == here
        out, err = capsys.readouterr()
        return Done(int(exit.value.code or 0), out, err)

    return calling


@pytest.fixture
def fake_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a run that measures nothing in place of the real one."""
    monkeypatch.setattr("klbench.runner.run", measure_nothing)


@pytest.fixture
def start(here: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start klbench as a process of its own, in the folder ``here``; a ``code`` is run in place of ``-m klbench``."""
    environment = {**os.environ, "PYTHONPATH": str(Path(klbench.cli.__file__).parents[2])}

    def starting(*arguments: str, code: str | None = None) -> subprocess.Popen[str]:
        program = ["-m", "klbench"] if code is None else ["-c", code]
        return subprocess.Popen(
            [sys.executable, *program, *arguments],
            env=environment,
            cwd=here,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    return starting
