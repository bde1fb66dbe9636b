"""Public reports about KL divergences and their estimators: what klbench answers, and the right answer.

The inputs are those of the reports, or of the same structure with other numbers. The right answers were computed with
NumPy, SciPy and mpmath, by enumeration or by quadrature at 30 digits and more: never with klbench or torch.
"""

from __future__ import annotations

from math import inf, isnan, log, log10, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from klbench.report.check import check
from klbench.results import CaseResult
from klbench.row import Row
from klbench.runner import run
from klbench.spec.read import read_text

DIGITS = 1e-8


def measured(q: str, p: str, estimators: str = "[k1, k2, k3]", samples: int = 10_000, seed: int = 0) -> CaseResult:
    text = (
        f'name: report\nsamples: {samples}\nseed: {seed}\nestimators: {estimators}\npairs: [{{q: "{q}", p: "{p}"}}]\n'
    )
    (case,) = run(read_text(text), device="cpu", threads=1).cases
    return case


def rows(case: CaseResult) -> dict[str, Row]:
    return {row.estimator: row for row in case.rows if not row.is_gradient}


SAME = [
    ("Uniform(0, 1)", "Beta(1, 1)"),  # pytorch/pytorch #144279
    ("Gamma(1, 3)", "Exponential(3)"),
    ("Beta(2, 1)", "Kumaraswamy(2, 1)"),
    ("StudentT(1)", "Cauchy(0, 1)"),
    ("Weibull(2, 1)", "Gamma(1, 0.5)"),
    ("N(0, 1)", "0.5*N(0, 1) + 0.5*N(0, 1)"),
    ("Gamma(2, 0.5)", "Chi2(4)"),
    ("Weibull(1, 1)", "Exponential(1)"),
    ("Kumaraswamy(1, 1)", "Uniform(0, 1)"),
]


@pytest.mark.parametrize(("q", "p"), [*SAME, *((p, q) for q, p in SAME)])
def test_one_distribution_under_two_names(q: str, p: str) -> None:
    case = measured(q, p)
    assert case.kl == 0
    assert any("the same distribution" in note for note in case.notes)
    assert all((row.mean, row.stdev) == (0, 0) for row in case.rows if not row.is_gradient)


CLOSE = [
    ("Uniform(0, 1)", "Beta(1.0000001, 1)", 5e-15),
    ("Categorical([0.5, 0.3, 0.2])", "Categorical([0.5000001, 0.2999999, 0.2])", None),
    ("Beta(2, 3)", "Beta(2.00001, 3)", 2.118e-11),
    ("N(0, 1)", "0.5*N(0, 1) + 0.5*N(1e-6, 1)", None),
]


@pytest.mark.parametrize(("q", "p", "kl"), CLOSE)
def test_of_very_close_pairs_rounding_is_no_bias(q: str, p: str, kl: float | None) -> None:
    case = measured(q, p)
    if kl is not None:
        assert case.kl == pytest.approx(kl, rel=1e-3)
    for name in ("k1", "k3"):  # both are unbiased wherever q and p have one support
        assert not abs(rows(case)[name].exact_bias_over_true) > 0


# pytorch/pytorch #72525: the closed form once gave -16.675
CONTINUOUS_BERNOULLI = [(-500, 20, 22.1788758228, 10.11382147), (-50, 20, 19.5162907298, 8.808359825)]
CONTINUOUS_BERNOULLI += [(-5, 2, 1.4251236078, 0.2828091916)]


@pytest.mark.parametrize(("q", "p", "kl", "bias"), CONTINUOUS_BERNOULLI)
def test_continuous_bernoulli(q: int, p: int, kl: float, bias: float) -> None:
    case = measured(f"ContinuousBernoulli(logits={q})", f"ContinuousBernoulli(logits={p})", samples=100_000)
    assert case.kl == pytest.approx(kl, rel=1e-9)
    k2 = rows(case)["k2"]
    assert k2.exact_bias_over_true == pytest.approx(bias, rel=1e-8)
    assert not abs(k2.z_bias_cv) > 5  # NaN where there is no regressed bias
    if q == -500:
        assert log10(rows(case)["k3"].exact_stdev_over_true) == pytest.approx(105.81, abs=0.005)


def test_a_diagonal_gaussian_posterior() -> None:
    """keras-team/keras #5691: 500 draws are within 2.2 % of the formula, so a large gap is a bug."""
    case = measured("N(1.2, 0.3)", "N(0, 1)")
    assert case.kl == pytest.approx(1.468972804, rel=1e-9)
    assert rows(case)["k1"].exact_stdev_over_true == pytest.approx(0.501933221, rel=DIGITS)


def test_a_diagonal_gaussian_posterior_in_four_dimensions() -> None:
    means, scales = [1.2, -0.7, 0.3, 2], [0.3, 0.5, 0.1, 0.7]
    q = f"MultivariateNormal({means}, {np.diag(np.square(scales)).round(12).tolist()})"
    case = measured(q, f"MultivariateNormal({[0] * 4}, {np.eye(4).tolist()})", samples=100_000)
    assert case.kl == pytest.approx(5.986380022, rel=1e-9)
    k1 = rows(case)["k1"]
    assert abs(k1.stdev_over_true - 0.313779541) < 5 * k1.stdev_over_true_mcse


def test_which_sign_in_beta() -> None:
    """pyro-ppl/numpyro #1284."""
    case = measured("Beta(2, 5)", "Beta(1.5, 2.5)")
    assert case.kl == pytest.approx(0.13167187860510765, rel=1e-12)
    assert rows(case)["k3"].exact_stdev_over_true == inf


# tensorflow/probability #199, AdamCobb/hamiltorch #22, meta-pytorch/botorch #1720, tensorflow/tensorflow #16257
MIXTURES = [
    ("N(-1, 1)", "0.1*N(-1, 0.1) + 0.9*N(1, 0.5)", 7.256982036912, 8.04061),
    (
        "0.3*N(-1, 0.1) + 0.7*N(1, 0.5)",
        "0.1*N(-1, 0.1) + 0.9*N(1, 0.5)",
        0.153212258694,
        0.321136,
    ),
]


@pytest.mark.parametrize(("q", "p", "kl", "bias"), MIXTURES)
def test_gaussian_mixtures(q: str, p: str, kl: float, bias: float) -> None:
    case = measured(q, p)
    assert case.kl == pytest.approx(kl, rel=1e-10)
    assert rows(case)["k2"].exact_bias_over_true == pytest.approx(bias, rel=1e-5)


def test_jensen_shannon_and_total_variation() -> None:
    """tensorflow/probability #337."""
    found = rows(measured("N(0, 1)", "N(1, 1)", "[jensen_shannon, total_variation, total_variation_cv]"))
    assert found["jensen_shannon"].true == pytest.approx(0.111421482185, rel=1e-10)
    assert found["total_variation"].true == pytest.approx(0.382924922548, rel=1e-10)
    assert found["total_variation"].exact_stdev_over_true == pytest.approx(0.863592859, rel=DIGITS)
    assert found["total_variation_cv"].exact_stdev_over_true == pytest.approx(1.389097545, rel=DIGITS)


@pytest.mark.parametrize("shift", [1.5, 1, 0.3])
def test_jensen_shannon_of_shifted_uniforms(shift: float) -> None:
    """udlbook/udlbook #242: min(|a|, 1) log 2."""
    case = measured("Uniform(0, 1)", f"Uniform({shift}, {shift + 1})", "[jensen_shannon]")
    assert rows(case)["jensen_shannon"].true == pytest.approx(min(shift, 1) * log(2), rel=1e-9)
    assert case.kl == inf


def test_binomials_of_different_n() -> None:
    """JuliaStats/Distributions.jl #1541: an eighth and a sixteenth of p's mass are where q has none."""
    case = measured("Binomial(3, 0.4)", "Binomial(5, 0.5)")
    assert case.kl == pytest.approx(0.7319146187, rel=1e-9)
    assert rows(case)["k3"].exact_bias_over_true == pytest.approx(-0.1875 / 0.7319146187, rel=1e-9)
    assert measured("Binomial(5, 0.5)", "Binomial(3, 0.4)").kl == inf


def test_distillation_on_data_of_another_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """google-research/seed_rl #81: the shipped loss descends KL(b‖t), the proposed one with less noise."""
    (tmp_path / "seed_rl_81.py").write_text(
        "def shipped(log_q, log_p):\n    return log_p - log_q\n\n"
        "def centred(log_q, log_p):\n    return ((log_q - log_p).exp().detach() - 1) * log_q\n\n"
        "def reverse(log_q, log_p):\n    gap = (log_q - log_p).detach()\n    return gap * gap.exp() * log_q\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    teacher = '"Categorical([0.3, 0.3, 0.4])"'
    names = [f"seed_rl_81:{name}" for name in ("shipped", "centred", "reverse")]
    text = (
        f"name: report\nmeasure: gradient\nsamples: 10000\nestimators: {names}\n"
        f"placements: [loss]\nweightings: [none]\n"
        f'pairs: [{{q: "Categorical([0.5, 0.3, 0.2])", p: {teacher}, sampler: {teacher}}}]\n'
    )
    (case,) = run(read_text(text), device="cpu", threads=1).cases
    found = {row.estimator.partition(":")[2]: row for row in case.rows if row.is_gradient}
    forward, backward = [0.2, 0, -0.2], [0.19702112, -0.03503501, -0.16198611]
    for name, gradient in [("shipped", forward), ("centred", forward), ("reverse", backward)]:
        assert found[name].components is not None
        np.testing.assert_allclose(found[name].components.exact, gradient, atol=1e-8)
    assert [found[name].follows for name in ("shipped", "centred", "reverse")] == ["KL(p‖q)", "KL(p‖q)", "KL(q‖p)"]
    noise = found["shipped"].exact_stdev_over_true / found["centred"].exact_stdev_over_true
    assert noise == pytest.approx(3.15549 / 1.01781, rel=1e-5)


@pytest.mark.parametrize(("shift", "copies"), [(0.01, 4000), (0.05, 1000), (0.1, 64)])
def test_how_often_a_batch_mean_of_k1_is_negative(shift: float, copies: int) -> None:
    """openai/spinningup #137 and others. The sum of a batch has the sign of its mean: Φ(−d √n / 2)."""
    samples = 4_000
    share = stats.norm.cdf(-shift * sqrt(copies) / 2)
    k1 = rows(measured(f"N(0, 1)**{copies}", f"N({shift}, 1)**{copies}", "[k1]", samples))["k1"]
    assert abs(k1.negative_fraction - share) < 5 * sqrt(share * (1 - share) / samples)


def test_a_lost_token_does_not_fail_the_check() -> None:
    text = (
        "name: report\nsamples: 1e5\nestimators: [k1, k2, k3]\npairs:\n"
        '  - {q: "Categorical([0.4, 0.3, 0.2, 0.0999998, 1e-7, 1e-7])", '
        'p: "Categorical([0.3, 0.3, 0.2, 0.1, 0.05, 0.05])"}\n'
        '  - {q: "N(0, 1)", p: "N(4, 1)"}\n  - {q: "N(0, 1)", p: "N(8, 1)"}\n'
    )
    results = run(read_text(text), device="cpu")
    assert [point.text for point in check(results) if not point.holds] == []
    assert all(not isnan(row.exact_stdev_over_true) for _, row in results.rows())
