"""What a run yields: one row per case and estimator, grouped by case, each case with its notes.

A row's fields are the columns of results.csv by the same names (the grid parameters excepted, which sit in
``Case.parameters``). A number that does not exist is NaN here and empty in every output; infinite is infinite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from klbench.spec.cases import Case
    from klbench.spec.model import Spec


@dataclass(frozen=True)
class Row:
    """The measured and exact numbers of one estimator on one case. Units: nats, or ratios to ``true``."""

    estimator: str
    target: str
    samples: int
    true: float = nan
    true_from: str = ""
    mean: float = nan
    mean_mcse: float = nan
    bias: float = nan
    bias_mcse: float = nan
    stdev: float = nan
    stdev_mcse: float = nan
    bias_over_true: float = nan
    bias_over_true_mcse: float = nan
    stdev_over_true: float = nan
    stdev_over_true_mcse: float = nan
    bias_over_true_cv: float = nan
    bias_over_true_cv_mcse: float = nan
    exact_bias_over_true: float = nan
    exact_stdev_over_true: float = nan
    exact_from: str = ""
    z_bias: float = nan
    z_stdev: float = nan
    negative_fraction: float = nan
    nonfinite: int = 0
    khat: float = nan
    seed: int = 0
    dtype: str = "float64"
    device: str = "cpu"

    @property
    def misses_rare_draws(self) -> bool:
        """Whether the measured stdev falls far short of a finite exact one: then the error bar is too small."""
        return self.stdev_over_true < 0.8 * self.exact_stdev_over_true < inf

    @property
    def confirmed(self) -> bool:
        """Whether the measured stdev is within a tenth of the exact one: then the error bar is right, whatever k̂
        says."""
        return abs(self.stdev_over_true - self.exact_stdev_over_true) < 0.1 * self.exact_stdev_over_true


@dataclass(frozen=True)
class CaseResult:
    """One case measured: its rows, the KL it is about (``kl``, ``kl_from``), and what the reader should know."""

    case: Case
    kl: float
    kl_from: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Results:
    """A whole run."""

    spec: Spec
    cases: tuple[CaseResult, ...]
    device: str
    threads: int
    seconds: float

    def rows(self) -> Iterator[tuple[Case, Row]]:
        """Every row with its case, in the order of the spec."""
        for result in self.cases:
            for row in result.rows:
                yield result.case, row
