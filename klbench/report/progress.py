"""How far a run is, on stderr: the case, its running estimate, the rate and the time left.

``Tally`` counts what was done, for whoever asks afterwards; ``ProgressBar`` shows it as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isnan

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from klbench.observer import Headline, Observer
from klbench.report.numbers import count, measured
from klbench.results import CaseResult
from klbench.spec.cases import Case
from klbench.spec.model import Spec
from klbench.wording import counted


class Tally(Observer):
    """Counts the cases and samples of a run."""

    def __init__(self) -> None:
        self._cases: Sequence[Case] = ()
        self._finished: list[CaseResult] = []
        self._samples_each = self._in_finished = self._in_case = 0
        self._stops_early = False

    @property
    def total(self) -> int:
        """Samples of the whole run; of one to a precision, as far as can be told: cases to come are like this one."""
        return self._in_finished + (len(self._cases) - len(self._finished)) * self._samples_each

    @property
    def done(self) -> int:
        """Samples so far, all cases together."""
        return self._in_finished + self._in_case

    @property
    def so_far(self) -> str:
        """``after 1 of 3 cases, 12,000,000 of 30,000,000 samples``: what was done so far."""
        cases = f"{len(self._finished)} of {counted(len(self._cases), 'case')}"
        about = "about " if self._stops_early else ""
        return f"after {cases}, {count(self.done)} of {about}{counted(self.total, 'sample')}"

    @property
    def place(self) -> str:
        """``2/5 shift mu=0.25``: the case at work."""
        number = len(self._finished)
        case = self._cases[min(number, len(self._cases) - 1)]
        parameters = [f"{name}={value:.4g}" for name, value in case.parameters.items()]
        return " ".join([f"{number + 1}/{len(self._cases)}", case.pair, *parameters])

    def started(self, spec: Spec, cases: Sequence[Case]) -> None:
        """Remember how much there is to do."""
        self._cases, self._samples_each, self._stops_early = cases, spec.samples, spec.precision is not None

    def advanced(self, case: Case, done: int, total: int, headline: Headline) -> None:  # noqa: ARG002
        """Count the samples of the case at work."""
        self._in_case, self._samples_each = done, max(done, total)

    def finished(self, result: CaseResult) -> None:
        """Count the case."""
        self._finished.append(result)
        self._in_finished += self._in_case if self._stops_early else self._samples_each
        self._in_case = 0


class ProgressBar(Tally):
    """Shows the tally as it grows."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._task = progress.add_task("", total=None, headline="")

    def started(self, spec: Spec, cases: Sequence[Case]) -> None:
        """Show how much there is to do."""
        super().started(spec, cases)
        self._progress.update(self._task, total=self.total, description=self.place)

    def advanced(self, case: Case, done: int, total: int, headline: Headline) -> None:
        """Show the samples and the running estimate."""
        super().advanced(case, done, total, headline)
        self._progress.update(
            self._task, completed=self.done, total=self.total, description=self.place, headline=_said(headline)
        )

    def finished(self, result: CaseResult) -> None:
        """Show the case as done."""
        super().finished(result)
        self._progress.update(self._task, completed=self.done)


def _said(headline: Headline) -> str:
    if not headline.label:
        return ""
    if isnan(headline.goal):
        return f"{headline.label} {measured(headline.value, headline.error)}"
    return f"{headline.label} ± {headline.error:.2g}, goal {headline.goal:g}"


@contextmanager
def watching(console: Console, *, quiet: bool = False) -> Iterator[Tally]:
    """A tally of the next run, shown on ``console`` if that is a terminal, and cleared at the end."""
    if quiet or not console.is_terminal:
        yield Tally()
        return
    columns = (
        TextColumn("{task.description}", style="cyan", markup=False, table_column=Column(no_wrap=True, max_width=24)),
        BarColumn(bar_width=20 if console.width >= 100 else 5, table_column=_whole()),
        TextColumn("{task.percentage:>3.0f}%", table_column=_whole()),
        _Headline(),
        _Rate(table_column=_whole()),
        TimeRemainingColumn(compact=True, table_column=_whole()),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield ProgressBar(progress)


def _whole() -> Column:
    """A table column that is never shortened."""
    return Column(no_wrap=True)


class _Headline(ProgressColumn):
    """The running estimate, which is shortened if the terminal is narrow."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["headline"], no_wrap=True, overflow="ellipsis")


class _Rate(ProgressColumn):
    """Samples per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed / 1e6:.1f} M/s" if task.speed else "", style="dim")
