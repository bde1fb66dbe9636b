"""What --check holds a run to."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from klbench.report.check import check
from klbench.results import Row
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
    assert len(list(check(made_up(EXPECTING)))) == 5
