"""klbench run: what it shows, writes and ends with, on a run that measures nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from klbench.engines.engine import Engine
from klbench.results import Results
from klbench.spec.model import Spec
from tests.cli.conftest import GRADIENTS, Done, measure_nothing

Call = Callable[..., Done]
pytestmark = pytest.mark.usefixtures("fake_run")

TABLE = """\
close  KL(q‖p) = 0.5 (closed-form)
q = Normal(loc=0, scale=1)
p = Normal(loc=1, scale=1)
1,000 samples · seed 7 · float64 · cpu

           ────── bias/true ──────  ───── stdev/true ─────
estimator    measured  exact     z   measured  exact     z  k < 0      k̂
────────────────────────────────────────────────────────────────────────
k1         -0.003(63)      0  -0.1  2.002(45)      2  +0.0  30.8%  -0.05

KL(q‖p) is the reverse KL.
-0.003(63) means -0.003 ± 0.063, one standard error.
bias and stdev are of one sample's value; exact is without sampling.
"""


def test_the_table_goes_to_stdout_and_notes_to_stderr(call: Call) -> None:
    done = call("run", "mine.yaml")
    assert done.status == 0
    assert done.out == TABLE
    assert done.err == "• close: a note on close\nwrote results/mine/results.csv, manifest.json, spec.yaml · 1.5 s\n"


def test_the_files_are_there(call: Call, here: Path) -> None:
    call("run", "mine.yaml", "-o", "deep/out")
    made = here / "deep" / "out" / "mine"
    assert sorted(path.name for path in made.iterdir()) == ["manifest.json", "results.csv", "spec.yaml"]
    assert json.loads((made / "manifest.json").read_text())["name"] == "mine"
    assert call("run", str(made / "spec.yaml"), "-f", "csv").out == (made / "results.csv").read_text()


@pytest.mark.parametrize(
    ("format", "beginning"),
    [("csv", "spec,pair,q,p,"), ("json", "[\n  {\n"), ("markdown", "# mine\n"), ("table", "close ")],
)
def test_every_format_goes_to_stdout_alone(call: Call, format: str, beginning: str) -> None:
    done = call("run", "mine.yaml", "--format", format)
    assert done.out.startswith(beginning)
    assert "wrote" not in done.out


def test_quiet_says_nothing_but_the_data(call: Call) -> None:
    done = call("run", "mine.yaml", "--check", "-q")
    assert (done.status, done.out, done.err) == (0, TABLE, "")


def test_options_come_after_overrides(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Spec, str, int]] = []

    def watched(spec: Spec, *, device: str, engine: Engine, **_: object) -> Results:
        seen.append((spec, device, engine.workers))
        return measure_nothing(spec, device=device, engine=engine)

    monkeypatch.setattr("klbench.runner.run", watched)
    call("run", "mine.yaml", "samples=5", "seed=5", "pairs.0.p=N(0.2, 1)", "-n", "1e4", "--seed", "3", "-j", "2")
    spec, device, threads = seen[0]
    assert (spec.samples, spec.seed, str(spec.pairs[0].p)) == (10_000, 3, "Normal(loc=0.2, scale=1)")
    assert (device, threads) == ("auto", 2)


def test_check_passes_and_says_how_many_points(call: Call) -> None:
    done = call("run", "mine.yaml", "--check")
    assert done.status == 0
    assert done.err.endswith("all 3 checks passed\n")


def test_a_missed_check_ends_with_1_and_the_files_are_written_all_the_same(call: Call, here: Path) -> None:
    (here / "mine.yaml").write_text((here / "mine.yaml").read_text().replace("value: 0,", "value: 9,"))
    done = call("run", "mine.yaml", "--check", "-q")
    assert done.status == 1
    assert done.err == (
        "check failed: close, k1: bias_over_true is -0.003(63), expected 9 within 0.1 + 5 MCSE\n1 of 3 checks failed\n"
    )
    assert (here / "results/mine/results.csv").is_file()
    assert call("run", "mine.yaml").status == 0, "an expectation is only checked when asked for"


def test_an_interrupt_says_what_was_done_and_writes_nothing(
    call: Call, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(spec: Spec, **options: object) -> None:
        measure_nothing(spec, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr("klbench.runner.run", interrupted)
    done = call("run", "mine.yaml")
    assert (done.status, done.out) == (3, "")
    assert done.err == "error: interrupted after 0 of 1 case, 0 of 1,000 samples\n  = nothing was written\n"
    assert [path.name for path in here.iterdir()] == ["mine.yaml"]


def test_an_interrupt_after_the_files_are_written_says_that_they_are(
    call: Call, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("klbench.cli.outcome._show", interrupted)
    done = call("run", "mine.yaml")
    assert (done.status, done.out) == (3, "")
    said = "error: interrupted as the results were shown\n  = results/mine holds the results of this run, all of them\n"
    assert done.err == said
    assert (here / "results" / "mine" / "results.csv").exists()


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(
    call: Call, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("klbench.runner.run")
    (here / "out").write_text("mine")
    done = call("run", "mine.yaml", "--out", "out")
    assert (done.status, done.out) == (3, "")
    assert done.err == "error: cannot write to out/mine: out is a file\n  = --out DIR writes elsewhere\n"


def test_a_bug_is_called_one(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("klbench.runner.run", broken)
    done = call("run", "mine.yaml")
    assert done.status == 3
    assert done.err == (
        "error: ZeroDivisionError: division by zero\n"
        "  = this is a bug in klbench\n"
        "  = KLBENCH_TRACEBACK=1 shows where it happened; please report it\n"
    )
    monkeypatch.setenv("KLBENCH_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        call("run", "mine.yaml")


def test_gradients_have_a_file_of_components(call: Call, here: Path) -> None:
    (here / "mine.yaml").write_text(GRADIENTS)
    done = call("run", "mine.yaml", "-f", "csv")
    made = here / "results" / "mine"
    assert done.out == (made / "results.csv").read_text()
    assert (made / "components.csv").read_text().startswith("spec,pair,estimator,placement,weighting,parameter,index,")
    assert sorted(path.name for path in made.iterdir()) == [
        *["components.csv", "manifest.json", "results.csv", "spec.yaml"]
    ]
    assert done.err.endswith("wrote results/mine/results.csv, components.csv, manifest.json, spec.yaml · 1.5 s\n")


@pytest.mark.parametrize(
    ("format", "said"),
    [("table", "∇ in loc, scale: "), ("json", '"follows": "KL(p‖q)"'), ("markdown", "| ∇loc |"), ("csv", ",follows,")],
)
def test_every_format_shows_gradients(call: Call, here: Path, format: str, said: str) -> None:
    (here / "mine.yaml").write_text(GRADIENTS)
    done = call("run", "mine.yaml", "--format", format, "--check")
    assert done.status == 0
    assert said in done.out
    assert "all 8 checks passed\n1 number could not be checked" in done.err


def test_components_of_a_run_before_are_not_left_to_be_taken_for_this_ones(
    call: Call, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "gradients.yaml").write_text(GRADIENTS)
    call("run", "gradients.yaml")
    made = here / "results" / "mine"
    old = {path.name: path.read_bytes() for path in made.iterdir()}

    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        assert call("run", "mine.yaml", "-q").status == 3
    assert {path.name: path.read_bytes() for path in made.iterdir()} == old
    assert call("run", "mine.yaml", "-q").status == 0
    assert sorted(path.name for path in made.iterdir()) == ["manifest.json", "results.csv", "spec.yaml"]


def test_the_manifest_has_the_command_line(call: Call, here: Path) -> None:
    assert call("run", "mine.yaml", "pairs.0.p=N(0.5, 1)", "-n", "2k", "--seed", "5", "-q").status == 0
    manifest = json.loads((here / "results/mine/manifest.json").read_text())
    assert manifest["command"] == "klbench run mine.yaml 'pairs.0.p=N(0.5, 1)' -n 2k --seed 5 -q"
    assert manifest["overrides"] == ["pairs.0.p=N(0.5, 1)", "samples=2k", "seed=5"]


def test_a_command_line_of_any_bytes_is_kept(call: Call, here: Path) -> None:
    assert call("run", "mine.yaml", "-o", "out\udcff").status == 0
    manifest = json.loads((here / "out\udcff/mine/manifest.json").read_text(encoding="utf-8"))
    assert manifest["command"] == "klbench run mine.yaml -o 'out\\udcff'"
