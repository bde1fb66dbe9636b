"""What is said of two numbers, on results whose numbers are chosen."""

from __future__ import annotations

from math import hypot, inf, isnan
from pathlib import Path

import pytest

from klbench.compare.comparison import Comparison, compare
from klbench.compare.judged import Verdict
from klbench.errors import SpecError
from tests.compare.doctored import ROWS, Edits, write

OTHER_DRAWS = {"every": {"seed": 1}}


def comparison(tmp_path: Path, edits: Edits, within: float = 0.0) -> Comparison:
    return compare(write(tmp_path / "a"), write(tmp_path / "b", edits), within=within)


def only(found: Comparison) -> str:
    (one,) = found.told
    return one.sentence


def test_a_sentence_has_both_numbers_z_the_verdict_and_how_much(tmp_path: Path) -> None:
    edits = {**OTHER_DRAWS, "far/k3": {"stdev_over_true": 1.52, "stdev_over_true_mcse": 0.003}}
    found = comparison(tmp_path, edits)
    assert only(found) == "far: k3's noise: 1.6950(30) → 1.5200(30), z = -41: different; 10 % less"
    (one,) = found.told
    assert one.judged.z == pytest.approx(-0.175 / hypot(0.003, 0.003))
    assert not found.holds()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"bias_over_true": 0.0099}, "bias: 0.0000(20) → 0.0099(20), z = +3.5: perhaps different; 0.99 % of the true"),
        ({"bias_over_true": 0.02}, "z = +7.1: different; 2 % of the true value more"),
        ({"true": 0.6}, "true value: 0.5 → 0.6: the exact value differs; 20 % more"),
        ({"exact_stdev_over_true": 4}, "exact noise: 1.695 → 4: the exact value differs; 2.4 times as large"),
        ({"exact_stdev_over_true": inf}, "exact noise: 1.695 → ∞: the exact value differs"),
        ({"exact_bias_over_true": ""}, "exact bias: 0 → –: only in the first"),
        ({"stdev_over_true": 2, "stdev_over_true_mcse": ""}, "noise: 1.6950(30) → 2‡: no error bar; 18 % more"),
        ({"target": "forward KL"}, "target: reverse KL → forward KL: the exact value differs"),
        ({"negative_fraction": 0.2}, "k < 0: 0% → 20.0%: of another kind; values below 0 appeared"),
        ({"nonfinite": 40}, "infinite or NaN values: 0 → 40, z = +6.4: different; there were none"),
    ],
)
def test_each_number_has_its_words(tmp_path: Path, edit: dict[str, object], said: str) -> None:
    found = only(comparison(tmp_path, {**OTHER_DRAWS, "far/k3": edit}))
    assert found.startswith("far: k3's ")
    assert said in found


def test_an_error_bar_that_is_not_trusted_is_marked(tmp_path: Path) -> None:
    edit = {"khat": 0.8, "exact_stdev_over_true": "", "bias_over_true": 0.1}
    shown = [each.sentence for each in comparison(tmp_path, {**OTHER_DRAWS, "far/k3": edit}).told]
    assert shown[0] == (
        "far: k3's bias: 0.0000(20) → 0.1000(20)†, z = +35: different; 10 % of the true value more; "
        "† do not trust the error bar"
    )


def test_the_same_draws_give_the_same_or_something_changed(tmp_path: Path) -> None:
    found = comparison(tmp_path, {"far/k3": {"bias_over_true": 0.00003}})  # 0.015 errors: nobody reads that
    assert not found.told
    found = compare(tmp_path / "a", write(tmp_path / "c", {"far/k3": {"bias_over_true": 0.001}}))
    (one,) = found.told
    assert one.verdict is Verdict.CHANGED
    assert "the same draws: what is computed has changed" in one.sentence
    assert found.holds()
    assert not found.holds(strict=True)
    assert found.draws == (("the same draws", 4),)


@pytest.mark.parametrize(("errors", "holds"), [(4.999, True), (5.001, False)])
def test_the_gate_is_at_five_errors(tmp_path: Path, errors: float, holds: bool) -> None:
    edit = {"bias_over_true": errors * hypot(0.002, 0.002)}
    found = comparison(tmp_path, {**OTHER_DRAWS, "far/k3": edit})
    assert found.holds() is holds
    assert found.told[0].verdict is (Verdict.UNCLEAR if holds else Verdict.DIFFERENT)


@pytest.mark.parametrize(
    ("edit", "within", "holds"),
    [
        ({"stdev_over_true": 1.78}, 0.04, False),
        ({"stdev_over_true": 1.78}, 0.05, True),  # of the larger, 1.78
        ({"bias_over_true": 0.02}, 0.019, False),
        ({"bias_over_true": 0.02}, 0.021, True),  # a share of the true value already
        ({"true": 0.6}, 0.2, True),
        ({"exact_stdev_over_true": inf}, 0.99, False),
    ],
)
def test_a_tolerance_is_of_the_larger_number_or_a_share_itself(
    tmp_path: Path, edit: dict[str, object], within: float, holds: bool
) -> None:
    found = comparison(tmp_path, {**OTHER_DRAWS, "far/k3": edit}, within)
    assert found.holds() is holds
    assert ("(tolerated)" in only(found)) is holds


def test_rows_that_appear_and_vanish_are_named(tmp_path: Path) -> None:
    first = write(tmp_path / "a", more=[{**ROWS[0], "estimator": "k2"}])
    found = compare(first, write(tmp_path / "b", more=[{**ROWS[0], "pair": "new"}]))
    assert (found.only_a, found.only_b) == (("close: k2",), ("new: k1",))
    assert found.holds()
    assert not found.holds(strict=True)


def test_the_larger_difference_comes_first(tmp_path: Path) -> None:
    edits = {**OTHER_DRAWS, "far/k3": {"bias_over_true": 0.02}, "close/k1": {"bias_over_true": 0.05}}
    assert [each.where for each in comparison(tmp_path, edits).told] == ["close", "far"]


def test_one_number_is_not_compared_twice(tmp_path: Path) -> None:
    columns = [each.column for each in comparison(tmp_path, {}).differences if each.where == "far"]
    assert "mean" not in columns
    assert "stdev" not in columns
    without = {"every": {"bias_over_true": "", "stdev_over_true": "", "true": ""}}
    found = compare(write(tmp_path / "c", without), write(tmp_path / "d", without))
    assert {"mean", "stdev"} <= {each.column for each in found.differences}


def test_identical_files_are_called_so_and_others_are_not(tmp_path: Path) -> None:
    found = comparison(tmp_path, {})
    assert found.identical == ("results.csv",)
    assert not found.told
    assert all(each.judged.z == 0 or isnan(each.judged.z) for each in found.differences)
    (tmp_path / "b" / "components.csv").write_text("pair\n")
    assert not compare(tmp_path / "a", tmp_path / "b").identical


def test_specs_and_versions_that_differ(tmp_path: Path) -> None:
    spec = "name: made-up\nsamples: 1000\nseed: 0\nfolder: /here\npairs:\n- {name: far, q: 'N(0, 1)', p: 'N(1, 1)'}\n"
    manifest = '{"versions": {"klbench": "%s", "torch": "2.1"}, "device_name": null}'
    first = write(tmp_path / "a", spec_yaml=spec, manifest_json=manifest % "0.1.0")
    other = spec.replace("1000", "4000").replace("N(1, 1)", "N(2, 1)").replace("/here", "/there")
    second = write(tmp_path / "b", {"every": {"samples": 4000}}, spec_yaml=other, manifest_json=manifest % "0.2.0")
    found = compare(first, second)
    assert [each.sentence for each in found.spec] == ["samples: 1000 → 4000", "pairs[far].p: N(1, 1) → N(2, 1)"]
    assert [each.sentence for each in found.versions] == ["klbench: 0.1.0 → 0.2.0"]
    assert found.draws == (("independent draws", 4),)  # another minor version may have other streams


def test_csvs_alone_tell_what_their_pairs_are(tmp_path: Path) -> None:
    found = comparison(tmp_path, {"far/k1": {"p": "Normal(loc=2, scale=1)"}})
    assert [each.sentence for each in found.spec] == ["far: p: Normal(loc=1, scale=1) → Normal(loc=2, scale=1)"]


def test_checks_and_positions_of_data_are_compared(tmp_path: Path) -> None:
    checks = "check,level,value,mcse,z\nmean_ratio_minus_one,token,%s,0.001,\n"
    positions = (
        "pair,decile,first_position,last_position,tokens,k1,k1_mcse,k3,k3_mcse\nrun,1,0,0,60,0.05,0.001,%s,0.001\n"
    )
    first = write(tmp_path / "a", checks_csv=checks % 0.0, positions_csv=positions % 0.02)
    second = write(tmp_path / "b", checks_csv=checks % 0.01, positions_csv=positions % 0.03)
    said = [each.sentence for each in compare(first, second).told]
    assert said == [
        "checks.csv: mean_ratio_minus_one, token's value: 0.0000(10) → 0.0100(10), z = +7.1: different",
        "run, positions.csv: decile 1's k3: 0.0200(10) → 0.0300(10), z = +7.1: different; 50 % more",
    ]


def test_components_tell_of_the_farthest(tmp_path: Path) -> None:
    text = "spec,pair,estimator,placement,weighting,parameter,index,true,mean,mean_mcse,exact,stdev\n"
    text += "s,far,k1,loss,none,loc,0,,0.5,0.03,,\ns,far,k1,loss,none,scale,0,,%s,0.04,,\n"
    first = write(tmp_path / "a", components_csv=text % 0.1)
    second = write(tmp_path / "b", {"far/k1": {"seed": 5}}, components_csv=text % 0.6)
    found = compare(first, second).components
    assert found is not None
    assert (found.both, found.different, found.far) == (2, 1, 1)
    assert found.largest == pytest.approx(0.5 / hypot(0.04, 0.04))
    assert (
        "1 of 2 components differ, 1 by more than 5 errors, the farthest by z = +8.8 (far, k1, loss" in found.sentence
    )


def test_nothing_in_common_is_an_error(tmp_path: Path) -> None:
    other = write(tmp_path / "b", {f"{row['pair']}/{row['estimator']}": {"pair": "z"} for row in ROWS[:1]})
    lines = other.joinpath("results.csv").read_text().splitlines()
    other.joinpath("results.csv").write_text("\n".join(lines[:2]))
    with pytest.raises(SpecError, match="no row in common"):
        compare(write(tmp_path / "a"), other)
