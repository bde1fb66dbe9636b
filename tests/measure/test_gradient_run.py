"""A gradient run as a whole: the same bytes for any number of threads, rows independent of one another, memory and time
that do not grow with samples × vocabulary, and odd pairs answered honestly."""

from __future__ import annotations

import math
import resource
import sys
import time

import numpy as np
import pytest

from klbench.report.components import to_components_csv
from klbench.report.fields import BIAS
from klbench.report.frame import to_csv
from klbench.results import Results
from klbench.runner import run
from klbench.spec.read import read_text
from tests.derived.second_road import HIGH, LOW
from tests.measure.gradient_run import by_cell, gradient_case, rows_of

SPEC = """
name: bytes
measure: gradient
samples: 140_000  # two blocks, one of them short
estimators: {estimators}
placements: [loss, reward]
weightings: [none, ratio]
{more}
pairs:
  - {{q: "N(0, 1)", p: "N(0.5, 1.1)", sampler: "N(0.2, 1)"}}
  - {{q: "Categorical(logits=[0, 1, 2])", p: "Categorical(logits=[0.5, 1, 1.4])"}}
  - {{q: "N(0, 1)**2", p: "N(0.3, 1)**2"}}
"""


def results(estimators: str = "[k1, k3]", more: str = "", threads: int = 1) -> Results:
    return run(read_text(SPEC.format(estimators=estimators, more=more)), device="cpu", threads=threads)


@pytest.mark.parametrize("more", ["", "baseline: mean\nbatch: 4"])
def test_the_bytes_are_the_same_for_any_number_of_threads(more: str) -> None:
    alone, three = (results("[k1, k3]", more, threads) for threads in (1, 3))
    assert to_csv(alone) == to_csv(three)
    assert to_components_csv(alone) == to_components_csv(three)
    assert [case.notes for case in alone.cases] == [case.notes for case in three.cases]


def test_adding_estimators_and_placements_changes_no_other_row() -> None:
    few = gradient_case("N(0, 1)", "N(0.5, 1)", estimators="[k2]", more="placements: [loss]")
    more = "placements: [reward, loss]\nweightings: [detached, none]\ndtype: [float32, float64]"
    many = gradient_case("N(0, 1)", "N(0.5, 1)", estimators='[k3, "verl:low_var_kl", k2, abs]', more=more)
    (alone,) = rows_of(few)
    (among,) = [
        row
        for row in rows_of(many)
        if (row.estimator, row.placement, row.weighting, row.dtype) == ("k2", "loss", "none", "float64")
    ]
    assert repr(alone) == repr(among)


def test_a_value_run_has_no_word_of_gradients() -> None:
    text = "name: v\nsamples: 20_000\nestimators: [k1, k3]\npairs: [{q: 'N(0, 1)', p: 'N(0.5, 1)'}]\n"
    plain, said = (run(read_text(text + extra), device="cpu", threads=1) for extra in ("", "measure: value\n"))
    assert to_csv(plain) == to_csv(said)
    assert "placement" not in to_csv(plain)
    assert to_components_csv(plain).count("\n") == 1


def test_values_and_gradients_see_the_same_draws() -> None:
    """In one parameter the gradient of k1 in the reward is −log r · x: the regression of one on the other is exact."""
    head = "samples: 50_000\nestimators: [k1]\npairs: [{q: 'Bernoulli(0.3)', p: 'Bernoulli(0.6)'}]\n"
    value = run(read_text(f"name: v\n{head}"), device="cpu", threads=1).cases[0].rows[0]
    gradient = run(read_text(f"name: g\nmeasure: gradient\n{head}"), device="cpu", threads=1).cases[0].rows[0]
    assert not value.is_gradient
    assert gradient.is_gradient
    on = math.log(0.3 / 0.6)
    off = math.log(0.7 / 0.4)
    share = (value.mean - off) / (on - off)  # of the draws that are 1
    assert gradient.components is not None
    mean = float(gradient.components.mean[0])  # of the loss: the mean score, (x − q)/(q(1 − q))
    assert mean == pytest.approx((share - 0.3) / 0.21, abs=1e-9)


def test_a_vocabulary_of_50000_takes_seconds_and_no_matrix_of_samples_by_tokens() -> None:
    """Such a matrix would be 160 GB; a row of it per sample of one block, 50."""
    size = 50_000
    q, p = (np.random.default_rng(seed).normal(0, 2, size).round(3).tolist() for seed in (0, 1))
    before, start = peak_memory(), time.perf_counter()
    case = gradient_case(f"Categorical(logits={q})", f"Categorical(logits={p})", estimators="[k1, k3]", samples=400_000)
    assert time.perf_counter() - start < 60
    assert peak_memory() - before < 2**30
    row = by_cell(case)["k1", "reward", "none"]
    assert row.follows == "KL(q‖p)"
    assert abs(row.z_stdev) < 6
    assert row.components is not None
    assert len(row.components.mean) == size


def peak_memory() -> int:
    """The most bytes this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


ODD = [
    ("N(0, 1)", "N(0, 1)", None),
    ("N(0, 1)", "N(0, 1)", "N(0.2, 1)"),
    ("Bernoulli(0.3)", "Bernoulli(0.6)", None),
    ("Bernoulli(0.3)", "Bernoulli(1)", None),
    ("Binomial(5, 0.3)", "Binomial(5, 0.5)", None),
    ("Poisson(3)", "Poisson(4)", "Poisson(3.5)"),
    ("Gamma(2, 1)", "Gamma(3, 1.5)", None),
    ("Beta(2, 3)", "Beta(1, 1)", None),
    ("Beta(0.3, 0.5)", "Beta(0.6, 0.7)", None),
    ("0.5*N(-1, 1) + 0.5*N(1, 1)", "N(0, 2)", None),
    ("N(0, 1)**3", "N(0.1, 1)**3", None),
    ("StudentT(5)", "N(0, 1)", None),
    ("N(0, 1)", "Exponential(1)", None),
    ("Exponential(1)", "N(0, 1)", None),
    ("Categorical(probs=[0.5, 0.5, 0])", "Categorical(probs=[0.3, 0.3, 0.4])", "Categorical(probs=[0.4, 0.4, 0.2])"),
    ("Categorical(probs=[0.3, 0.3, 0.4])", "Categorical(probs=[0.4, 0.2, 0.4])", "Categorical(probs=[0.5, 0.5, 0])"),
    ("N(0, 1)", "N(0.3, 1)", "N(0, 0.5)"),
    ("MultivariateNormal(loc=[0, 0], covariance_matrix=[[1, 0.5], [0.5, 1]])", "N(0, 1)**2", None),
]


@pytest.mark.parametrize(("q", "p", "sampler"), ODD)
def test_odd_pairs_are_ordinary_answers(q: str, p: str, sampler: str | None) -> None:
    if "Multivariate" in q:
        p = q.replace("[0, 0]", "[0.1, 0]")
    case = gradient_case(q, p, sampler, estimators="[k1, k3]", samples=5_000)
    for row in rows_of(case):
        assert row.samples == 5_000
        assert not row.bias_over_true < 0
        assert not row.stdev_over_true < 0
        assert not row.bias_over_true_mcse < 0
        assert not abs(row.exact_cosine) > 1
        if row.exact_from and row.true_norm > 0 and not row.misses_rare_draws:
            assert not abs(row.z_bias) > 6.5, row
        if row.exact_stdev_over_true == math.inf:
            assert math.isnan(row.bias_over_true_mcse)


def test_a_true_gradient_of_zero_gives_nothing_in_units_of_it_but_its_components() -> None:
    case = gradient_case("N(0, 1)", "N(0, 1)", estimators="[k1]", more="placements: [loss]")
    (row,) = rows_of(case)
    assert row.true_norm == 0
    assert math.isnan(row.bias_over_true)
    assert row.components is not None
    np.testing.assert_allclose(row.components.stdev, [1, math.sqrt(2)], rtol=0.05)
    assert any("true gradient" in note and "0 here" in note for note in case.notes)


def test_stale_samples_of_equal_distributions_pull_the_old_policy() -> None:
    """k1 in the loss has coefficient 1: its mean is E of the score under the sampler, (0.2, 0.04)."""
    (row,) = rows_of(gradient_case("N(0, 1)", "N(0, 1)", "N(0.2, 1)", estimators="[k1]", more="placements: [loss]"))
    assert row.components is not None
    np.testing.assert_allclose(row.components.exact, [0.2, 0.04], rtol=1e-9)


def test_infinite_noise_has_no_error_bar_and_says_so() -> None:
    case = gradient_case("N(0, 1)", "N(0, 2)", estimators="[k3]", more="weightings: [none, ratio]")
    found = by_cell(case)
    loss, weighted = found["k3", "loss", "none"], found["k3", "loss", "ratio"]
    assert loss.exact_stdev_over_true == math.inf
    assert math.isnan(loss.bias_over_true_mcse)
    assert math.isfinite(loss.exact_bias_over_true)
    assert math.isfinite(weighted.exact_stdev_over_true)
    assert math.isfinite(weighted.bias_over_true_mcse)
    assert any("the variance is infinite" in note and "k3 (loss)" in note for note in case.notes)


@pytest.mark.parametrize("q", ["N(0, 1)", "Bernoulli(0.3)", "Categorical(logits=[0, 1, 2])", "N(0, 1)**2"])
@pytest.mark.parametrize("samples", [1, 2])
def test_one_and_two_samples_are_enough_to_run(q: str, samples: int) -> None:
    p = {"N": "N(0.5, 1)", "B": "Bernoulli(0.5)", "C": "Categorical(logits=[0, 1, 1])"}[q[0]]
    (row,) = rows_of(
        gradient_case(
            q, p + ("**2" if "**" in q else ""), estimators="[k1]", more="placements: [loss]", samples=samples
        )
    )
    assert row.samples == samples
    assert math.isnan(row.stdev_over_true) == (samples == 1)
    if samples == 1:
        assert math.isnan(row.bias_over_true_mcse)


def test_two_divergences_with_one_gradient_are_both_named() -> None:
    case = gradient_case("N(0, 1)", "N(1, 1)", estimators="[k3]", more="placements: [loss]\nparameters: [loc]")
    (row,) = rows_of(case)
    assert row.follows == "KL(q‖p)"
    assert any("KL(q‖p)" in note and "KL(p‖q)" in note and "same gradient" in note for note in case.notes)


def test_parameters_are_taken_as_named() -> None:
    case = gradient_case("N(0, 1)", "N(1, 2)", estimators="[k1]", more="placements: [reward]\nparameters: [scale]")
    (row,) = rows_of(case)
    assert row.components is not None
    assert row.components.parameter == ("scale",)
    assert row.components.true.tolist() == pytest.approx([1 / 4 - 1])


# log_ratio beyond which k3 is above 10, and k2 is
CLAMPED = [("verl:low_var_kl", (LOW, HIGH)), ("openrlhf:k2", (-math.sqrt(20), math.sqrt(20)))]


@pytest.mark.parametrize(("estimator", "ends"), CLAMPED)
def test_what_a_clamp_holds_is_said(estimator: str, ends: tuple[float, float]) -> None:
    case = gradient_case("N(0, 1)", "N(3, 1)", estimators=f'["{estimator}"]', more="placements: [loss]")
    low, high = ((end + 4.5) / 3 for end in ends)  # log r = 3x − 4.5
    held = 1 - (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2
    (note,) = [note for note in case.notes if "clamp" in note]
    assert f" {100 * held:.1f}% of the samples" in note


@pytest.mark.parametrize(("distance", "said"), [(9, ">99.9% of the samples"), (60, "100% of the samples")])
def test_a_clamp_that_holds_nearly_everything_is_not_said_to_hold_one_sample(distance: float, said: str) -> None:
    case = gradient_case("N(0, 1)", f"N({distance}, 1)", estimators='["openrlhf:k2"]', more="placements: [loss]")
    assert [said in note for note in case.notes if "clamp" in note] == [True]


def test_where_no_exact_road_tells_k_hat_says_whom_not_to_trust() -> None:
    """k3 in the loss has no variance where σp² ≥ 2σq² (its coefficient is 1 − r), k1 has every moment."""
    case = gradient_case("N(0, 1)**2", "N(0, 2)**2", estimators="[k1, k3]", more="placements: [loss]")
    trusted, doubtful = rows_of(case)
    assert trusted.khat < 0.35
    assert doubtful.khat > 0.7
    (note,) = [note for note in case.notes if "k̂" in note]
    assert note.startswith(f"k3 (loss): k̂ of its length is {doubtful.khat:.2f}.")
    assert [BIAS.show(row).endswith("†") for row in (trusted, doubtful)] == [False, True]


def test_k_hat_is_the_same_for_any_number_of_threads() -> None:
    more = "baseline: leave-one-out\nbatch: 5"
    one, two = ([row.khat for _, row in results("[k3]", more, threads).rows() if row.is_gradient] for threads in (1, 2))
    assert one == pytest.approx(two, rel=0, abs=0, nan_ok=True)
    assert sum(not math.isnan(khat) for khat in one) >= 8


def test_on_a_finite_support_every_moment_exists() -> None:
    (row,) = rows_of(gradient_case("Bernoulli(0.5)", "Bernoulli(0.7)", estimators="[k3]", more="placements: [loss]"))
    assert math.isnan(row.khat)
