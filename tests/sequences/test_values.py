"""Values of sequences: samples, enumeration and dynamic programming against sums over all sequences in plain Python."""

from __future__ import annotations

from math import inf, isfinite, isnan

import pytest

from klbench.derived.level import AtLevel, Level
from klbench.estimators.catalogue import examples, find
from klbench.roads import sequence_values
from klbench.roads.exact import exact
from klbench.roads.exact_moments import Exact
from klbench.row import Row
from tests.sequences.cases import CASES
from tests.sequences.enumerated import LEVELS, NAMES, NORM, Moments
from tests.sequences.runs import built, by_cell, everything, measured

EXACT = 1e-9
"""The relative error of what is exact; of what is 0 the error in nats."""
FARTHEST = 5
"""Errors that a measured number may be off: 6e-7 of normal ones are farther. The seed is fixed and was not chosen."""

each_case = pytest.mark.parametrize("case", CASES)
each_level = pytest.mark.parametrize(("level", "aggregation"), LEVELS)


def close(value: float) -> object:
    return pytest.approx(value, rel=EXACT, abs=1e-13)


def of_level(level: str, aggregation: str) -> Level:
    norm = NORM if aggregation == "seq-mean-token-sum-norm" else 1.0
    return Level(level, aggregation or None, norm)  # type: ignore[arg-type]


def test_every_estimator_of_log_ratio_is_here() -> None:
    shipped = {each.name for each in examples() if each.joint is None and ":" not in each.name}
    assert shipped - {"k1_cv(optimal)"} <= set(NAMES)


@each_case
def test_a_row_for_every_estimator_level_and_aggregation(case: str) -> None:
    found = [(row.estimator, row.level, row.aggregation) for row in measured(case).rows]
    assert found == [(name, *level) for name in NAMES for level in LEVELS]


@each_case
@each_level
def test_the_true_value_is_its_definition(case: str, level: str, aggregation: str) -> None:
    rows = by_cell(measured(case))
    for name in NAMES:
        known = everything(case).moments(name, level, aggregation)
        assert rows[name, level, aggregation].true == close(known.true), name


@each_case
@each_level
def test_the_exact_columns_are_the_sums_over_sequences(case: str, level: str, aggregation: str) -> None:
    rows = by_cell(measured(case))
    for name in NAMES:
        known, row = everything(case).moments(name, level, aggregation), rows[name, level, aggregation]
        if not isfinite(known.true) or known.true == 0:
            assert isnan(row.exact_bias_over_true), name
            assert isnan(row.exact_stdev_over_true), name
            continue
        assert row.exact_bias_over_true == close((known.mean - known.true) / known.true), name
        assert row.exact_stdev_over_true == close(known.stdev / known.true), name


@each_case
@each_level
def test_samples_agree_with_the_sums_over_sequences(case: str, level: str, aggregation: str) -> None:
    rows = by_cell(measured(case))
    for name in NAMES:
        known, row = everything(case).moments(name, level, aggregation), rows[name, level, aggregation]
        hold(name, known, row)


def hold(name: str, known: Moments, row: Row) -> None:
    if not isfinite(known.mean):
        assert row.mean == known.mean, name
        return
    for measured_one, error, truth in (
        (row.mean, row.mean_mcse, known.mean),
        (row.bias, row.bias_mcse, known.mean - known.true),
        (row.stdev, row.stdev_mcse, known.stdev),
    ):
        if isfinite(truth):
            assert error >= 0, name
            assert abs(measured_one - truth) <= FARTHEST * error + EXACT * abs(truth) + 1e-13, (
                name,
                measured_one,
                truth,
            )


@pytest.mark.parametrize("road", ["dynamic-programming", "enumeration"])
@each_case
@each_level
def test_both_exact_roads_are_the_sums_over_sequences(
    monkeypatch: pytest.MonkeyPatch, case: str, level: str, aggregation: str, road: str
) -> None:
    monkeypatch.setattr(sequence_values, "FEW_PATHS", inf if road == "enumeration" else 0)
    pair, at = built(CASES[case]), of_level(level, aggregation)
    taken = set()
    for name in NAMES:
        known = everything(case).moments(name, level, aggregation)
        found = exact(pair, AtLevel(find(name).term, at))
        assert found is not None, name
        taken.add(found.road)
        agree(name, known, found)
    assert taken == {"enumeration" if level == "sequence" else road}


def agree(name: str, known: Moments, found: Exact) -> None:
    assert found.mean == close(known.mean), name
    assert found.stdev == close(known.stdev), name


@each_case
def test_the_sequences_that_can_be_drawn_are_as_many(case: str) -> None:
    assert built(CASES[case]).count_of_paths == everything(case).count


def test_the_kl_of_the_contract() -> None:
    row = by_cell(measured("published"))["k1", "token", "seq-mean-token-sum"]
    assert row.true == pytest.approx(0.2492599527, abs=5e-11)


@each_case
def test_the_share_below_0(case: str) -> None:
    for (name, level, aggregation), row in by_cell(measured(case)).items():
        share = everything(case).moments(name, level, aggregation).negative
        tokens = row.samples  # at least as many
        error = (share * (1 - share) * 20 / tokens) ** 0.5
        if 0.001 < share < 0.999:
            assert abs(row.negative_fraction - share) <= FARTHEST * error, (name, level, aggregation)
