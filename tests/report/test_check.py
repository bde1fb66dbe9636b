"""What --check holds a run to."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from klbench.report.check import check, not_checkable
from klbench.row import Row
from tests.report import made_up_gradients as gradients
from tests.report.made_up import CLOSE, GRID, K1, made_up

EXPECTING = CLOSE.replace('p: "N(1, 1)"}', 'p: "N(1, 1)", expect: {k1: {bias_over_true: {value: 0.5, within: 0.1}}}}')


def missed(row: Row, text: str = CLOSE) -> list[str]:
    return [point.text for point in check(made_up(text, rows=lambda _: (row,))) if not point.holds]


@pytest.mark.parametrize(
    ("z", "fails"), [(5.0, False), (-5.0, False), (5.01, True), (-5.01, True), (inf, True), (nan, False)]
)
def test_measured_and_exact_agree_to_5_mcse(z: float, fails: bool) -> None:
    assert bool(missed(replace(K1, z_bias=z))) == fails
    assert bool(missed(replace(K1, z_stdev=z))) == fails


def test_what_failed_is_one_line_that_says_where() -> None:
    assert missed(replace(K1, z_bias=-7.0)) == [
        "close, k1: bias_over_true is -0.003(63), exactly 0: z = -7.0, beyond ±5",
    ]
    assert missed(replace(K1, z_stdev=9.0), GRID)[0].startswith("shift (mu = 0.5), k1: stdev_over_true is 2.002(45)")


@pytest.mark.parametrize(
    ("value", "error", "fails"),
    [
        (0.6, 0.0, False),
        (0.41, nan, False),
        (0.65, nan, True),
        (0.65, 0.0101, False),
        (0.65, 0.0099, True),
        (inf, nan, True),
        (nan, nan, True),
    ],
)
def test_an_expected_value_is_met_within_its_distance_and_5_mcse(value: float, error: float, fails: bool) -> None:
    row = replace(K1, bias_over_true=value, bias_over_true_mcse=error)
    assert bool(missed(row, EXPECTING)) == fails


def test_a_missed_expectation_says_what_was_expected() -> None:
    row = replace(K1, bias_over_true=9.0, bias_over_true_mcse=0.01)
    assert missed(row, EXPECTING) == ["close, k1: bias_over_true is 9.000(10), expected 0.5 within 0.1 + 5 MCSE"]
    assert "is empty, expected" in missed(replace(K1, bias_over_true=nan, bias_over_true_mcse=nan), EXPECTING)[0]


def test_every_point_is_counted() -> None:
    assert len(list(check(made_up(EXPECTING)))) == 6


def missed_gradients(row: Row) -> list[str]:
    return [point.text for point in check(gradients.made_up(rows=lambda _: (row,))) if not point.holds]


@pytest.mark.parametrize("column", ["bias_over_true", "stdev_over_true", "cosine"])
def test_gradients_agree_to_5_mcse(column: str) -> None:
    exact = getattr(gradients.K3, f"exact_{column}")
    for distance, fails in ((0.49, False), (-0.49, False), (0.51, True), (-0.51, True), (nan, False), (inf, False)):
        row = replace(gradients.K3, **{column: exact + distance, f"{column}_mcse": 0.1})
        assert bool(missed_gradients(row)) == fails
    assert not missed_gradients(replace(gradients.K3, **{column: exact + 9, f"{column}_mcse": nan}))


def test_without_noise_only_rounding_is_allowed() -> None:
    for distance, fails in ((1e-13, False), (1e-6, True), (-1e-6, True)):
        row = replace(gradients.K3, bias_over_true=0.5 + distance, bias_over_true_mcse=0.0)
        assert bool(missed_gradients(row)) == fails


def test_what_failed_of_a_gradient_says_which_placement() -> None:
    row = replace(gradients.K3, weighting="ratio", cosine=0.1)
    assert missed_gradients(row) == ["close, k3, loss × ratio: cosine is 0.100(31), exactly 0.9: z = -25.8, beyond ±5"]


def test_what_cannot_be_checked_is_counted() -> None:
    results = gradients.made_up(rows=lambda _: (gradients.K1, gradients.K3))
    assert list(not_checkable(results)) == ["close, k1, loss: cosine is 0.31"]
    assert len(list(check(results))) == 5


@pytest.mark.parametrize(
    ("dtype", "rounding", "held"),
    [("float64", 0.6, True), ("float16", 0.6, False), ("float16", 0.001, True), ("float16", nan, False)],
)
def test_what_rounding_biases_is_not_held_to_float64(dtype: str, rounding: float, held: bool) -> None:
    row = replace(gradients.K3, dtype=dtype, rounding_over_true=rounding, rounding_over_true_mcse=0.001)
    assert bool(missed_gradients(replace(row, bias_over_true=9.0))) == held
    assert bool(missed_gradients(replace(row, stdev_over_true=9.0))) == (dtype == "float64"), "noise is part rounding"
    assert bool(missed_gradients(replace(row, cosine=-0.9))) == (dtype == "float64")


def test_the_regressed_bias_is_held_to_the_exact_one_too() -> None:
    off = {"bias_over_true_cv": 0.3, "bias_over_true_cv_mcse": 0.01}
    assert missed(replace(K1, **off)) == ["close, k1: bias_over_true_cv is 0.300(10), exactly 0: z = 30.0, beyond ±5"]


@pytest.mark.parametrize(("count", "shown"), [(1000, "all 1,000"), (3, "3 of 1,000")])
def test_values_that_are_no_numbers_fail(count: int, shown: str) -> None:
    (line,) = missed(replace(K1, nonfinite=count, z_bias=nan, z_stdev=nan))
    assert line == f"close, k1: {shown} values are infinite or NaN"


def test_rows_of_several_dtypes_are_told_apart() -> None:
    rows = (replace(K1, z_bias=9.0), replace(K1, dtype="float16"))
    points = check(made_up(CLOSE, rows=lambda _: rows))
    assert [point.text.partition(":")[0] for point in points if not point.holds] == ["close, k1, float64"]
