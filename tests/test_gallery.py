"""The gallery: its specs are documented, its committed results are what they give, and what it says is so.

What is said of the numbers is tested on the exact columns, so no test here fails by chance.
"""

from __future__ import annotations

import csv
import importlib
import io
import math
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise, takewhile
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import numpy as np
import pytest
import torch

from klbench.report.check import check
from klbench.report.fields import PLACEMENT
from klbench.report.folder import to_files
from klbench.results import CaseResult, Results
from klbench.row import Row
from klbench.runner import run
from klbench.spec.read import read_spec

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
NAMES = [path.stem for path in CONFIGS]
TEXTS = (
    "spec",
    "pair",
    "q",
    "p",
    "sampler",
    "estimator",
    "level",
    "aggregation",
    "target",
    "true_from",
    "exact_from",
    "dtype",
    "device",
    "parameters",
    "parameter",
    "placement",
    "weighting",
    "follows",
    "check",
    "what",
    "place",
    "text",
)
TABLES = ("results.csv", "components.csv", "checks.csv", "positions.csv", "worst.csv")
ROUNDING = 1e-9
"""A stdev, in units of the true value, that is nothing but rounding."""


SEEN = {"negative_fraction": 1e-5, "rounding_over_true": 1e-5, "rounding_over_true_mcse": 1e-7}
"""A few draws in a million that are rounded the other way: what these numbers may move by."""


@pytest.fixture(scope="module")
def gallery() -> Iterator[ModuleType]:
    """The module that makes the page."""
    with patch.object(sys, "path", [str(ROOT / "results"), *sys.path]):
        yield importlib.import_module("gallery")


def tables(name: str) -> dict[str, str]:
    """The committed texts of a spec's tables."""
    paths = [ROOT / "results" / name / table for table in TABLES]
    return {path.name: path.read_text(encoding="utf-8") for path in paths if path.is_file()}


def tables_of(results: Results) -> dict[str, str]:
    """The texts that results would have."""
    files = to_files(results, datetime.now(UTC))
    return {table: text for table in TABLES if (text := files[table]) is not None}


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def same(column: str, one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Equal, but for what the vector instructions of another processor change in the last digits of a sum.

    A change of 1e-16 in each value moves a mean by no more, and a fitted tail by somewhat more: 1e-6 leaves room, and
    is far below any error bar. Where all noise is rounding (a coin's optimal control variate), so are its z.
    """
    if column in TEXTS or "" in (one[column], other[column]):
        return one[column] == other[column]
    if one.get("dtype", "float64") != "float64" and not column.startswith(("true", "exact")):
        return nearly(column, one, other)
    if column.startswith("z_") and float(one["stdev_over_true"] or "inf") < ROUNDING:
        return True
    # a z is a difference in units of an error that may be far smaller than either number
    absolute = 1e-3 if column.startswith("z_") or column == "z" else SEEN.get(column, ROUNDING)
    return math.isclose(float(one[column]), float(other[column]), rel_tol=1e-6, abs_tol=absolute)


def nearly(column: str, one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Equal, but for the last digit of another processor's exp, which below float64 is seen: within one error bar."""
    given, found = float(one[column]), float(other[column])
    error = float(one.get(f"{column}_mcse") or 0.0)
    absolute = max(error, 1.0 if column.startswith("z_") else SEEN.get(column, 0.0))
    return math.isclose(given, found, rel_tol=0.1, abs_tol=absolute)


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
    given, committed = tables_of(run(read_spec(str(path)), device="cpu")), tables(path.stem)
    assert given.keys() == committed.keys()
    for table in given:
        compare(rows(committed[table]), rows(given[table]))


def compare(committed: list[dict[str, str]], given: list[dict[str, str]]) -> None:
    assert [list(row) for row in given] == [list(row) for row in committed]
    differing = [
        (one.get("pair"), one.get("estimator"), column, one[column], other[column])
        for one, other in zip(committed, given, strict=True)
        for column in one
        if not same(column, one, other)
    ]
    assert differing == []


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_results_pass_the_check(gallery: ModuleType, name: str) -> None:
    results = gallery.committed(name)
    missed = [point.text for point in check(results) if not point.holds]
    # the one spec that is about overflow shows it: those rows are the only ones that fail
    overflowing = sum(row.nonfinite > 0 for _, row in results.rows()) if name == "precision_gradient" else 0
    assert len(missed) == overflowing
    assert all(text.endswith("gradients are infinite or NaN") for text in missed)


@pytest.mark.parametrize("name", NAMES)
def test_reading_the_results_back_loses_nothing(gallery: ModuleType, name: str) -> None:
    assert tables_of(gallery.committed(name)) == tables(name)


def test_the_page_is_made_from_the_results(gallery: ModuleType) -> None:
    assert (ROOT / "results" / "README.md").read_text(encoding="utf-8") == gallery.page()


def test_the_audit_is_what_the_command_prints(gallery: ModuleType) -> None:
    assert (ROOT / "results" / "frameworks" / "README.md").read_text(encoding="utf-8") == gallery.audit_page()


@pytest.mark.parametrize("script", ["regenerate", "identities", "remake_models"])
@pytest.mark.usefixtures("gallery")
def test_the_scripts_that_write_load(script: str) -> None:
    assert importlib.import_module(script)


@pytest.mark.usefixtures("gallery")
def test_a_spec_is_regenerated_into_its_folder(tmp_path: Path) -> None:
    regenerate = importlib.import_module("regenerate").regenerate
    spec = read_spec("schulman", ["samples=1000"])
    regenerate(spec, tmp_path / "schulman")
    first = {path.name: path.read_bytes() for path in (tmp_path / "schulman").iterdir()}
    assert set(first) == {"results.csv", "manifest.json", "spec.yaml"}
    regenerate(spec, tmp_path / "schulman")
    # a second run changes nothing, the time in the manifest included
    assert {path.name: path.read_bytes() for path in (tmp_path / "schulman").iterdir()} == first


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


def test_categorical_shift_crosses_at_a_kl_of_0_00327(gallery: ModuleType) -> None:
    results = gallery.committed("categorical_shift")
    for case in results.cases:
        row = by_estimator(case)
        assert (row["k3"].exact_stdev_over_true > row["k1"].exact_stdev_over_true) == (case.kl > 0.00327)
        assert row["k2"].exact_bias_over_true < 0
    last = by_estimator(results.cases[-1])
    assert 40 < last["k3"].exact_stdev_over_true / last["k1"].exact_stdev_over_true < 60


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


# What it says of gradients.


def by_place(case: CaseResult) -> dict[tuple[str, str], Row]:
    """A case's rows by estimator and placement, of one precision."""
    return {(row.estimator, PLACEMENT.show(row)): row for row in case.rows if row.is_gradient}


def exact_gradient(row: Row) -> np.ndarray:
    assert row.components is not None
    return row.components.exact


FOLLOWED = {
    # estimator: as a loss, in the reward, × ratio, × detached
    "k1": ("0", "KL(q‖p)", "KL(q‖p)", "0"),
    "k2": ("KL(q‖p)", "none", "E_q[k]", "KL(q‖p)"),
    "k3": ("KL(p‖q)", "KL(q‖p) − KL(p‖q)", "KL(q‖p)", "KL(p‖q)"),
    "trlx:mean_kl": ("½χ²(q‖p)", "none", "E_q[k]", "½χ²(q‖p)"),
    "abs": ("2·TV", "none", "E_q[k]", "2·TV"),
}


@pytest.mark.parametrize("estimator", FOLLOWED)
@pytest.mark.parametrize("pair", ["Gaussians", "categoricals"])
def test_gradients_what_is_followed(gallery: ModuleType, pair: str, estimator: str) -> None:
    loss, reward, ratio, detached = FOLLOWED[estimator]
    if (pair, estimator) == ("categoricals", "trlx:mean_kl"):  # of Gaussians a gradient has too few components to tell
        reward = "½χ²(q‖p) − KL(q‖p)"
    fresh, stale = (by_place(*cases(gallery.committed("gradients"), name)) for name in (pair, f"{pair}, stale"))
    for places in (fresh, stale):
        assert places[estimator, "loss × ratio"].follows == ratio
        assert places[estimator, "loss × detached"].follows == detached
        assert places[estimator, "reward × ratio"].follows == places[estimator, "reward × detached"].follows == reward
    assert (fresh[estimator, "loss"].follows, fresh[estimator, "reward"].follows) == (loss, reward)
    assert stale[estimator, "loss"].follows == stale[estimator, "reward"].follows == "none"


@pytest.mark.parametrize("pair", ["Gaussians", "categoricals"])
def test_gradients_one_gradient_under_four_names_and_another(gallery: ModuleType, pair: str) -> None:
    places = by_place(*cases(gallery.committed("gradients"), pair))
    same_gradient = [("k1", "reward"), ("k2", "loss"), ("k3", "loss × ratio"), ("k2", "loss × detached")]
    noise = [places[which].exact_stdev_over_true for which in same_gradient]
    assert noise == pytest.approx([noise[0]] * 4, rel=1e-8)
    assert places["k1", "loss × ratio"].exact_stdev_over_true > 1.1 * noise[0]


def test_stale_only_weights_keep_a_loss_right(gallery: ModuleType) -> None:
    fresh, *later = map(by_place, gallery.committed("stale").cases)
    assert [fresh[name, "loss"].follows for name in ("k1", "k2", "k3")] == ["0", "KL(q‖p)", "KL(p‖q)"]
    for places in later:
        for name in ("k1", "k2", "k3"):
            assert places[name, "loss"].follows == "none"
            assert places[name, "loss × detached"].follows == fresh[name, "loss"].follows
        assert [places[name, "loss × ratio"].follows for name in ("k1", "k2", "k3")] == ["KL(q‖p)", "E_q[k]", "KL(q‖p)"]
        assert places["k1", "loss"].exact_cosine < -0.8
        assert places["k1", "loss × ratio"].exact_stdev_over_true > places["k3", "loss × ratio"].exact_stdev_over_true


def test_stale_bias_without_a_weight_and_noise_with_one(gallery: ModuleType) -> None:
    places = [by_place(case) for case in gallery.committed("stale").cases]
    bias = [each["k2", "loss"].exact_bias_over_true for each in places]
    noise = [each["k3", "loss × ratio"].exact_stdev_over_true for each in places]
    assert all(one < next_one for one, next_one in pairwise(bias))
    assert bias[1] == pytest.approx(0.19, abs=0.005)
    assert min(noise) == noise[2] < noise[0] < noise[-1] / 5


CLAMPED_K3 = ("verl:low_var_kl", "verl@0.4:low_var_kl", "nemo-rl@0.6:k3", "skyrl:k3", "roll:k3")


def test_clamps_five_names_are_one_gradient(gallery: ModuleType) -> None:
    for case in gallery.committed("clamps").cases:
        places = by_place(case)
        first, *others = (exact_gradient(places[name, "loss"]) for name in CLAMPED_K3)
        for other in others:
            np.testing.assert_allclose(other, first, rtol=1e-8, atol=1e-10)


def test_clamps_what_is_left_points_away(gallery: ModuleType) -> None:
    far = {case.case.parameters["distance"]: by_place(case) for case in cases(gallery.committed("clamps"), "drifted")}
    assert far[4]["openrlhf:k2", "loss"].exact_cosine < -0.99
    assert far[5]["verl:low_var_kl", "loss"].exact_cosine < -0.98
    for places in far.values():
        assert places["k2", "loss"].follows == places["verl:low_var_kl+", "loss"].follows == "KL(q‖p)"
        assert places["k3", "loss"].follows == "KL(p‖q)"
        assert {places[name, "loss"].follows for name in (*CLAMPED_K3, "openrlhf:k2", "nemo-rl:k3")} == {"none"}


def test_clamps_a_lost_token_is_left_alone(gallery: ModuleType) -> None:
    for case in cases(gallery.committed("clamps"), "token lost"):
        clamped, free = (by_place(case)[name, "loss"] for name in ("verl:low_var_kl", "verl:low_var_kl+"))
        assert free.follows == "KL(q‖p)"
        assert (clamped.follows == "KL(p‖q)") == (case.case.parameters["lead"] == 2)
        if case.case.parameters["lead"] >= 6:
            assert clamped.exact_stdev_over_true < 0.01 < 10 < free.exact_stdev_over_true


def in_precision(case: CaseResult, estimator: str, dtype: str) -> Row:
    (row,) = (row for row in case.rows if (row.estimator, row.dtype) == (estimator, dtype))
    return row


def test_precision_k3_by_exp_cancels_and_by_expm1_does_not(gallery: ModuleType) -> None:
    tiny, close, near, far = cases(gallery.committed("precision"), "shift")
    assert in_precision(close, "trl:grpo", "bfloat16").rounding_over_true == pytest.approx(-1, abs=0.01)
    assert -0.2 < in_precision(near, "trl:grpo", "bfloat16").rounding_over_true < -0.15
    assert -1 < in_precision(tiny, "trl:grpo", "float32").rounding_over_true < -0.8
    assert abs(in_precision(tiny, "k3", "float32").rounding_over_true) < 1e-4
    assert all(abs(row.rounding_over_true) < 1e-3 for row in far.rows if row.dtype != "float64")


def test_precision_rounding_of_few_tokens_does_not_average_out(gallery: ModuleType) -> None:
    gaussians, (tokens,) = (
        cases(gallery.committed("precision"), "shift"),
        cases(gallery.committed("precision"), "six tokens"),
    )
    for case in gaussians:
        row = in_precision(case, "k1", "bfloat16")
        # what rounding moved is a mean over samples as well: within its noise at every KL
        assert abs(row.rounding_over_true) < 5 * row.rounding_over_true_mcse
    taken = six_tokens_in_bfloat16()
    for estimator, share in taken.items():
        row = in_precision(tokens, estimator, "bfloat16")
        assert row.rounding_over_true == pytest.approx(share, abs=5 * row.rounding_over_true_mcse)
    assert taken["k1"] < -0.5
    assert taken["trl:grpo"] < -0.7
    assert all(abs(in_precision(tokens, name, "float32").rounding_over_true) < 1e-3 for name in taken)


def six_tokens_in_bfloat16() -> dict[str, float]:
    """What bfloat16 moves the mean by, in units of the KL: the six tokens summed, in torch, without klbench."""
    q = torch.tensor([0.4, 0.25, 0.15, 0.1, 0.06, 0.04], dtype=torch.float64)
    p = torch.tensor([0.39, 0.26, 0.14, 0.105, 0.06, 0.045], dtype=torch.float64)
    true = float((q * (q.log() - p.log())).sum())
    difference = p.log().bfloat16() - q.log().bfloat16()
    values = {"k1": -difference, "trl:grpo": torch.exp(difference) - difference - 1}
    return {name: float((q * value.double()).sum()) / true - 1 for name, value in values.items()}


@pytest.mark.parametrize(
    ("pair", "estimator", "spoiled"),
    [
        ("close", "roll:k3", set()),
        ("token lost", "k2", set()),
        ("token lost", "roll:k3", {"float16"}),
        ("token lost", "verl:low_var_kl", {"float16"}),
        ("token lost", "verl@0.4:low_var_kl", {"float16"}),
        ("token lost", "openrlhf:k3", set()),
        ("drifted far, stale", "k2", set()),
        ("drifted far, stale", "verl@0.4:low_var_kl", {"float32", "bfloat16", "float16"}),
        ("drifted far, stale", "openrlhf:k3", {"float32", "bfloat16", "float16"}),
        ("drifted far, stale", "verl:low_var_kl", set()),
    ],
)
def test_precision_gradient_where_exp_overflows(
    gallery: ModuleType, pair: str, estimator: str, spoiled: set[str]
) -> None:
    (case,) = cases(gallery.committed("precision_gradient"), pair)
    assert {row.dtype for row in case.rows if row.estimator == estimator and row.nonfinite} == spoiled


WEIGHTED = {
    "deepseek:unbiased_kl",
    "trl:grpo_bias_correction",
    "slime:low_var_kl_unbiased",
    "cosmos-rl:grpo_unbiased",
    "trinity-rft:corrected_k3",
    "open-instruct:3",
}


def test_frameworks_only_a_weight_survives_stale_samples(gallery: ModuleType) -> None:
    (stale,) = cases(gallery.committed("frameworks"), "stale")
    assert {row.estimator for row in stale.rows if row.follows == "KL(q‖p)"} == WEIGHTED
    assert {row.follows for row in stale.rows if row.estimator not in WEIGHTED} == {"none"}


def test_frameworks_k3_in_the_loss_descends_the_forward_kl(gallery: ModuleType) -> None:
    fresh, _, lost = map(by_place, gallery.committed("frameworks").cases)
    forward = {name for (name, _), row in fresh.items() if row.follows == "KL(p‖q)"}
    assert len(forward) == 12
    assert {"trl:grpo", "verl:low_var_kl", "nemo-rl@0.6:k3"} <= forward
    assert {name for name, _ in lost if (name, "loss") in lost and lost[name, "loss"].follows == "KL(p‖q)"} == {
        "trl:grpo",
        "torchtune:grpo",
        "unsloth:grpo",
        "megatron-lm:grpo",
        "open-instruct:2",
    }


NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def test_the_committed_figures_are_those_of_the_committed_rows(gallery: ModuleType) -> None:
    """Byte for byte, but for a hundredth of a point that the last digit of another processor may move."""
    drawings = importlib.import_module("drawings")
    drawn = dict(drawings.drawings(gallery.names()))
    assert {*ROOT.glob("results/*/figures/*"), drawings.CURVES} == {*drawn}
    for path, svg in drawn.items():
        committed = path.read_text(encoding="utf-8")
        if committed != svg:
            assert NUMBER.sub("", committed) == NUMBER.sub("", svg), path
            pairs = zip(NUMBER.findall(committed), NUMBER.findall(svg), strict=True)
            assert all(abs(float(one) - float(other)) <= 0.02 for one, other in pairs), path


def test_every_section_of_the_page_shows_its_figures(gallery: ModuleType) -> None:
    page = gallery.page()
    for path in ROOT.glob("results/*/figures/*.svg"):
        assert f'<img src="{path.relative_to(ROOT / "results")}" alt="' in page
