"""Gradients nobody measured, for the tests of what is shown: every number is chosen, as in ``made_up``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from numpy import array, full, nan

from klbench.engines.record import Record
from klbench.results import CaseResult, Results
from klbench.row import Components, Row, held_to_exact
from klbench.spec.cases import Case
from klbench.spec.read import read_text

PLAIN = """\
name: made-up
measure: gradient
samples: 1000
seed: 7
estimators: [k1, k3]
pairs:
  - {name: close, q: "N(0, 1)", p: "N(1, 1)"}
"""
GRID = PLAIN.replace('p: "N(1, 1)"}', 'p: "N({mu}, 1)", grid: {mu: [0.5, 1]}}\n  - {q: "N(0, 1)", p: "N(1, 1)"}')


def components(mean: tuple[float, ...], exact: tuple[float, ...], error: float = 0.04) -> Components:
    """In loc and scale, the true gradient being (-1, 0)."""
    return Components(
        parameter=("loc", "scale"),
        index=(0, 0),
        true=array([-1.0, 0.0]),
        mean=array(mean),
        mean_mcse=full(2, error),
        exact=array(exact),
        stdev=array([1.5, 2.5]),
    )


K1 = Row(
    estimator="k1",
    target="reverse KL",
    placement="loss",
    weighting="none",
    parameters=("loc", "scale"),
    samples=1000,
    true_norm=1.0,
    bias_over_true=0.9913,
    bias_over_true_mcse=0.0316,
    stdev_over_true=1.741,
    stdev_over_true_mcse=0.0352,
    cosine=0.31,
    cosine_mcse=nan,
    exact_bias_over_true=1.0,
    exact_stdev_over_true=3**0.5,
    exact_cosine=nan,
    exact_from="quadrature",
    follows="0",
    seed=7,
    components=components((0.0087, -0.02), (0.0, 0.0)),
)
K3 = replace(
    K1,
    estimator="k3",
    bias_over_true=0.52,
    bias_over_true_mcse=0.04,
    stdev_over_true=2.1,
    stdev_over_true_mcse=0.09,
    cosine=0.91,
    cosine_mcse=0.031,
    exact_bias_over_true=0.5,
    exact_stdev_over_true=2.0,
    exact_cosine=0.9,
    follows="KL(p‖q)",
    components=components((-1.02, -0.48), (-1.0, -0.5)),
)
K3_IN_REWARD = replace(
    K3,
    placement="reward",
    weighting="detached",
    follows="KL(q‖p) − KL(p‖q)",
    components=components((0.01, 0.52), (0.0, 0.5)),
)
ROWS = (K1, K3, K3_IN_REWARD)
NO_RATIOS: dict[str, float] = {name: nan for name in K1.__dict__ if "_over_true" in name or "cosine" in name}


def made_up(
    text: str = PLAIN, *, rows: Callable[[Case], tuple[Row, ...]] = lambda _: ROWS, notes: tuple[str, ...] = ()
) -> Results:
    """The results of a spec whose cases all have ``rows`` and ``notes``."""
    spec = read_text(text, "spec.yaml")
    cases = tuple(
        CaseResult(case, 0.5, "closed-form", tuple(map(held_to_exact, rows(case))), notes, 0.25)
        for case in spec.cases()
    )
    return Results(spec, cases, device="cpu", engines=(Record("threads", 2, 40),), seconds=1.5)
