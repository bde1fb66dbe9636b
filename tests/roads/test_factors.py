"""The exact road of independent factors, against sums over all atoms, closed forms of Gaussians, and samples."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
import torch

from klbench.distributions.build import build
from klbench.estimators.catalogue import estimators, find
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Expansion, Term
from klbench.frameworks.catalogue import entries
from klbench.problems.pair import Pair
from klbench.roads.exact_moments import Exact
from klbench.roads.factors import factors_road
from klbench.roads.integrand import Integrand
from klbench.spec.expression import parse
from tests.roads.support import exact, exact_moments, integrand

FINITE = (
    *("k1", "k2", "k3", "k1_cv(0.5)", "k1_cv(-2)", "forward_kl", "forward_kl_cv"),
    *("chi2_pq", "chi2_pq_cv", "chi2_qp", "chi2_qp_cv", "squared_hellinger", "squared_hellinger_cv"),
    *("alpha(0.3)", "alpha_cv(0.3)", "alpha(-0.5)", "alpha(2)", "alpha_cv(1)", "alpha(0)"),
)
NOT_FINITE = ("abs", "jensen_shannon", "total_variation", "total_variation_cv")


def by_factors(q: str, p: str, name: str) -> Exact:
    """The road of factors itself, where enumeration would be taken first."""
    found = factors_road(integrand(q, p, name))
    assert found is not None
    return found


def every_one() -> list[str]:
    """All estimators but frameworks', and some members of each family."""
    return list(dict.fromkeys([*(each.name for each in estimators() if ":" not in each.name), *FINITE]))


@pytest.mark.parametrize("name", [name for name in every_one() if find(name).expansion is None])
def test_what_declares_no_finite_sum_is_none(name: str) -> None:
    assert share_that_no_sum_explains(find(name)) > 1e-9


@pytest.mark.parametrize("name", ["k1", "k3", "chi2_qp_cv", "squared_hellinger"])
def test_a_finite_sum_would_have_been_noticed(name: str) -> None:
    assert share_that_no_sum_explains(find(name)) < 1e-11


def share_that_no_sum_explains(estimator: Estimator) -> float:
    """What least squares on powers times exponentials leave of an estimator: of a finite sum of them, rounding."""
    log_ratio = torch.linspace(-6, 6, 801, dtype=torch.float64)
    basis = [log_ratio**j * (k * log_ratio).exp() for k in (-1, -0.5, 0, 0.5, 1, 2) for j in (0, 1, 2, 3)]
    columns = torch.stack([column / column.norm() for column in basis], dim=1)
    wanted = estimator.function(log_ratio)[:, None]
    left = wanted - columns @ torch.linalg.lstsq(columns, wanted, driver="gelsd").solution
    return float(left.abs().max() / wanted.abs().max())


@pytest.mark.parametrize("name", [name for name in every_one() if find(name).expansion is not None])
def test_the_declared_sum_is_the_function(name: str) -> None:
    term = find(name).term
    assert term.expansion is not None
    log_ratio = torch.from_numpy(np.random.default_rng(5).normal(0, 3, 1000))
    summed, size = evaluated(term.expansion, log_ratio)
    assert bool(((summed - term.function(log_ratio)).abs() <= 1e-13 * size).all())


def evaluated(expansion: Expansion, log_ratio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(the sum, the sum of the sizes of its terms)."""
    parts = [a * ((k * log_ratio).expm1() if j == 0 else log_ratio**j * (k * log_ratio).exp()) for a, j, k in expansion]
    return torch.stack(parts).sum(0), torch.stack(parts).abs().sum(0)


def test_a_fitted_coefficient_is_in_the_sum() -> None:
    fitted = find("k1_cv(optimal)").fitted(0.7)
    log_ratio = torch.linspace(-3, 3, 50, dtype=torch.float64)
    assert fitted.expansion is not None
    summed, _ = evaluated(fitted.expansion, log_ratio)
    torch.testing.assert_close(summed, fitted.function(log_ratio), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize(
    ("q", "p"),
    [([0.2, 0.3, 0.5], [0.1, 0.6, 0.3]), ([0.2, 0.3, 0.5], [0.21, 0.29, 0.5]), ([0.5, 0.5, 0], [0.1, 0.4, 0.5])],
)
def test_three_copies_are_the_sum_over_all_27_outcomes(q: list[float], p: list[float], name: str) -> None:
    found = by_factors(f"Categorical({q})**3", f"Categorical({p})**3", name)
    outcomes = [i for i in itertools.product(range(3), repeat=3) if all(q[a] > 0 for a in i)]
    weights = np.array([math.prod(q[a] for a in i) for i in outcomes])
    log_ratio = np.array([sum(math.log(p[a] / q[a]) for a in i) for i in outcomes])
    values = find(name).function(torch.from_numpy(log_ratio)).numpy()
    mean = weights @ values
    variance = weights @ (values - mean) ** 2
    assert found.mean == pytest.approx(mean, rel=1e-10, abs=1e-13)
    assert found.stdev == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert found.kurtosis == pytest.approx(weights @ (values - mean) ** 4 / variance**2, rel=1e-2)


def of_normals(copies: int, shift: float, scale: float, power: int, rate: float) -> mpmath.mpf:
    """E[L^j e^(kL)] of ``copies`` of N(0, 1) against N(shift, scale), from derivatives of the closed form of M(k)."""
    shift, scale = mpmath.mpf(shift), mpmath.mpf(scale)

    def log_mass(k: mpmath.mpf) -> mpmath.mpf:
        # E r^k of two Gaussians: Gil et al. (2013), Rényi divergence measures for commonly used distributions
        variance = (1 - k) * scale**2 + k
        return copies * ((1 - k) * mpmath.log(scale) - mpmath.log(variance) / 2 - k * (1 - k) * shift**2 / 2 / variance)

    return mpmath.diff(lambda k: mpmath.exp(log_mass(k)), rate, power)


@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize(("shift", "scale"), [(0.1, 1.0), (0.5, 0.9), (0.01, 1.02), (0.0, 1.1)])
def test_ten_gaussians_in_closed_form(shift: float, scale: float, name: str) -> None:
    found = exact("N(0, 1)**10", f"N({shift}, {scale})**10", name)[name]
    expansion = find(name).expansion
    assert expansion is not None
    with mpmath.workdps(60):
        mean, variance, fourth = central_moments(expansion, 10, shift, scale)
        assert found.mean == pytest.approx(float(mean), rel=1e-9)
        assert found.stdev == pytest.approx(float(mpmath.sqrt(variance)), rel=1e-9)
        if math.isfinite(found.kurtosis):
            assert found.kurtosis == pytest.approx(float(fourth / variance**2), rel=1e-2)


def central_moments(expansion: Expansion, copies: int, shift: float, scale: float) -> tuple[mpmath.mpf, ...]:
    """(mean, variance, fourth central moment), every power multiplied out."""
    value: dict[tuple[int, float], mpmath.mpf] = {}
    for a, j, k in expansion:
        value[j, k] = value.get((j, k), mpmath.mpf(0)) + mpmath.mpf(a)
        if j == 0:
            value[0, 0.0] = value.get((0, 0.0), mpmath.mpf(0)) - mpmath.mpf(a)
    mean = expectation(value, copies, shift, scale)
    value[0, 0.0] = value.get((0, 0.0), mpmath.mpf(0)) - mean
    square = times(value, value)
    return mean, expectation(square, copies, shift, scale), expectation(times(square, square), copies, shift, scale)


def times(
    one: dict[tuple[int, float], mpmath.mpf], other: dict[tuple[int, float], mpmath.mpf]
) -> dict[tuple[int, float], mpmath.mpf]:
    total: dict[tuple[int, float], mpmath.mpf] = {}
    for ((i, k), a), ((j, m), b) in itertools.product(one.items(), other.items()):
        total[i + j, k + m] = total.get((i + j, k + m), mpmath.mpf(0)) + a * b
    return total


def expectation(value: dict[tuple[int, float], mpmath.mpf], copies: int, shift: float, scale: float) -> mpmath.mpf:
    return mpmath.fsum(a * of_normals(copies, shift, scale, j, k) for (j, k), a in value.items())


@pytest.mark.parametrize("name", FINITE)
def test_copies_by_quadrature_agree_with_the_formula(name: str) -> None:
    """A mixture of one Gaussian with itself has no formula, and is the same."""
    q, p, same = "N(0, 1)**3", "N(0.3, 0.95)**3", "(0.5*N(0.3, 0.95) + 0.5*N(0.3, 0.95))**3"
    by_formula, by_points = exact(q, p, name)[name], exact(q, same, name)[name]
    assert (by_formula.road, by_points.road) == ("closed-form", "quadrature")
    assert by_points.mean == pytest.approx(by_formula.mean, rel=1e-9)
    assert by_points.stdev == pytest.approx(by_formula.stdev, rel=1e-9)
    assert by_points.kurtosis == pytest.approx(by_formula.kurtosis, rel=1e-2)


def test_two_gaussians_with_full_covariances() -> None:
    rng = np.random.default_rng(11)
    roots = [np.eye(3) + 0.3 * rng.normal(size=(3, 3)) for _ in "qp"]
    first, second = (root @ root.T for root in roots)
    loc = rng.normal(size=3)
    q, p = gaussian([0.0, 0.0, 0.0], first), gaussian(loc.tolist(), second)
    found = exact(q, p, "k1", "k2", "squared_hellinger")
    inverse = np.linalg.inv(second)
    difference = inverse - np.linalg.inv(first)
    # −L = x'Ax/2 + b'x + c: a quadratic form of a Gaussian
    kl = (
        np.trace(inverse @ first) - 3 + loc @ inverse @ loc + np.log(np.linalg.det(second) / np.linalg.det(first))
    ) / 2
    slope = inverse @ loc
    variance = np.trace(difference @ first @ difference @ first) / 2 + slope @ first @ slope
    middle = (first + second) / 2
    affinity = (np.linalg.det(first) * np.linalg.det(second)) ** 0.25 / np.sqrt(np.linalg.det(middle))
    assert found["k1"].mean == pytest.approx(kl, rel=1e-10)
    assert found["k1"].stdev == pytest.approx(math.sqrt(variance), rel=1e-10)
    assert found["k2"].mean == pytest.approx((variance + kl**2) / 2, rel=1e-10)
    hellinger = 1 - affinity * math.exp(-loc @ np.linalg.inv(middle) @ loc / 8)
    assert found["squared_hellinger"].mean == pytest.approx(hellinger, rel=1e-10)


def gaussian(loc: list[float], covariance: np.ndarray) -> str:
    return f"MultivariateNormal({loc}, covariance_matrix={((covariance + covariance.T) / 2).tolist()})"


def test_a_gaussian_of_independent_coordinates_is_a_power() -> None:
    identity = [[1.0, 0.0], [0.0, 1.0]]
    together = exact(f"MultivariateNormal([0, 0], {identity})", f"MultivariateNormal([0.2, 0.2], {identity})", *FINITE)
    copies = exact("N(0, 1)**2", "N(0.2, 1)**2", *FINITE)
    for name in FINITE:
        assert together[name].mean == pytest.approx(copies[name].mean, rel=1e-9)
        assert together[name].stdev == pytest.approx(copies[name].stdev, rel=1e-9)


def test_a_nearly_singular_covariance_has_no_road() -> None:
    flat = "MultivariateNormal([0, 0], [[1, 0.99999999999999], [0.99999999999999, 1]])"
    assert exact_moments(integrand(flat, "MultivariateNormal([0, 0], [[1, 0], [0, 1]])", "k1")) == [None]


def test_copies_of_a_gaussian_vector_are_copies_of_its_coordinates() -> None:
    vector = "MultivariateNormal([{m}, {m}], [[1, 0], [0, 1]])**3"
    nested = exact(vector.format(m=0), vector.format(m=1), "k3")["k3"]
    flat = exact("N(0, 1)**6", "N(1, 1)**6", "k3")["k3"]
    assert (nested.mean, nested.stdev) == (pytest.approx(flat.mean), pytest.approx(flat.stdev))


@pytest.mark.parametrize(
    ("q", "p", "name", "mean", "stdev"),
    [
        ("N(0, 1)**4", "N(0, 1.5)**4", "k3", 4 * (math.log(1.5) + 1 / 4.5 - 0.5), math.inf),
        ("N(0, 1)**4", "N(0, 1.5)**4", "chi2_pq", math.inf, math.inf),
        ("N(0, 1)**4", "N(0, 0.6)**4", "chi2_qp", math.inf, math.inf),
        ("StudentT(1)**2", "N(0, 1)**2", "k1", math.inf, math.inf),
        ("N(0, 1)**2", "StudentT(3)**2", "chi2_pq", math.inf, math.inf),
        ("Uniform(0, 2)**2", "Uniform(0, 1)**2", "k1", math.inf, math.inf),
        ("Uniform(0, 2)**2", "Uniform(0, 1)**2", "squared_hellinger", 0.5, math.sqrt(0.75)),
        ("Uniform(0, 1)**2", "Uniform(0, 2)**2", "k1", 2 * math.log(2), 0.0),
        ("N(0, 1)**3", "(0.5*N(0, 1) + 0.5*N(0, 1))**3", "k3", 0.0, 0.0),
        ("Categorical([0.5, 0.5])**20", "Categorical([1, 0])**20", "k1", math.inf, math.inf),
    ],
)
def test_what_does_not_exist_or_does_not_vary_is_told(q: str, p: str, name: str, mean: float, stdev: float) -> None:
    found = exact(q, p, name)[name]
    assert found.mean == pytest.approx(mean, rel=1e-9)
    assert found.stdev == pytest.approx(stdev, rel=1e-9)


@pytest.mark.parametrize("shift", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8])
@pytest.mark.parametrize("name", ["k1", "k2", "k3", "forward_kl_cv", "chi2_pq_cv", "squared_hellinger_cv"])
def test_what_cancels_near_p_is_q_is_right_or_not_given(name: str, shift: float) -> None:
    """To first order r − 1 = −k1 = ε z, so that k2, k3 and the others are ½ ε² z² times f''(1)."""
    found = exact("N(0, 1)**10", f"N({shift}, 1)**10", name)[name]
    with mpmath.workdps(120):
        expansion = find(name).expansion
        assert expansion is not None
        mean, variance, fourth = central_moments(expansion, 10, shift, 1.0)
    assert math.isnan(found.mean) or found.mean == pytest.approx(float(mean), rel=1e-9)
    assert math.isnan(found.stdev) or found.stdev == pytest.approx(float(mpmath.sqrt(variance)), rel=1e-9)
    assert math.isnan(found.kurtosis) or found.kurtosis == pytest.approx(float(fourth / variance**2), rel=1e-2)


def test_values_that_are_no_finite_sum_have_no_road() -> None:
    pair = ("Categorical([0.2, 0.8])**200", "Categorical([0.3, 0.7])**200")
    assert exact_moments(integrand(*pair, *NOT_FINITE)) == [None] * len(NOT_FINITE)
    plain = Term(lambda log_ratio: -log_ratio)
    assert exact_moments(Integrand(Pair(*(build(parse(each)) for each in pair)), (plain,))) == [None]


@pytest.mark.parametrize("step", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("name", ["k1", "k2", "k3", "forward_kl_cv", "chi2_qp_cv", "squared_hellinger_cv"])
def test_close_categories_are_right_or_not_given(name: str, step: float) -> None:
    """All outcomes of two copies, at 60 digits."""
    q, p = (0.2, 0.3, 0.5), (0.2 + step, 0.3, 0.5 - step)
    found = by_factors(f"Categorical({list(q)})**2", f"Categorical({list(p)})**2", name)
    expansion = find(name).expansion
    assert expansion is not None
    with mpmath.workdps(60):
        first, second = ([mpmath.mpf(each) / mpmath.fsum(map(mpmath.mpf, law)) for each in law] for law in (q, p))
        outcomes = [
            (a * b, mpmath.log(c / a) + mpmath.log(d / b))
            for a, c in zip(first, second, strict=True)
            for b, d in zip(first, second, strict=True)
        ]
        values = [(w, of_ratio(expansion, ratio)) for w, ratio in outcomes]
        mean = mpmath.fsum(w * value for w, value in values)
        variance, fourth = (mpmath.fsum(w * (value - mean) ** n for w, value in values) for n in (2, 4))
        wanted = float(mean), float(mpmath.sqrt(variance)), float(fourth / variance**2)
    # p's 0.5 − step is rounded to 1e-16: p/q − 1 is known to 1e-16/step
    given = 1e-9 + 1e-15 / step
    for number, right, tolerance in zip(
        (found.mean, found.stdev, found.kurtosis), wanted, (given, given, 1e-2), strict=True
    ):
        assert math.isnan(number) or number == pytest.approx(right, rel=tolerance)
    assert step < 1e-2 or math.isfinite(found.stdev)


def of_ratio(expansion: Expansion, log_ratio: mpmath.mpf) -> mpmath.mpf:
    return mpmath.fsum(
        a * (mpmath.expm1(k * log_ratio) if j == 0 else log_ratio**j * mpmath.exp(k * log_ratio))
        for a, j, k in expansion
    )


@pytest.mark.parametrize("shift", [1e-2, 1e-3])
@pytest.mark.parametrize("name", ["k2", "k3", "forward_kl_cv"])
def test_close_copies_by_quadrature_agree_with_the_formula(name: str, shift: float) -> None:
    same = f"(0.5*N({shift}, 1) + 0.5*N({shift}, 1))**3"
    by_formula, by_points = (exact("N(0, 1)**3", p, name)[name] for p in (f"N({shift}, 1)**3", same))
    assert by_points.mean == pytest.approx(by_formula.mean, rel=1e-8)
    assert math.isnan(by_points.stdev) or by_points.stdev == pytest.approx(by_formula.stdev, rel=1e-8)
    assert math.isnan(by_points.kurtosis) or by_points.kurtosis == pytest.approx(by_formula.kurtosis, rel=1e-2)


@pytest.mark.parametrize("entry", [each.qualified for each in entries() if each.estimator().expansion is not None])
def test_what_a_framework_ships_unclamped_declares_what_it_is(entry: str) -> None:
    term = find(entry).term
    assert term.expansion is not None
    log_ratio = torch.from_numpy(np.random.default_rng(5).normal(0, 3, 1000))
    summed, size = evaluated(term.expansion, log_ratio)
    # as shipped, exp(l) − 1 − l cancels near 0: what is left is rounding of its terms
    assert bool(((summed - term.function(log_ratio)).abs() <= 1e-13 * (size + log_ratio.exp() + 1)).all())


def test_which_entries_have_exact_columns_on_powers() -> None:
    pair = ("N(0, 1)**10", "N(0.1, 1)**10")
    for plain, shipped in (("k1", "verl:kl"), ("k2", "verl:mse"), ("k3", "trl:grpo")):
        first, second = exact_moments(integrand(*pair, plain, shipped))
        assert first is not None
        assert second is not None
        assert (second.mean, second.stdev) == pytest.approx((first.mean, first.stdev), rel=1e-12)
    assert exact_moments(integrand(*pair, "verl:low_var_kl", "verl:abs")) == [None, None]
