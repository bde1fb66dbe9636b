"""What a run yields: its rows, grouped by case, each case with its notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from klbench.row import Row

if TYPE_CHECKING:
    from os import PathLike

    from pandas import DataFrame

    from klbench.compare.comparison import Comparison
    from klbench.engines.record import Record
    from klbench.measure.data import DataResult
    from klbench.spec.cases import Case
    from klbench.spec.model import Spec


@dataclass(frozen=True)
class CaseResult:
    """One case measured: its rows, the KL it is about (``kl``, ``kl_from``), and what the reader should know.

    ``rows`` are of values, of gradients, or of both, values first, as the spec's ``measure`` says. ``data`` is what
    log-probabilities that a run has saved say about themselves.
    """

    case: Case
    kl: float
    kl_from: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    seconds: float
    data: DataResult | None = None


@dataclass(frozen=True, repr=False)
class Results:
    """A whole run. In a notebook it shows its tables.

    ``engines`` says who measured its blocks: the last is this process's, those before are of processes that were cut
    off, or of shards. ``seconds`` are this process's.
    """

    spec: Spec
    cases: tuple[CaseResult, ...]
    device: str
    engines: tuple[Record, ...]
    seconds: float

    def rows(self) -> Iterator[tuple[Case, Row]]:
        """Every row with its case, in the order of the spec."""
        for result in self.cases:
            for row in result.rows:
                yield result.case, row

    def to_frame(self) -> DataFrame:
        """The rows of results.csv with its columns, as a pandas DataFrame."""
        from klbench.report.frame import to_frame

        return to_frame(self)

    def compare(self, other: Results | str | PathLike[str], *, within: float = 0.0) -> Comparison:
        """Compare these results with others: of this process, of a results folder, or of a results.csv.

        These are the first of the two. ``within``: a difference that is tolerated, of a bias or a cosine itself, of
        other numbers as a share.

        Raises:
            RunError: a file cannot be read.
            SpecError: the others are no results, or have no row in common with these.
        """
        from klbench.compare.comparison import compare

        return compare(self, other, within=within)

    def __repr__(self) -> str:
        """``<Results of schulman: 2 cases, 6 rows, 0.9 s; .to_frame() has the numbers>``."""
        from klbench.report.numbers import seconds
        from klbench.wording import counted

        cases, rows = counted(len(self.cases), "case"), counted(sum(len(case.rows) for case in self.cases), "row")
        took = seconds(self.seconds)
        return f"<Results of {self.spec.name}: {cases}, {rows}, {took}; .to_frame() has the numbers>"

    def _repr_html_(self) -> str:
        """The tables, for a notebook."""
        from klbench.report.html import to_html

        return to_html(self)
