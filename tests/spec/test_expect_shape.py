"""Published values stand under an estimator and a column; where either is missing, the right shape is said."""

from __future__ import annotations

from pathlib import Path

import pytest

import klbench
from klbench.errors import SpecError
from klbench.spec.form import EXPECTED

PAIR = "q: 'N(0, 1)', p: 'N(1, 1)'"
VALUE = "{value: 2, within: 0.1}"


def _refused(expect: str, pair: str = PAIR) -> SpecError:
    with pytest.raises(SpecError) as refused:
        klbench.read_text(f"name: x\nestimators: [k1]\npairs: [{{{pair}, expect: {expect}}}]\n")
    return refused.value


@pytest.mark.parametrize(
    ("expect", "missing"),
    [
        (f"{{k1: {VALUE}}}", "no column"),
        ("{k1: {within: 0.1}}", "no column"),
        ("{k1: {value: 2}}", "no column"),
        ("{k1: 2}", "no column"),
        ("{k1: [2]}", "no column"),
        (f"{{mean: {VALUE}}}", "no estimator"),
        (f"{{bias_over_true: {VALUE}}}", "no estimator"),
        ("{mean: 2}", "no estimator"),
        (VALUE, "neither estimator nor column"),
    ],
)
def test_what_is_missing_is_said(expect: str, missing: str) -> None:
    refused = _refused(expect)
    assert refused.message == f"there is {missing} of the results at this value"
    assert refused.help[0] == f"by estimator and column: {EXPECTED}"
    assert refused.location is not None


def test_data_are_held_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "tokens.csv").write_text("log_q,log_p\n-1,-2\n")
    refused = _refused(f"{{k1: {VALUE}}}", f"data: '{tmp_path / 'tokens.csv'}'")
    assert any("no column of the results" in said for said in (refused.message, *refused.help))


def test_what_is_no_mapping_gets_the_shape() -> None:
    refused = _refused("2")
    assert refused.message == "expect cannot be 2"
    assert EXPECTED in refused.help[0]


def test_the_shape_itself_is_right() -> None:
    text = f"name: x\nestimators: [k1]\npairs: [{{{PAIR}, {EXPECTED}}}]\n"
    (pair,) = klbench.read_text(text).pairs
    assert pair.expect["k1"]["mean"].value == 0.5
