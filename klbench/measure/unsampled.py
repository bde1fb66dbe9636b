"""The results a run would have, as far as they are known without samples: the exact numbers of every row."""

from __future__ import annotations

from dataclasses import replace

from klbench.engines.record import Record
from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.crossings import noise_crossings
from klbench.measure.known import Known, known
from klbench.measure.truth import true_of
from klbench.problems.build import build_pair
from klbench.results import CaseResult, Results
from klbench.row import Row
from klbench.spec.cases import Case
from klbench.spec.model import Spec


def unsampled(spec: Spec) -> Results:
    """The exact numbers of a spec as results with nothing measured."""
    cases = tuple(_case(spec, case) for case in spec.cases())
    return Results(spec, cases, "cpu", (Record("threads", 1),), 0.0, noise_crossings(spec, cases))


def _case(spec: Spec, case: Case) -> CaseResult:
    truth = true_of(build_pair(case), REVERSE_KL)
    rows = tuple(_row(line, spec) for line in known(spec, case))
    return CaseResult(case, truth.size, truth.road, rows, notes=(), seconds=0.0)


def _row(line: Known, spec: Spec) -> Row:
    row = Row(
        estimator=line.estimator,
        level=line.level,
        aggregation=line.aggregation,
        target=line.target,
        placement=line.placement,
        weighting=line.weighting,
        exact_bias_over_true=line.bias_over_true,
        exact_stdev_over_true=abs(line.stdev_over_true),
        seed=spec.seed,
        dtype=FULL_PRECISION,
    )
    return (
        replace(row, true_norm=line.true) if line.placement else replace(row, true=line.true, true_from=line.true_from)
    )
