"""``klbench validate`` answers how biased, how noisy and how many samples, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done

Call = Callable[..., Done]


SPEC = """
name: answers
samples: 1e5
estimators: [k1, k2, "ratio*k3"]
pairs:
  - {name: shift, q: "N(0, 1)", p: "N({mu}, 1)", grid: {mu: [0.5, 1, 2]}}
  - {name: wide, q: "N(0, 1)", p: "N(0, 2)"}
  - {name: endless, q: "Uniform(0, 2)", p: "Uniform(0, 1)"}
"""


@pytest.fixture
def spec(here: Path) -> str:
    (here / "answers.yaml").write_text(SPEC)
    return "answers.yaml"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_columns_of_the_csv(call: Call, spec: str) -> None:
    done = call("validate", spec, "-f", "csv")
    assert (done.status, done.err) == (0, "")
    header = "pair,mu,estimator,true,exact_bias_over_true,exact_stdev_over_true,samples_needed"
    assert done.out.splitlines()[0] == header
    first = rows(done.out)[3]  # mu = 1
    assert (first["pair"], first["mu"], first["estimator"], first["true"]) == ("shift", "1.0", "k1", "0.5")
    assert float(first["exact_stdev_over_true"]) == pytest.approx(2, rel=1e-9)
    assert first["samples_needed"] == "1600"


def test_never_is_inf_and_what_does_not_exist_is_empty(call: Call, spec: str) -> None:
    found = {(row["pair"], row["mu"], row["estimator"]): row for row in rows(call("validate", spec, "-f", "csv").out)}
    assert found["shift", "1.0", "k2"]["samples_needed"] == "inf"
    assert found["wide", "", "ratio*k3"]["samples_needed"] == "inf"
    assert found["wide", "", "ratio*k3"]["exact_stdev_over_true"] == "inf"
    endless = found["endless", "", "k1"]
    assert (endless["true"], endless["exact_bias_over_true"], endless["samples_needed"]) == ("inf", "", "")


def test_within_changes_the_samples_only(call: Call, spec: str) -> None:
    five, one = (rows(call("validate", spec, "-f", "csv", *given).out) for given in ([], ["--within", "0.01"]))
    assert one[0]["samples_needed"] == str(25 * int(five[0]["samples_needed"]))
    for each in (*five, *one):
        each.pop("samples_needed")
    assert five == one


@pytest.mark.parametrize("given", ["0", "-1", "inf", "nan", "five"])
def test_within_is_a_share(call: Call, spec: str, given: str) -> None:
    assert call("validate", spec, "--within", given).status == 2


def test_json_is_strict_and_has_the_crossings(call: Call, spec: str) -> None:
    def refuse(text: str) -> float:
        raise AssertionError(text)

    found = json.loads(call("validate", spec, "-f", "json").out, parse_constant=refuse)
    assert found["within"] == 0.05
    assert [row["samples_needed"] for row in found["rows"] if row["pair"] == "wide"] == [
        pytest.approx(5_000, rel=1),
        "inf",
        "inf",
    ]
    assert found["rows"][-1]["samples_needed"] is None
    assert any(
        each.startswith("ratio*k3 and k1 have the same noise at mu = 1.12091") for each in found["crossings"]["shift"]
    )


def test_markdown_has_a_table_for_each_pair(call: Call, spec: str) -> None:
    found = call("validate", spec, "-f", "markdown").out
    assert found.count("\n|:--|") + found.count("\n| :--") >= 1
    assert [line for line in found.splitlines() if line.startswith("## ")] == ["## shift", "## wide", "## endless"]


def test_the_table_says_why(call: Call, spec: str) -> None:
    found = call("validate", spec).out
    assert "never  it is biased\n" in found
    assert "never  its variance is infinite\n" in found
    assert "no finite true value" in found
    assert "the same noise at mu = 1.12091, where KL(q‖p) = 0.628216" in found
    assert "draws of other streams." in found


def test_gradients_have_their_places(call: Call, here: Path) -> None:
    text = (
        'name: g\nmeasure: gradient\nestimators: [k1, k2]\nplacements: [loss]\npairs: [{q: "N(0, 1)", p: "N(1, 1)"}]\n'
    )
    (here / "g.yaml").write_text(text)
    k1, k2 = rows(call("validate", "g.yaml", "-f", "csv").out)
    assert (k1["placement"], k1["weighting"], k1["samples_needed"]) == ("loss", "none", "inf")
    assert float(k2["exact_bias_over_true"]) == 0
    assert int(k2["samples_needed"]) > 100


def test_below_float64_it_is_said(call: Call, here: Path) -> None:
    (here / "b.yaml").write_text(SPEC.replace("samples: 1e5", "samples: 1e4\ndtype: [bfloat16]"))
    assert "rounding to bfloat16 comes on top" in call("validate", "b.yaml").out


def test_the_numbers_are_written_as_in_results_csv(call: Call, spec: str, here: Path) -> None:
    answered = rows(call("validate", spec, "-f", "csv").out)
    assert call("run", spec, "-q", "-n", "1000").status == 0
    measured = rows((here / "results" / "answers" / "results.csv").read_text())
    same = ("pair", "mu", "estimator", "true", "exact_bias_over_true", "exact_stdev_over_true")
    assert [[row[name] for name in same] for row in answered] == [[row[name] for name in same] for row in measured]


def test_a_users_module_is_not_imported(call: Call, here: Path) -> None:
    (here / "theirs_alone.py").write_text("raise RuntimeError('imported')\n")
    text = 'name: u\nestimators: [k1, "theirs_alone:kl"]\npairs: [{q: "N(0, 1)", p: "N(1, 1)"}]\n'
    (here / "u.yaml").write_text(text)
    done = call("validate", "u.yaml")
    assert (done.status, done.err) == (0, "")
    assert "your own function: run imports it" in done.out
    assert "draws of other streams, without theirs_alone:kl." in done.out


def test_a_crossing_is_said_once(call: Call, here: Path) -> None:
    """Where neither is biased the error crosses where the noise does; where one is, elsewhere."""
    pair = '{q: "N(0, 1)", p: "N({mu}, 1)", grid: {mu: [0.1, 2]}}'
    (here / "c.yaml").write_text(f"name: c\nsamples: 1e4\nestimators: [k1, k2, k3]\npairs: [{pair}]\n")
    said = [line for line in call("validate", "c.yaml").out.splitlines() if line.startswith("• ")]
    assert sum("k3 and k1 have the same" in line for line in said) == 1
    assert sum("k2 and k1 have the same" in line for line in said) == 2


@pytest.mark.parametrize("name", ["samples_needed", "because"])
def test_what_only_validate_shows_is_explained_too(call: Call, name: str) -> None:
    done = call("explain", name)
    assert (done.status, done.err) == (0, "")
    assert "number of samples" in done.out
