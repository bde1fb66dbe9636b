"""Results nobody measured, for the tests of what is shown: every number is chosen, so whole outputs compare as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from math import nan

from klbench.engines.record import Record
from klbench.results import CaseResult, Results
from klbench.row import Row, held_to_exact
from klbench.spec.cases import Case
from klbench.spec.read import read_text

CLOSE = """\
name: made-up
samples: 1000
seed: 7
estimators: [k1, k2]
pairs:
  - {name: close, q: "N(0, 1)", p: "N(1, 1)"}
"""
GRID = """\
name: made-up
estimators: [k1, k2]
pairs:
  - {name: shift, q: "N(0, 1)", p: "N({mu}, 1)", grid: {mu: [0.5, 1]}}
  - {name: plain, q: "N(0, 1)", p: "N(1, 1)"}
"""

K1 = Row(
    estimator="k1",
    target="reverse KL",
    samples=1000,
    true=0.5,
    true_from="closed-form",
    mean=0.4985,
    mean_mcse=0.03162,
    bias=-0.0015,
    bias_mcse=0.03162,
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
    seed=7,
)
K2 = replace(
    K1,
    estimator="k2",
    bias_over_true=0.2563,
    bias_over_true_mcse=0.0548,
    bias_over_true_cv=0.2511,
    bias_over_true_cv_mcse=0.0074,
    stdev_over_true=1.71,
    stdev_over_true_mcse=0.1,
    exact_bias_over_true=0.25,
    exact_stdev_over_true=3**0.5,
    z_bias=0.11,
    z_stdev=-0.22,
    negative_fraction=0.0,
    khat=0.21,
)
NO_RATIOS: dict[str, float] = {
    field.name: nan for field in fields(Row) if "_over_true" in field.name or field.name[0] == "z"
}


def made_up(
    text: str = CLOSE, *, rows: Callable[[Case], tuple[Row, ...]] = lambda _: (K1, K2), notes: tuple[str, ...] = ()
) -> Results:
    """The results of a spec whose cases all have ``rows`` and ``notes``."""
    spec = read_text(text, "spec.yaml")
    cases = tuple(
        CaseResult(case, 0.5, "closed-form", tuple(map(held_to_exact, rows(case))), notes, 0.25)
        for case in spec.cases()
    )
    return Results(spec, cases, device="cpu", engines=(Record("threads", 2, 40),), seconds=1.5)
