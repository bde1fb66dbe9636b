"""What a run yields: one row per case and estimator, grouped by case, each case with its notes.

A row's fields are the columns of results.csv by the same names (the grid parameters excepted, which sit in
``Case.parameters``). A number that does not exist is NaN here and empty in every output; infinite is infinite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import copysign, inf, isfinite, nan
from typing import TYPE_CHECKING

from klbench.estimators.vocabulary import FULL_PRECISION

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from klbench.spec.cases import Case
    from klbench.spec.model import Spec


def falls_far_short(measured: float, exact: float) -> bool:
    """Whether a measured standard deviation is so much smaller than a finite exact one that rare draws are unseen."""
    return measured < 0.8 * exact < inf


_UNSEEN = 0.2


def rounding_is_unseen(rounding: float, rounding_mcse: float, bias_mcse: float) -> bool:
    """Whether rounding is known to be too small to move a z of the bias by more than a fifth.

    The exact numbers are of float64. Below it a measured bias is held to them only where rounding has no part in it.
    """
    return abs(rounding) + 2 * rounding_mcse <= _UNSEEN * bias_mcse


class _Spread:
    """What the exact noise beside the measured one says of the error bars."""

    bias_over_true_mcse: float
    stdev_over_true: float
    exact_stdev_over_true: float
    dtype: str
    rounding_over_true: float
    rounding_over_true_mcse: float

    @property
    def bias_is_comparable(self) -> bool:
        """Whether the measured bias can be held to the exact one, which is of float64."""
        return self._is_comparable(self.bias_over_true_mcse)

    def _is_comparable(self, mcse: float) -> bool:
        """Whether a bias with this error can be."""
        rounding, error = self.rounding_over_true, self.rounding_over_true_mcse
        return self.dtype == FULL_PRECISION or rounding_is_unseen(rounding, error, mcse)

    @property
    def misses_rare_draws(self) -> bool:
        """Whether the measured stdev falls far short of a finite exact one: then the error bar is too small.

        Below float64 it is not said: the exact number is of float64, and the difference may be rounding.
        """
        return self.dtype == FULL_PRECISION and falls_far_short(self.stdev_over_true, self.exact_stdev_over_true)

    @property
    def confirmed(self) -> bool:
        """Whether the measured stdev is within a tenth of the exact one: then the error bar is right, whatever k̂
        says."""
        return abs(self.stdev_over_true - self.exact_stdev_over_true) < 0.1 * self.exact_stdev_over_true


@dataclass(frozen=True)
class Row(_Spread):
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
    dtype: str = FULL_PRECISION
    device: str = "cpu"
    rounding_over_true: float = nan
    rounding_over_true_mcse: float = nan

    @property
    def unit(self) -> float:
        """What its ratios are in units of."""
        return self.true

    @property
    def z_bias_cv(self) -> float:
        """(bias_over_true_cv − exact_bias_over_true) / MCSE; NaN where rounding is part of the bias."""
        if not self._is_comparable(self.bias_over_true_cv_mcse):
            return nan
        return z_score(self.bias_over_true_cv, self.exact_bias_over_true, self.bias_over_true_cv_mcse)


@dataclass(frozen=True)
class Components:
    """A gradient, component by component: J numbers each, float64.

    Args:
        parameter: the parameter of q each belongs to, in torch's name.
        index: where in that parameter, row by row where it is a matrix; 0 for a number.
        true, mean, mean_mcse, exact, stdev: as the columns of components.csv, NaN where there is none.
    """

    parameter: tuple[str, ...]
    index: tuple[int, ...]
    true: ndarray
    mean: ndarray
    mean_mcse: ndarray
    exact: ndarray
    stdev: ndarray


@dataclass(frozen=True)
class GradientRow(_Spread):
    """The measured and exact gradient of one estimator, placement and weighting on one case, next to the true one."""

    estimator: str
    target: str
    placement: str
    weighting: str
    parameters: tuple[str, ...]
    samples: int
    true_norm: float = nan
    bias_over_true: float = nan
    bias_over_true_mcse: float = nan
    stdev_over_true: float = nan
    stdev_over_true_mcse: float = nan
    cosine: float = nan
    cosine_mcse: float = nan
    exact_bias_over_true: float = nan
    exact_stdev_over_true: float = nan
    exact_cosine: float = nan
    exact_from: str = ""
    follows: str = ""
    nonfinite: int = 0
    seed: int = 0
    dtype: str = FULL_PRECISION
    device: str = "cpu"
    rounding_over_true: float = nan
    rounding_over_true_mcse: float = nan
    components: Components | None = field(default=None, compare=False)
    khat: float = nan

    @property
    def unit(self) -> float:
        """What its ratios are in units of."""
        return self.true_norm

    @property
    def z_bias(self) -> float:
        """(bias_over_true − exact_bias_over_true) / MCSE; NaN where rounding is part of the bias."""
        if not self.bias_is_comparable:
            return nan
        scale = self.exact_stdev_over_true
        return z_score(self.bias_over_true, self.exact_bias_over_true, self.bias_over_true_mcse, scale)

    @property
    def z_stdev(self) -> float:
        """(stdev_over_true − exact_stdev_over_true) / MCSE; NaN below float64, of which the exact one is."""
        if self.dtype != FULL_PRECISION:
            return nan
        return z_score(self.stdev_over_true, self.exact_stdev_over_true, self.stdev_over_true_mcse)

    @property
    def z_cosine(self) -> float:
        """(cosine − exact_cosine) / MCSE; NaN below float64, of which the exact one is."""
        if self.dtype != FULL_PRECISION:
            return nan
        return z_score(self.cosine, self.exact_cosine, self.cosine_mcse, scale=1.0)


@dataclass(frozen=True)
class CaseResult:
    """One case measured: its rows, the KL it is about (``kl``, ``kl_from``), and what the reader should know.

    ``rows`` are of values or of gradients, as the spec's ``measure`` says.
    """

    case: Case
    kl: float
    kl_from: str
    rows: tuple[Row, ...] | tuple[GradientRow, ...]
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, repr=False)
class Results:
    """A whole run. In a notebook it shows its tables."""

    spec: Spec
    cases: tuple[CaseResult, ...]
    device: str
    threads: int
    seconds: float

    def rows(self) -> Iterator[tuple[Case, Row | GradientRow]]:
        """Every row with its case, in the order of the spec."""
        for result in self.cases:
            for row in result.rows:
                yield result.case, row

    def to_frame(self) -> DataFrame:
        """The rows of results.csv with its columns, as a pandas DataFrame."""
        from klbench.report.frame import to_frame

        return to_frame(self)

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


_ROUNDING = 1e-11


def z_score(measured: float, exact: float, mcse: float, scale: float = 0.0) -> float:
    """(measured − exact) / MCSE: NaN where one of them is missing, 0 where they differ by rounding only, of the exact
    number or of ``scale``."""
    off = measured - exact
    if not (isfinite(off) and isfinite(mcse)):
        return nan
    if abs(off) <= _ROUNDING * max(scale if isfinite(scale) else 0.0, abs(exact)):
        return 0.0
    return off / mcse if mcse > 0 else copysign(inf, off)
