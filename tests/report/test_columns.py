"""The one table of columns: complete, described, in the order of the contract, and followed by every data format."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields, replace
from math import inf, nan

import pytest

from klbench.errors import SpecError
from klbench.report.columns import COLUMNS, columns_in, find
from klbench.report.frame import to_csv, to_frame, to_json
from klbench.results import Results
from klbench.row import Components, Row
from tests.report import made_up_gradients as gradients
from tests.report.made_up import CLOSE, GRID, K1, NO_RATIOS, made_up

CONTRACT = [
    *["spec", "pair", "q", "p", "sampler", "estimator", "target", "samples", "true", "true_from"],
    *["mean", "mean_mcse", "bias", "bias_mcse", "stdev", "stdev_mcse"],
    *["bias_over_true", "bias_over_true_mcse", "stdev_over_true", "stdev_over_true_mcse"],
    *["bias_over_true_cv", "bias_over_true_cv_mcse", "exact_bias_over_true", "exact_stdev_over_true", "exact_from"],
    *["z_bias", "z_stdev", "negative_fraction", "nonfinite", "khat", "seed", "dtype", "device"],
]
OF_GRADIENTS = [
    *["spec", "pair", "q", "p", "sampler", "parameters", "estimator", "target", "placement", "weighting", "samples"],
    *["true_norm", "bias_over_true", "bias_over_true_mcse", "stdev_over_true", "stdev_over_true_mcse"],
    *["cosine", "cosine_mcse", "exact_bias_over_true", "exact_stdev_over_true", "exact_cosine", "exact_from"],
    *["follows", "nonfinite", "seed", "dtype", "device"],
]
OF_RATIO = ["noise_ratio", "noise_ratio_mcse", "exact_noise_ratio"]
ROUNDING = ["rounding_over_true", "rounding_over_true_mcse"]


def names(results: Results) -> list[str]:
    return [column.name for column in columns_in(results)]


def test_the_columns_are_the_contracts_in_its_order() -> None:
    assert names(made_up()) == CONTRACT
    assert names(gradients.made_up()) == OF_GRADIENTS


@pytest.mark.parametrize("dtype", ["float32", "[float64, float16]"])
def test_below_float64_two_columns_come_last(dtype: str) -> None:
    assert names(made_up(f"{CLOSE}dtype: {dtype}\n")) == CONTRACT + ROUNDING
    assert names(gradients.made_up(f"{gradients.PLAIN}dtype: {dtype}\n")) == OF_GRADIENTS + ROUNDING


def test_noise_relative_to_an_estimators_stands_before_these() -> None:
    assert names(made_up(f"{CLOSE}ratio: k1\n")) == CONTRACT + OF_RATIO
    assert names(made_up(f"{CLOSE}ratio: k1\ndtype: float32\n")) == CONTRACT + OF_RATIO + ROUNDING
    assert names(gradients.made_up(f"{gradients.PLAIN}ratio: k1\n")) == OF_GRADIENTS + OF_RATIO


def test_every_field_of_a_row_has_a_column() -> None:
    held = {field.name for kind in (Row, Components) for field in fields(kind)}
    held -= {"components", "reference", "z_bias_cv", "z_cosine", "z_noise_ratio"}
    assert held <= {column.name for column in COLUMNS}


def test_every_column_has_one_description() -> None:
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_every_column_is_described_in_a_sentence(column) -> None:
    assert column.about.description[0] != " "
    assert column.about.description.endswith(".")


def test_a_grid_parameter_becomes_a_column_after_pair() -> None:
    assert names(made_up(GRID))[:4] == ["spec", "pair", "mu", "q"]
    assert names(gradients.made_up(gradients.GRID))[:4] == ["spec", "pair", "mu", "q"]


def test_an_unknown_column_is_refused_with_what_was_meant() -> None:
    with pytest.raises(SpecError) as caught:
        find("bias_over_tru")
    assert caught.value.help[0] == "did you mean bias_over_true?"


def test_the_whole_csv() -> None:
    assert to_csv(made_up(rows=lambda _: (K1,))) == (
        ",".join(CONTRACT) + "\n"
        'made-up,close,"Normal(loc=0, scale=1)","Normal(loc=1, scale=1)",,k1,reverse KL,1000,0.5,closed-form,'
        "0.4985,0.03162,-0.0015,0.03162,1.001,0.0224,-0.003,0.06324,2.002,0.0448,,,0.0,2.0,quadrature,-0.05,0.04,"
        "0.308,0,-0.05,7,float64,cpu\n"
    )


def test_the_whole_csv_of_gradients() -> None:
    assert to_csv(gradients.made_up(rows=lambda _: (gradients.K1,))) == (
        ",".join(OF_GRADIENTS) + "\n"
        'made-up,close,"Normal(loc=0, scale=1)","Normal(loc=1, scale=1)",,"loc, scale",k1,reverse KL,loss,none,1000,'
        "1.0,0.9913,0.0316,1.741,0.0352,0.31,,1.0,1.7320508075688772,,quadrature,0,0,7,float64,cpu\n"
    )


def test_a_gradient_that_does_not_exist_is_empty() -> None:
    text = to_csv(gradients.made_up(rows=lambda _: (replace(gradients.K1, follows="", **gradients.NO_RATIOS),)))
    row = next(csv.DictReader(io.StringIO(text)))
    assert {row[name] for name in ("follows", "sampler", *gradients.NO_RATIOS) if name in row} == {""}
    assert row["true_norm"] == "1.0"


def test_what_does_not_exist_is_empty_and_infinite_is_inf() -> None:
    odd = replace(K1, stdev=inf, stdev_mcse=nan, true_from="", bias=-inf, **NO_RATIOS)
    rows = list(csv.DictReader(io.StringIO(to_csv(made_up(GRID, rows=lambda _: (odd,))))))
    assert [row["mu"] for row in rows] == ["0.5", "1.0", ""]
    assert {row["stdev"] for row in rows} == {"inf"}
    assert {row["bias"] for row in rows} == {"-inf"}
    assert {
        row[name] for row in rows for name in ("stdev_mcse", "true_from", "sampler", *NO_RATIOS) if name in row
    } == {""}


def test_a_grid_of_whole_numbers_stays_whole_where_a_pair_lacks_it() -> None:
    text = GRID.replace("[0.5, 1]", "[1, 2]")
    rows = list(csv.DictReader(io.StringIO(to_csv(made_up(text)))))
    assert [row["mu"] for row in rows] == ["1", "1", "2", "2", "", ""]


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e-300, 1 / 3, 123456789012345680.0, 5e-324, -0.0, 1e22])
def test_floats_are_the_shortest_text_that_reads_back(value: float) -> None:
    text = to_csv(made_up(rows=lambda _: (replace(K1, mean=value),)))
    assert next(csv.DictReader(io.StringIO(text)))["mean"] == repr(value)


def test_json_is_strict_and_has_the_columns_of_the_csv() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    odd = replace(K1, stdev=inf, stdev_mcse=nan)
    rows = json.loads(to_json(made_up(GRID, rows=lambda _: (odd,))), parse_constant=refuse)
    assert list(rows[0]) == names(made_up(GRID))
    assert (rows[0]["stdev"], rows[0]["stdev_mcse"], rows[0]["sampler"], rows[2]["mu"]) == ("inf", None, None, None)
    assert (rows[0]["samples"], rows[0]["mean"]) == (1000, 0.4985)


def test_the_frame_has_a_dtype_for_each_kind() -> None:
    frame = to_frame(made_up(GRID))
    assert (str(frame["samples"].dtype), str(frame["mean"].dtype), str(frame["mu"].dtype)) == (
        "Int64",
        "float64",
        "float64",
    )
    assert len(frame) == 6


def test_the_json_of_gradients_has_the_columns_of_the_csv() -> None:
    rows = json.loads(to_json(gradients.made_up(rows=lambda _: (replace(gradients.K1, exact_stdev_over_true=inf),))))
    assert list(rows[0]) == OF_GRADIENTS
    assert (rows[0]["follows"], rows[0]["cosine_mcse"], rows[0]["exact_stdev_over_true"]) == ("0", None, "inf")
    assert rows[0]["parameters"] == "loc, scale"
