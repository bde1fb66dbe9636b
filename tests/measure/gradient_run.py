"""A short way to the rows of a gradient spec, for the tests of this folder."""

from __future__ import annotations

from klbench.results import CaseResult
from klbench.row import Row
from klbench.runner import run
from klbench.spec.read import read_text

Cell = tuple[str, str, str]


def gradient_case(
    q: str, p: str, sampler: str | None = None, *, estimators: str, more: str = "", samples: int = 20_000, **how: int
) -> CaseResult:
    """The one case of a gradient spec; ``more`` is further lines of it, ``how`` its seed and the run's threads."""
    pair = f'{{q: "{q}", p: "{p}"' + (f', sampler: "{sampler}"}}' if sampler else "}")
    text = f"""
name: gradient
measure: gradient
samples: {samples}
seed: {how.pop("seed", 0)}
estimators: {estimators}
{more}
pairs: [{pair}]
"""
    (case,) = run(read_text(text), device="cpu", threads=how.pop("threads", 1)).cases
    return case


def by_cell(case: CaseResult) -> dict[Cell, Row]:
    """Rows by estimator, placement and weighting."""
    return {(row.estimator, row.placement, row.weighting): row for row in case.rows if row.is_gradient}


def rows_of(case: CaseResult) -> list[Row]:
    return [row for row in case.rows if row.is_gradient]
