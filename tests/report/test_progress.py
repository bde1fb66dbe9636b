"""The observer of a run: what it counts, and that it shows nothing where nobody looks."""

from __future__ import annotations

import re
from io import StringIO

from rich.console import Console

from klbench.observer import NOTHING_YET, Headline, Observer
from klbench.report.progress import ProgressBar, Tally, watching
from tests.report.made_up import GRID, made_up


def replay(observer: Observer, *, cases: int) -> None:
    """Half of the last case, all of those before."""
    results = made_up(GRID)
    spec = results.spec
    observer.started(spec, spec.cases())
    for result in results.cases[: cases - 1]:
        observer.advanced(result.case, spec.samples, spec.samples, Headline("k1 mean", 0.5, 0.1))
        observer.finished(result)
    observer.advanced(results.cases[cases - 1].case, spec.samples // 2, spec.samples, Headline("k2 mean", 0.25, 0.01))


def test_the_tally_says_what_was_done() -> None:
    tally = Tally()
    replay(tally, cases=2)
    assert tally.so_far == "after 1 of 3 cases, 1,500,000 of 3,000,000 samples"
    assert tally.place == "2/3 shift mu=1"


def test_a_terminal_sees_the_case_and_the_running_estimate_and_keeps_nothing() -> None:
    console = Console(file=StringIO(), width=120, force_terminal=True, _environ={})
    with watching(console) as tally:
        assert isinstance(tally, ProgressBar)
        replay(tally, cases=3)
    shown = console.file.getvalue()
    assert "3/3 plain" in shown
    assert "k2 mean 0.250(10)" in shown
    assert shown.endswith("\x1b[2K"), "the last line is erased"


def test_before_the_first_block_the_samples_are_shown_without_an_estimate() -> None:
    console = Console(file=StringIO(), width=120, force_terminal=True, _environ={})
    spec = made_up(GRID).spec
    with watching(console) as tally:
        tally.started(spec, spec.cases())
        tally.advanced(spec.cases()[0], spec.samples // 2, spec.samples, NOTHING_YET)
        assert tally.done == spec.samples // 2
    assert "nan" not in console.file.getvalue()


def test_nothing_is_shown_where_it_is_no_terminal_or_not_wanted() -> None:
    for console, quiet in ((Console(file=StringIO()), False), (Console(file=StringIO(), force_terminal=True), True)):
        with watching(console, quiet=quiet) as tally:
            replay(tally, cases=3)
        assert console.file.getvalue() == ""
        assert tally.done == 2_500_000


def test_a_narrow_terminal_shortens_the_estimate_and_stays_on_one_line() -> None:
    console = Console(file=StringIO(), width=60, force_terminal=True, _environ={})
    with watching(console) as tally:
        tally.started(made_up(GRID).spec, made_up(GRID).spec.cases())
        tally.advanced(
            made_up(GRID).cases[0].case, 1000, 1_000_000, Headline("k1_cv(optimal) bias/true", -0.00032, 0.00412)
        )
    lines = [line for line in re.split(r"[\r\n]|\x1b\[[0-9;?]*[A-Za-z]", console.file.getvalue()) if line.strip()]
    assert any(line.startswith("1/3 shift mu=0.5") for line in lines)
    assert "k1_cv(opt" in console.file.getvalue()
    assert "0.00412" not in console.file.getvalue()
    assert "M…" not in console.file.getvalue()
