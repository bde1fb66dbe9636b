"""What a run yields: its rows, grouped by case, each case with its notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import TYPE_CHECKING, Protocol

from klbench.row import Row

if TYPE_CHECKING:
    from os import PathLike

    from pandas import DataFrame

    from klbench.compare.comparison import Comparison
    from klbench.distributions.expression import Expression
    from klbench.engines.record import Record
    from klbench.errors import Location
    from klbench.figures.plotted import Plotted
    from klbench.measure.data import DataResult
    from klbench.spec.cases import Case


class AskedPair(Protocol):
    """A pair as results know it: in a spec that was read, or as its results remember it."""

    @property
    def name(self) -> str:
        """The pair's name."""

    @property
    def roles(self) -> Mapping[str, Expression]:
        """Its distributions by the name of their role."""

    @property
    def grid(self) -> Mapping[str, Sequence[float]]:
        """The values of its grid parameters."""


class Asked(Protocol):
    """The spec as results know it. The fields are those of ``Spec``."""

    @property
    def name(self) -> str:
        """The spec's name."""

    @property
    def description(self) -> str:
        """What it is about, in a sentence."""

    @property
    def measure(self) -> Sequence[str]:
        """``value``, ``gradient`` or both."""

    @property
    def samples(self) -> int:
        """Samples per case."""

    @property
    def seed(self) -> int:
        """The seed."""

    @property
    def dtype(self) -> Sequence[str]:
        """The precisions."""

    @property
    def estimators(self) -> Sequence[str]:
        """What is measured."""

    @property
    def pairs(self) -> Sequence[AskedPair]:
        """What it is measured on."""

    @property
    def precision(self) -> float | None:
        """How small error bars are to be."""

    @property
    def baseline(self) -> str:
        """What is subtracted in the reward."""

    @property
    def batch(self) -> int | None:
        """How many samples share a baseline."""

    @property
    def ratio(self) -> str | None:
        """The estimator that the noise of the others is relative to."""

    def grid_parameters(self) -> Sequence[str]:
        """Every grid parameter of any pair."""

    def place_at(self, *path: str | int) -> Location | None:
        """Where the value under these keys and indices stands; None where it was not read from a file."""

    def to_yaml(self) -> str:
        """The text of spec.yaml."""


@dataclass(frozen=True)
class CaseResult:
    """One case measured: its rows, the KL it is about (``kl``, ``kl_from``), and what the reader should know.

    ``rows`` are of values, of gradients, or of both, values first, as the spec's ``measure`` says. ``data`` is what
    log-probabilities that a run has saved say about themselves. ``running`` are the rows at every checkpoint of a run
    to a precision; of one that was interrupted, from where it went on.
    """

    case: Case
    kl: float
    kl_from: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    seconds: float
    data: DataResult | None = None
    running: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Crossing:
    """The value of a grid parameter at which two estimators are equal; below it ``lower`` has the smaller figure.

    Args:
        pair: the pair's name.
        parameter, value: where, on its grid.
        kl: KL(q‖p) there, NaN where it is not known.
        lower, upper: what is smaller below and above that value.
        size: the figure of both there, in units of the true value.
    """

    pair: str
    parameter: str
    value: float
    kl: float
    lower: str
    upper: str
    size: float = nan

    def is_at(self, other: Crossing) -> bool:
        """Whether the other crossing has the same two in the same order, at the same value to the digits shown."""
        same = (self.lower, self.upper) == (other.lower, other.upper)
        return same and f"{self.value:.6g}" == f"{other.value:.6g}"

    def sentence(self, what: str) -> str:
        """``k3 and k1 have the same noise at mu = 1.12091, where KL(q‖p) = 0.628216; below that k3 has less, ...``."""
        where = f", where KL(q‖p) = {self.kl:.6g}" if isfinite(self.kl) else ""
        return (
            f"{self.lower} and {self.upper} have the same {what} at {self.parameter} = {self.value:.6g}{where}; "
            f"below that {self.lower} has less, above {self.upper}."
        )


@dataclass(frozen=True, repr=False)
class Results:
    """A whole run. In a notebook it shows its tables.

    ``engines`` says who measured its blocks: the last is this process's, those before are of processes that were cut
    off, or of shards. ``seconds`` are this process's. ``crossings`` are where, over a grid, one estimator's noise
    crosses another's.
    """

    spec: Asked
    cases: tuple[CaseResult, ...]
    device: str
    engines: tuple[Record, ...]
    seconds: float
    crossings: tuple[Crossing, ...] = ()

    def rows(self) -> Iterator[tuple[Case, Row]]:
        """Every row with its case, in the order of the spec."""
        for result in self.cases:
            for row in result.rows:
                yield result.case, row

    def to_frame(self) -> DataFrame:
        """The rows of results.csv with its columns, as a pandas DataFrame."""
        from klbench.report.frame import to_frame

        return to_frame(self)

    def plot(self) -> Plotted:
        """The figures of the run: shown in a notebook, ``.save("kl.svg")`` writes them (svg, png, pdf).

        Raises:
            RunError: matplotlib is not installed (``pip install 'klbench[plot]'``).
        """
        from klbench.figures.plotted import Plotted

        return Plotted.of(self)

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
