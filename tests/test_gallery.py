"""The gallery: its specs are documented, its committed results are what they give, and what it says is so.

What is said of the numbers is tested on the exact columns, so no test here fails by chance.
"""

from __future__ import annotations

import csv
import importlib
import io
import math
import sys
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest

from klbench.report.check import check
from klbench.report.frame import to_csv
from klbench.results import CaseResult, Results, Row
from klbench.runner import run
from klbench.spec.read import read_spec

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
NAMES = [path.stem for path in CONFIGS]
TEXTS = ("spec", "pair", "q", "p", "sampler", "estimator", "target", "true_from", "exact_from", "dtype", "device")
ROUNDING = 1e-9
"""A stdev, in units of the true value, that is nothing but rounding."""


@pytest.fixture(scope="module")
def gallery() -> Iterator[ModuleType]:
    """The module that makes the page."""
    with patch.object(sys, "path", [str(ROOT / "results"), *sys.path]):
        yield importlib.import_module("gallery")


def committed_csv(name: str) -> str:
    return (ROOT / "results" / name / "results.csv").read_text(encoding="utf-8")


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def same(column: str, one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Equal, but for what the vector instructions of another processor change in the last digits of a sum.

    A change of 1e-16 in each value moves a mean by no more, and a fitted tail by somewhat more: 1e-6 leaves room, and
    is far below any error bar. Where all noise is rounding (a coin's optimal control variate), so are its z.
    """
    if column in TEXTS or "" in (one[column], other[column]):
        return one[column] == other[column]
    if column.startswith("z_") and float(one["stdev_over_true"] or "inf") < ROUNDING:
        return True
    return math.isclose(float(one[column]), float(other[column]), rel_tol=1e-6, abs_tol=ROUNDING)


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_a_spec_says_what_to_look_for(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    header = list(takewhile(lambda line: line.startswith("#"), lines))
    spec = read_spec(str(path))
    assert lines[0] == "# yaml-language-server: $schema=../klbench.schema.json"
    assert "# What to look for" in header
    assert len(header) > 6
    assert spec.name == path.stem
    assert spec.description


def test_every_spec_has_results_and_a_story(gallery: ModuleType) -> None:
    folders = [path.parent.name for path in (ROOT / "results").glob("*/results.csv")]
    assert sorted(gallery.names()) == sorted(folders) == NAMES


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_the_committed_spec_is_the_spec(path: Path) -> None:
    committed = ROOT / "results" / path.stem / "spec.yaml"
    assert committed.read_text(encoding="utf-8") == read_spec(str(path)).to_yaml()


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_the_committed_results_are_what_the_spec_gives(path: Path) -> None:
    given, committed = (
        rows(text) for text in (to_csv(run(read_spec(str(path)), device="cpu")), committed_csv(path.stem))
    )
    assert [list(row) for row in given] == [list(row) for row in committed]
    differing = [
        (one["pair"], one["estimator"], column, one[column], other[column])
        for one, other in zip(committed, given, strict=True)
        for column in one
        if not same(column, one, other)
    ]
    assert differing == []


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_results_pass_the_check(gallery: ModuleType, name: str) -> None:
    assert [point.text for point in check(gallery.committed(name)) if not point.holds] == []


@pytest.mark.parametrize("name", NAMES)
def test_reading_the_results_back_loses_nothing(gallery: ModuleType, name: str) -> None:
    assert to_csv(gallery.committed(name)) == committed_csv(name)


def test_the_page_is_made_from_the_results(gallery: ModuleType) -> None:
    assert (ROOT / "results" / "README.md").read_text(encoding="utf-8") == gallery.page()


# What the gallery says.


def by_estimator(case: CaseResult) -> dict[str, Row]:
    return {row.estimator: row for row in case.rows}


def cases(results: Results, pair: str) -> list[CaseResult]:
    return [case for case in results.cases if case.case.pair == pair]


def test_shift_k3_is_the_noisier_one_beyond_0_628(gallery: ModuleType) -> None:
    for case in gallery.committed("shift").cases:
        row = by_estimator(case)
        assert (row["k3"].exact_stdev_over_true > row["k1"].exact_stdev_over_true) == (case.kl > 0.628)
        assert row["k2"].exact_bias_over_true == pytest.approx(case.kl / 2, rel=1e-8)


def test_shift_spans_the_kl_from_1e_4_to_5(gallery: ModuleType) -> None:
    kl = [case.kl for case in gallery.committed("shift").cases]
    assert (min(kl), max(kl)) == pytest.approx((1e-4, 5), rel=1e-12)


def test_directions_are_two_numbers_that_change_places(gallery: ModuleType) -> None:
    wide, narrow = map(by_estimator, gallery.committed("directions").cases)
    assert wide["k3"].true == pytest.approx(narrow["forward_kl"].true, rel=1e-12)
    assert wide["forward_kl"].true == pytest.approx(narrow["k3"].true, rel=1e-12)
    assert wide["forward_kl"].true > 1.2 * wide["k3"].true


@pytest.mark.parametrize(
    ("pair", "infinite"),
    [
        ("wide reference", {"k3"}),
        ("Student policy, df 5", {"k2"}),
        ("Student policy, df 3", {"k1", "k2", "k3", "k1_cv(optimal)"}),
        ("Student reference", {"k3"}),
        ("Laplace policy", set()),
        ("Laplace reference", {"k3"}),
    ],
)
def test_heavy_tails_variances_that_do_not_exist(gallery: ModuleType, pair: str, infinite: set[str]) -> None:
    (case,) = cases(gallery.committed("heavy_tails"), pair)
    without_variance = [row for row in case.rows if row.exact_stdev_over_true == math.inf]
    assert {row.estimator for row in without_variance} == infinite
    assert all(math.isnan(row.mean_mcse) and math.isnan(row.stdev_mcse) for row in without_variance)


def test_coins_have_no_noise_under_the_optimal_control_variate(gallery: ModuleType) -> None:
    for case in gallery.committed("coins").cases:
        assert by_estimator(case)["k1_cv(optimal)"].stdev < ROUNDING * case.kl


def test_categoricals_cut_off_k3_lacks_the_missing_mass(gallery: ModuleType) -> None:
    (case,) = cases(gallery.committed("categoricals"), "cut off")
    row = by_estimator(case)
    assert row["k3"].exact_bias_over_true * case.kl == pytest.approx(-0.3, rel=1e-8)
    assert row["k1"].exact_bias_over_true == 0


def test_mixtures_a_dropped_mode_is_missing_from_k3(gallery: ModuleType) -> None:
    (case,) = cases(gallery.committed("mixtures"), "mode dropped")
    k3 = by_estimator(case)["k3"]
    assert k3.exact_bias_over_true == 0
    assert k3.exact_stdev_over_true == math.inf
    assert k3.mean < k3.true - 0.4


def test_dimensions_the_same_kl(gallery: ModuleType) -> None:
    kl = [case.kl for case in gallery.committed("dimensions").cases]
    assert kl == pytest.approx([0.5, 0.5, 0.5, 0.045, 0.45, 4.5], rel=1e-12)


def test_f_divergences_agree_to_second_order(gallery: ModuleType) -> None:
    (case,) = cases(gallery.committed("f_divergences"), "close")
    smooth = [row for row in case.rows if row.estimator.partition("(")[0].endswith("_cv")]
    smooth = [row for row in smooth if row.target != "total variation"]
    assert len(smooth) == 6
    assert [row.exact_stdev_over_true for row in smooth] == pytest.approx([math.sqrt(2)] * 6, rel=0.05)


def test_off_policy_the_plain_k1_is_off_by_four_lags(gallery: ModuleType) -> None:
    for case in cases(gallery.committed("off_policy"), "stale"):
        row = by_estimator(case)
        assert row["k1"].exact_bias_over_true == pytest.approx(-4 * case.case.parameters["lag"], abs=1e-9)
        assert row["ratio*k1"].exact_bias_over_true == pytest.approx(0, abs=1e-9)
        assert row["ratio*k3"].exact_stdev_over_true < row["ratio*k1"].exact_stdev_over_true
