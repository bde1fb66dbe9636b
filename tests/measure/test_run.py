"""A run as a whole: rows independent of one another, columns as the contract says, and honest where numbers do not
exist."""

from __future__ import annotations

import math

import pytest

from klbench.results import Results
from klbench.row import Row
from klbench.runner import run
from klbench.spec.read import read_text


def results(estimators: str, q: str, p: str, *, samples: int = 100_000, extra: str = "", seed: int = 0) -> Results:
    head = f"name: test\nsamples: {samples}\nseed: {seed}\nestimators: [{estimators}]\n"
    return run(read_text(f"{head}pairs:\n  - q: {q}\n    p: {p}\n{extra}", "test"), device="cpu")


def rows(*arguments: str, **options: object) -> dict[str, Row]:
    return {row.estimator: row for row in results(*arguments, **options).cases[0].rows}  # type: ignore[arg-type]


def notes(*arguments: str, **options: object) -> str:
    return "\n".join(results(*arguments, **options).cases[0].notes)  # type: ignore[arg-type]


def test_adding_an_estimator_changes_no_other_row() -> None:
    few = rows("k1, k2", "N(0, 1)", "N(0.5, 1)")
    many = rows("abs, k2, k3, k1_cv(optimal), jensen_shannon, k1", "N(0, 1)", "N(0.5, 1)")
    assert repr(few["k1"]) == repr(many["k1"])
    assert repr(few["k2"]) == repr(many["k2"])


def test_the_seed_changes_the_numbers_and_only_the_seed() -> None:
    first, again, other = (rows("k1", "N(0, 1)", "N(1, 1)", seed=seed)["k1"] for seed in (1, 1, 2))
    assert repr(first) == repr(again)
    assert first.mean != other.mean


def test_infinite_variance_has_no_error_bar_and_says_so() -> None:
    found = rows("k1, k3", "N(0, 1)", "N(0, 2)")
    assert found["k3"].exact_stdev_over_true == math.inf
    assert math.isfinite(found["k3"].stdev)
    for column in (
        "mean_mcse",
        "bias_mcse",
        "bias_over_true_mcse",
        "stdev_mcse",
        "z_bias",
        "z_stdev",
        "bias_over_true_cv",
    ):
        assert math.isnan(getattr(found["k3"], column)), column
    assert math.isfinite(found["k1"].bias_over_true_mcse)
    assert math.isnan(found["k1"].bias_over_true_cv)  # r has no variance, so it is no control
    assert "variance" in notes("k3", "N(0, 1)", "N(0, 2)")


def test_equal_distributions_are_an_ordinary_answer() -> None:
    found = rows("k1, k3", "N(0, 1)", "N(0, 1)")["k3"]
    assert (found.true, found.mean, found.stdev) == (0.0, 0.0, 0.0)
    assert math.isnan(found.bias_over_true)
    assert math.isnan(found.exact_stdev_over_true)
    assert "KL(q‖p) is 0" in notes("k1", "N(0, 1)", "N(0, 1)")


def test_disjoint_supports_are_an_ordinary_answer() -> None:
    found = rows("k1, total_variation", "Uniform(0, 1)", "Uniform(2, 3)")
    assert found["k1"].true == math.inf
    assert found["k1"].mean == math.inf
    assert found["k1"].nonfinite == 100_000
    assert found["total_variation"].mean == pytest.approx(1)
    assert "infinite" in notes("k1", "Uniform(0, 1)", "Uniform(2, 3)")


def test_an_unbiased_estimator_is_biased_where_samples_cannot_see() -> None:
    # half of p lies where q has nothing: E_q[r] = 1/2, so k3 misses by exactly -1/2
    found = rows("k1, k3, jensen_shannon", "Uniform(0, 1)", "Uniform(0, 2)")
    assert found["k1"].exact_bias_over_true == 0
    assert found["k3"].exact_bias_over_true == pytest.approx(-0.5 / math.log(2))
    # JS(U(0,1), U(0,2)) by hand: half log(4/3) plus a quarter of (log(2/3) + log 2)
    assert found["jensen_shannon"].true == pytest.approx((math.log(4 / 3) + (math.log(2 / 3) + math.log(2)) / 2) / 2)


def test_the_regressed_bias_is_far_more_precise_and_right() -> None:
    found = rows("k1, k2, k3", "N(0, 1)", "N(0.1, 1)", samples=1_000_000)
    k2 = found["k2"]
    assert math.isnan(found["k1"].bias_over_true_cv)
    assert math.isnan(found["k3"].bias_over_true_cv)
    # FACTS: 300-fold in variance; fails once in 1e9 by the normal law
    assert k2.bias_over_true_cv_mcse < k2.bias_over_true_mcse / 12
    assert abs(k2.bias_over_true_cv - 0.0025) < 6 * k2.bias_over_true_cv_mcse


def test_off_policy_shows_the_plain_as_biased_and_the_weighted_as_not() -> None:
    extra = "    sampler: N(0.2, 1)\n"
    found = rows("k1, ratio*k1, ratio*k3", "N(0, 1)", "N(1, 1)", extra=extra)
    assert found["k1"].exact_bias_over_true == pytest.approx(-0.4)
    assert found["ratio*k1"].exact_bias_over_true == 0
    assert abs(found["ratio*k3"].z_bias) < 6
    # regression on the weighted controls also holds: fails once in 1e9
    weighted = found["ratio*k1"]
    assert abs(weighted.bias_over_true_cv) < 6 * weighted.bias_over_true_cv_mcse


def test_the_optimal_coefficient_is_fitted_and_said_to_be() -> None:
    found = rows("k1, k3, k1_cv(optimal)", "N(0, 1)", "N(1, 1)")
    # theory: the least variance is Var k1 − Cov²/Var r = t − t²/(e^t − 1), at λ = t/(e^t − 1); the pilot comes close
    least = math.sqrt(1 - 1 / math.expm1(1))
    assert least <= found["k1_cv(optimal)"].exact_stdev_over_true / 2 < 1.01 * least
    assert "fitted" in notes("k1_cv(optimal)", "N(0, 1)", "N(1, 1)")
    assert "λ = 0:" in notes("k1_cv(optimal)", "N(0, 1)", "N(0, 2)").replace("λ = 0,", "λ = 0:")


def test_one_and_two_samples_are_enough_to_run() -> None:
    assert math.isnan(rows("k1", "N(0, 1)", "N(1, 1)", samples=1)["k1"].stdev)
    assert math.isfinite(rows("k1", "N(0, 1)", "N(1, 1)", samples=2)["k1"].stdev)


def test_a_constant_estimator_is_no_failed_check() -> None:
    found = rows("k1, k2", "Uniform(0, 1)", "Uniform(0, 2)")
    assert found["k1"].stdev == 0
    assert found["k1"].z_bias == 0


def test_a_power_has_exact_columns() -> None:
    found = rows("k1, k3", "N(0, 1)**10", "N(0.1, 1)**10")["k3"]
    assert found.true == pytest.approx(0.05)
    assert found.true_from == "closed-form"
    assert found.exact_from == "closed-form"
    assert found.exact_bias_over_true == 0
    assert abs(found.z_bias) < 5
    assert abs(found.z_stdev) < 5


@pytest.mark.parametrize(
    ("q", "p"),
    [
        ("N(0, 1)**10", "N(0.1, 1)**10"),
        ("Categorical([0.2, 0.3, 0.5])**200", "Categorical([0.21, 0.3, 0.49])**200"),
        (
            "MultivariateNormal([0, 0], [[1, 0.5], [0.5, 1]])",
            "MultivariateNormal([0.1, 0], [[1, 0.4], [0.4, 1]])",
        ),
    ],
)
def test_samples_of_independent_factors_agree_with_the_exact_columns(q: str, p: str) -> None:
    for row in rows("k1, k2, k3, forward_kl, chi2_qp, squared_hellinger_cv", f"'{q}'", f"'{p}'").values():
        assert row.exact_from
        assert abs(row.z_bias) < 5
        assert not abs(row.z_stdev) >= 5


def test_float32_is_measured_in_float32() -> None:
    text = "name: t\nsamples: 20000\ndtype: float32\nestimators: [k3]\npairs: [{q: 'N(0, 1)', p: 'N(0.5, 1)'}]\n"
    row = run(read_text(text, "t"), device="cpu").cases[0].rows[0]
    assert row.dtype == "float32"
    assert abs(row.z_bias) < 6


@pytest.mark.parametrize(
    ("q", "p", "extra", "said"),
    [
        (
            "'N(0, 1)**10'",
            "'N(0.1, 1)**10'",
            "",
            "No exact columns for abs. klbench has no exact method here: for powers",
        ),
        (
            "'N(0, 1)**10'",
            "'N(0.1, 1)**10'",
            "    sampler: N(0.2, 1)**10\n",
            "for k1 and abs. klbench has no exact method",
        ),
        (
            "Dirichlet([1, 2, 3])",
            "Dirichlet([1, 2, 2])",
            "",
            "k1 and abs. klbench has no exact method here: in several",
        ),
        ("Dirichlet([1, 2, 3])**5", "Dirichlet([1, 2, 2])**5", "", "the distribution that the powers are of has none"),
    ],
)
def test_empty_exact_columns_are_explained(q: str, p: str, extra: str, said: str) -> None:
    found = notes("k1, abs", q, p, extra=extra, samples=1000)
    assert said in found


def test_full_exact_columns_need_no_explanation() -> None:
    assert "No exact columns" not in notes("k1, abs", "Categorical([0.5, 0.5])**3", "Categorical([0.4, 0.6])**3")
    assert "No exact columns" not in notes("k1, k2", "N(0, 1)**10", "N(0.1, 1)**10")
