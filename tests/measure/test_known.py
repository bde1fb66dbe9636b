"""What is known without a sample is what a run knows, and the samples needed are the least that are enough."""

from __future__ import annotations

from math import inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klbench.measure.known import known, least_samples
from klbench.runner import run
from klbench.spec.read import read_text

SHARES = st.floats(1e-4, 1.0)


@given(bias=st.floats(-2, 2), stdev=st.floats(0, 1e4), within=SHARES)
def test_the_least_number_is_enough_and_one_less_is_not(bias: float, stdev: float, within: float) -> None:
    count = least_samples(bias, stdev, within)

    # the definition, once more and in whole numbers' favour by nothing but the rounding of its sums
    def enough(samples: float) -> float:
        return (bias**2 + stdev**2 / samples) / within**2

    if count == inf:
        assert bias**2 >= within**2 * (1 - 1e-12)
        return
    assert count >= 1
    assert count == int(count)
    assert enough(count) <= 1 + 1e-9
    if count > 1:
        assert enough(count - 1) > 1 - 1e-9


@pytest.mark.parametrize(
    ("bias", "stdev", "within", "count"),
    [
        (0, 2, 0.05, 1600),
        (0.03, 2, 0.05, 2500),
        (0, 0, 0.05, 1),
        (0.05, 0, 0.05, 1),
        (0.05, 1, 0.05, inf),
        (0.25, 1.7, 0.05, inf),
        (0, inf, 0.05, inf),
        (inf, inf, 0.05, inf),
        (0.25, nan, 0.05, inf),
    ],
)
def test_of_round_numbers(bias: float, stdev: float, within: float, count: float) -> None:
    assert least_samples(bias, stdev, within) == count


def test_what_is_not_known_needs_nobody_knows_how_many() -> None:
    assert isnan(least_samples(nan, 1.0, 0.05))
    assert isnan(least_samples(0.0, nan, 0.05))


VALUES = """
name: v
samples: 100
estimators: [k1, k2, k3, forward_kl, "verl:low_var_kl", "ratio*k3", k1_cv(0.5)]
pairs:
  - {q: "N(0, 1)", p: "N(1, 1)"}
  - {q: "N(0, 1)", p: "N(0, 2)", sampler: "N(0.2, 1)"}
  - {q: "Categorical([0.5, 0.3, 0.2])", p: "Categorical([{a}, 0.2, 0.8 - {a}])", grid: {a: [0.3, 0.6]}}
  - {q: "MultivariateNormal([0, 0], [[1, 0.5], [0.5, 1]])", p: "MultivariateNormal([1, 0], [[1, 0], [0, 1]])"}
"""
GRADIENTS = """
name: g
measure: gradient
samples: 96
estimators: [k1, k2, k3]
placements: [loss, reward]
weightings: [none, ratio]
baseline: leave-one-out
batch: 8
pairs:
  - {q: "N(0, 1)", p: "N(1, 1.2)"}
  - {q: "Categorical([0.5, 0.3, 0.2])", p: "Categorical([0.3, 0.2, 0.5])", sampler: "Categorical([0.4, 0.3, 0.3])"}
"""


@pytest.mark.parametrize("text", [VALUES, GRADIENTS])
def test_it_is_what_a_run_has_in_its_exact_columns(text: str) -> None:
    results = run(read_text(text), device="cpu", threads=1)
    for case in results.cases:
        lines = known(results.spec, case.case)
        assert len(lines) == len(case.rows)
        for line, row in zip(lines, case.rows, strict=True):
            place = (row.placement, row.weighting) if row.is_gradient else ("", "")
            assert (line.estimator, line.placement, line.weighting, line.target) == (row.estimator, *place, row.target)
            numbers = (line.true, line.bias_over_true, line.stdev_over_true)
            theirs = (row.scale, row.exact_bias_over_true, row.exact_stdev_over_true)
            assert numbers == pytest.approx(theirs, rel=1e-12, abs=1e-12, nan_ok=True)


def test_a_users_function_is_not_imported() -> None:
    spec = read_text("name: x\nestimators: ['antigravity:geohash', k1]\npairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n")
    theirs, k1 = known(spec, spec.cases()[0])
    assert theirs.reason(0.05) == "your own function: run imports it"
    assert k1.samples_needed(0.05) == 1600


@pytest.mark.parametrize(
    ("q", "p", "estimator", "reason"),
    [
        ("N(0, 1)", "N(1, 1)", "k2", "it is biased"),
        ("N(0, 1)", "N(0, 2)", "k3", "its variance is infinite"),
        ("N(0, 1)", "N(1, 1)", "k1", ""),
        ("N(0, 1)", "N(0, 1)", "k1", "no ratio to a true value of 0"),
        ("Uniform(0, 2)", "Uniform(0, 1)", "k1", "no finite true value"),
    ],
)
def test_why_no_number_of_samples_is_enough(q: str, p: str, estimator: str, reason: str) -> None:
    spec = read_text(f"name: x\nestimators: [{estimator}]\npairs: [{{q: '{q}', p: '{p}'}}]\n")
    (line,) = known(spec, spec.cases()[0])
    assert line.reason(0.05) == reason
