"""components.csv: the contract's columns, a line per component, floats that read back, and the same as a data frame."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

import klbench
from klbench.report.components import to_components_csv
from klbench.row import Components
from tests.report import made_up as values
from tests.report.made_up_gradients import GRID, K1, K3, PLAIN, made_up

CONTRACT = [
    *["spec", "pair", "estimator", "placement", "weighting", "parameter", "index"],
    *["true", "mean", "mean_mcse", "exact", "stdev"],
]
NUMBERS = ("true", "mean", "mean_mcse", "exact", "stdev")


def test_the_whole_text() -> None:
    assert to_components_csv(made_up(rows=lambda _: (K1, replace(K3, weighting="ratio")))) == (
        ",".join(CONTRACT)
        + """
made-up,close,k1,loss,none,loc,0,-1.0,0.0087,0.04,0.0,1.5
made-up,close,k1,loss,none,scale,0,0.0,-0.02,0.04,0.0,2.5
made-up,close,k3,loss,ratio,loc,0,-1.0,-1.02,0.04,-1.0,1.5
made-up,close,k3,loss,ratio,scale,0,0.0,-0.48,0.04,-0.5,2.5
"""
    )


def test_a_name_that_csv_would_split_is_quoted() -> None:
    text = PLAIN.replace("name: close", """name: 'far, "near"'""")
    lines = list(csv.DictReader(io.StringIO(to_components_csv(made_up(text)))))
    assert {line["pair"] for line in lines} == {'far, "near"'}
    assert {line["stdev"] for line in lines} == {"1.5", "2.5"}


def test_a_grid_parameter_stands_after_the_pair_and_is_empty_where_a_pair_has_none() -> None:
    lines = list(csv.DictReader(io.StringIO(to_components_csv(made_up(GRID, rows=lambda _: (K1,))))))
    assert list(lines[0]) == ["spec", "pair", "mu", *CONTRACT[2:]]
    assert [line["mu"] for line in lines] == ["0.5", "0.5", "1.0", "1.0", "", ""]


def test_the_dtype_stands_last_where_lines_could_not_be_told_apart() -> None:
    text = PLAIN + "dtype: [float64, float16]\n"
    lines = list(csv.reader(io.StringIO(to_components_csv(made_up(text, rows=lambda _: (K1,))))))
    assert lines[0] == [*CONTRACT, "dtype"]
    assert lines[1][-1] == "float64"
    assert to_components_csv(made_up(PLAIN + "dtype: float32\n")).splitlines()[0] == ",".join(CONTRACT)


def test_what_does_not_exist_is_empty_and_floats_read_back() -> None:
    odd = np.array([np.nan, np.inf, -np.inf, 0.1 + 0.2, 5e-324, -0.0, 1e22, 1 / 3])
    held = Components(("logits",) * 8, tuple(range(8)), *[odd] * 5)
    lines = list(
        csv.DictReader(io.StringIO(to_components_csv(made_up(rows=lambda _: (replace(K1, components=held),)))))
    )
    assert [line["index"] for line in lines] == [str(index) for index in range(8)]
    for name in NUMBERS:
        assert [line[name] for line in lines] == ["", *(repr(value) for value in odd.tolist()[1:])]


def test_a_gradient_that_does_not_exist_has_no_lines() -> None:
    assert to_components_csv(made_up(rows=lambda _: (replace(K1, components=None),))) == ",".join(CONTRACT) + "\n"
    assert len(klbench.to_components_frame(made_up(rows=lambda _: (replace(K1, components=None),)))) == 0


def test_values_have_no_components() -> None:
    assert len(klbench.to_components_frame(values.made_up())) == 0


@pytest.mark.parametrize("text", [PLAIN, GRID])
def test_the_frame_holds_what_the_csv_does(text: str) -> None:
    results = made_up(text)
    frame = klbench.to_components_frame(results)
    lines = list(csv.DictReader(io.StringIO(to_components_csv(results))))
    assert list(frame) == list(lines[0])
    for name, dtype in {"pair": "object", "parameter": "object", "index": "Int64", "mean": "float64"}.items():
        assert str(frame[name].dtype) == dtype
        assert [str(cell) for cell in frame[name]] == [line[name] for line in lines]
    if "mu" in frame:
        assert [str(value).replace("nan", "") for value in frame["mu"]] == [line["mu"] for line in lines]
