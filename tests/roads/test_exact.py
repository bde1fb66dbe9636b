"""Exact moments by a second road: mpmath's quadrature at 20 digits, closed forms of the Gaussian, sums by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import mpmath
import pytest
from mpmath import mpf

from tests.roads.support import exact, exact_moments

RELATIVE = 1e-8

Density = Callable[[mpf], mpf]

# each estimator restated for mpmath, from its formula in the literature and not from the code
RESTATED: dict[str, Callable[[mpf], mpf]] = {
    "k1": lambda r: -mpmath.log(r),
    "k2": lambda r: mpmath.log(r) ** 2 / 2,
    "k3": lambda r: r - 1 - mpmath.log(r),
    "abs": lambda r: abs(mpmath.log(r)),
    "k1_cv(0.5)": lambda r: -mpmath.log(r) + (r - 1) / 2,
    "forward_kl": lambda r: r * mpmath.log(r),
    "forward_kl_cv": lambda r: r * mpmath.log(r) - (r - 1),
    "jensen_shannon": lambda r: (r * mpmath.log(2 * r / (1 + r)) + mpmath.log(2 / (1 + r))) / 2,
    "squared_hellinger": lambda r: 1 - mpmath.sqrt(r),
    "squared_hellinger_cv": lambda r: (mpmath.sqrt(r) - 1) ** 2 / 2,
    "chi2_pq": lambda r: r**2 - 1,
    "chi2_pq_cv": lambda r: (r - 1) ** 2,
    "chi2_qp": lambda r: 1 / r - 1,
    "chi2_qp_cv": lambda r: (r - 1) ** 2 / r,
    "total_variation": lambda r: max(1 - r, mpf(0)),
    "total_variation_cv": lambda r: abs(r - 1) / 2,
    "alpha(0.5)": lambda r: (mpmath.sqrt(r) - 1) / mpf("-0.25"),
    "alpha_cv(0.5)": lambda r: (mpmath.sqrt(r) - 1) / mpf("-0.25") + 2 * (r - 1),
}


def normal(loc: float, scale: float) -> Density:
    return lambda x: mpmath.npdf(x, loc, scale)


def laplace(loc: float, scale: float) -> Density:
    return lambda x: mpmath.exp(-abs(x - loc) / scale) / (2 * scale)


def gamma(concentration: float, rate: float) -> Density:
    shape, speed = mpf(concentration), mpf(rate)
    return lambda x: speed**shape * x ** (shape - 1) * mpmath.exp(-speed * x) / mpmath.gamma(shape)


def beta(a: float, b: float) -> Density:
    return lambda x: x ** (mpf(a) - 1) * (1 - x) ** (mpf(b) - 1) / mpmath.beta(a, b)


def student(df: float) -> Density:
    nu = mpf(df)
    scale = mpmath.gamma((nu + 1) / 2) / mpmath.gamma(nu / 2) / mpmath.sqrt(nu * mpmath.pi)
    return lambda x: scale * (1 + x * x / nu) ** (-(nu + 1) / 2)


def mixture(*parts: tuple[float, Density]) -> Density:
    return lambda x: sum(weight * density(x) for weight, density in parts)


# pair, its densities restated, and where mpmath should split: ends, modes, and where r = 1
PAIRS: dict[tuple[str, str], tuple[Density, Density, list[float]]] = {
    ("N(0, 1)", "N(0.1, 1)"): (normal(0, 1), normal(0.1, 1), [-40, -8, -2, 0.05, 2, 8, 40]),
    ("N(0, 1)", "N(1, 1)"): (normal(0, 1), normal(1, 1), [-40, -8, -2, 0.5, 2, 8, 40]),
    ("N(1, 2)", "N(0, 2.5)"): (normal(1, 2), normal(0, 2.5), [-90, -20, -4, -0.5, 2, 8, 20, 90]),
    ("Laplace(0, 1)", "Laplace(0.5, 1.2)"): (
        laplace(0, 1),
        laplace(0.5, 1.2),
        [-400, -60, -20, -8, -2, 0, 0.25, 0.5, 2, 8, 20, 60, 400],
    ),
    ("Gamma(2, 1)", "Gamma(3, 1.5)"): (gamma(2, 1), gamma(3, 1.5), [0, 1e-3, 0.1, 0.5, 1, 2, 4, 8, 20, 60, 200]),
    ("Beta(2, 3)", "Beta(2.5, 2.5)"): (beta(2, 3), beta(2.5, 2.5), [0, 0.01, 0.2, 0.5, 0.8, 0.99, 1]),
    ("0.3*N(-2, 0.5) + 0.7*N(2, 1)", "N(0.5, 2)"): (
        mixture((0.3, normal(-2, 0.5)), (0.7, normal(2, 1))),
        normal(0.5, 2),
        [-20, -8, -4, -3, -2, -1, 0, 1, 2, 3, 4, 8, 20, 40],
    ),
    ("N(0, 1)", "StudentT(5)"): (normal(0, 1), student(5), [-30, -8, -4, -2, -1, 0, 1, 2, 4, 8, 30]),
}


def second_road(q: Density, p: Density, points: list[float], name: str) -> tuple[mpf, mpf]:
    """(mean, standard deviation) by adaptive quadrature at 20 digits, split where r crosses 1."""
    value = RESTATED[name]
    splits = sorted({mpf(x) for x in points} | {mpf(x) for x in _crossings(q, p, points)})
    with mpmath.workdps(20):
        mean = mpmath.quad(lambda x: q(x) * value(p(x) / q(x)), splits)
        variance = mpmath.quad(lambda x: q(x) * (value(p(x) / q(x)) - mean) ** 2, splits)
    return mean, mpmath.sqrt(variance)


def _crossings(q: Density, p: Density, points: list[float]) -> list[mpf]:
    inner = [x for x in points if q(mpf(x)) > 0 and p(mpf(x)) > 0]
    found = []
    for low, high in pairwise(inner):
        f = lambda x: mpmath.log(p(x) / q(x))  # noqa: E731
        if f(mpf(low)) * f(mpf(high)) < 0:
            found.append(mpmath.findroot(f, (low, high), solver="anderson", tol=1e-18))
    return found


# every estimator on two pairs, on the others those that weigh different parts of the line (mpmath takes its time)
EVERY = {("N(0, 1)", "N(1, 1)"), ("Gamma(2, 1)", "Gamma(3, 1.5)")}
SOME = ("k1", "k2", "k3", "abs", "jensen_shannon", "total_variation")
HEAVY = {("N(0, 1)", "StudentT(5)"): ("k1", "k2", "abs")}  # r times anything has mass far beyond mpmath's last split


@pytest.mark.parametrize("pair", PAIRS, ids=" against ".join)
def test_exact_moments_agree_with_mpmath(pair: tuple[str, str]) -> None:
    names = tuple(RESTATED) if pair in EVERY else HEAVY.get(pair, SOME)
    for name, found in exact(*pair, *names).items():
        mean, stdev = second_road(*PAIRS[pair], name)
        assert found.mean == pytest.approx(float(mean), rel=RELATIVE), name
        if found.has_variance:
            assert found.stdev == pytest.approx(float(stdev), rel=RELATIVE), name


@pytest.mark.parametrize("shift", [1e-3, 0.1, 1.0, 3.0])
def test_gaussians_of_equal_variance_have_the_moments_of_theory(shift: float) -> None:
    # FACTS: t = d², K = t/2; Var k1 = t; E k2 = K + K²/2, Var k2 = 2K² + 2K³; Var k3 = e^t − 1 − t
    t, kl = shift**2, shift**2 / 2
    found = exact(
        "N(0, 1)", f"N({shift}, 1)", "k1", "k2", "k3", "chi2_pq", "chi2_qp", "total_variation", "squared_hellinger"
    )
    expected = {
        "k1": (kl, math.sqrt(t)),
        "k2": (kl + kl**2 / 2, math.sqrt(2 * kl**2 + 2 * kl**3)),
        "k3": (kl, math.sqrt(math.expm1(t) - t)),
    }
    for name, (mean, stdev) in expected.items():
        assert found[name].mean == pytest.approx(mean, rel=RELATIVE), name
        assert found[name].stdev == pytest.approx(stdev, rel=1e-6 if shift < 0.01 else RELATIVE), name
    assert found["chi2_pq"].mean == pytest.approx(math.expm1(t), rel=RELATIVE)
    assert found["chi2_qp"].mean == pytest.approx(math.expm1(t), rel=RELATIVE)
    assert found["total_variation"].mean == pytest.approx(math.erf(shift / 2 / math.sqrt(2)), rel=RELATIVE)
    assert found["squared_hellinger"].mean == pytest.approx(-math.expm1(-t / 8), rel=RELATIVE)


def test_the_published_tables_to_the_sixth_digit() -> None:
    close, far = exact("N(0, 1)", "N(0.1, 1)", "k1", "k2", "k3"), exact("N(0, 1)", "N(1, 1)", "k1", "k2", "k3")
    assert [round(close[k].stdev / 0.005, 6) for k in ("k1", "k2", "k3")] == [20.0, 1.417745, 1.416575]
    assert [round(far[k].stdev / 0.5, 6) for k in ("k1", "k2", "k3")] == [2.0, 1.732051, 1.69503]
    assert round(close["k2"].mean / 0.005 - 1, 9) == 0.0025
    assert round(far["k2"].mean / 0.5 - 1, 9) == 0.25


def test_a_coin_by_hand() -> None:
    found = exact("Bernoulli(0.5)", "Bernoulli(0.7)", "k1", "k2", "k3")
    ratios = [math.log(0.3 / 0.5), math.log(0.7 / 0.5)]
    by_hand = {
        "k1": [-x for x in ratios],
        "k2": [x * x / 2 for x in ratios],
        "k3": [math.exp(x) - 1 - x for x in ratios],
    }
    for name, values in by_hand.items():
        mean = sum(values) / 2
        assert found[name].mean == pytest.approx(mean, rel=1e-13)
        assert found[name].stdev == pytest.approx(abs(values[0] - values[1]) / 2, rel=1e-12)
        assert found[name].road == "enumeration"


@pytest.mark.parametrize(
    ("q", "p", "kl"),
    [
        ("Poisson(3)", "Poisson(4)", 3 * math.log(3 / 4) + 1),
        ("Geometric(0.5)", "Geometric(0.3)", math.log(0.5 / 0.3) + math.log(0.5 / 0.7)),
        ("Binomial(10, 0.2)", "Binomial(10, 0.5)", 10 * (0.2 * math.log(0.4) + 0.8 * math.log(1.6))),
        ("Bernoulli(0.5)**3", "Bernoulli(0.7)**3", 1.5 * math.log(0.5 / 0.7) + 1.5 * math.log(0.5 / 0.3)),
        (
            "Categorical(probs=[0.1, 0.2, 0.7])",
            "Categorical(probs=[0.2, 0.2, 0.6])",
            0.1 * math.log(0.5) + 0.7 * math.log(7 / 6),
        ),
    ],
)
def test_discrete_pairs_by_formula(q: str, p: str, kl: float) -> None:
    found = exact(q, p, "k1", "k3")
    assert found["k1"].mean == pytest.approx(kl, rel=RELATIVE)
    assert found["k3"].mean == pytest.approx(kl, rel=RELATIVE)
    assert found["k1"].road == "enumeration"


def test_importance_weights_restore_the_mean_of_q() -> None:
    # q = N(0, 1), p = N(1, 1): k1 = ½ − x, so under N(0.2, 1) the plain mean is 0.3 and the weighted one 0.5
    found = exact("N(0, 1)", "N(1, 1)", "k1", "ratio*k1", "ratio*k3", sampler="N(0.2, 1)")
    assert found["k1"].mean == pytest.approx(0.3, rel=RELATIVE)
    assert found["ratio*k1"].mean == pytest.approx(0.5, rel=RELATIVE)
    assert found["ratio*k3"].mean == pytest.approx(0.5, rel=RELATIVE)


def test_no_finite_sum_in_several_dimensions_has_no_exact_moments() -> None:
    from tests.roads.support import integrand

    assert exact_moments(integrand("N(0, 1)**2", "N(1, 1)**2", "abs")) == [None]


def test_which_other_terms_there_are_changes_no_digit() -> None:
    pair = ("0.3*N(-2, 0.5) + 0.7*N(2, 1)", "N(0.5, 2)")
    alone, beside = exact(*pair, "k2")["k2"], exact(*pair, "abs", "k2", "chi2_qp", "total_variation_cv")["k2"]
    assert repr(alone) == repr(beside)


def test_no_kink_hides_between_panels() -> None:
    """The total variation of two Gaussians in closed form, its kink at every place between two nodes."""
    for shift in [0.05 + 0.0713 * step for step in range(40)]:
        found = exact("N(0, 1)", f"N({shift}, 1)", "total_variation", "total_variation_cv")
        for name in found:
            assert found[name].mean == pytest.approx(math.erf(shift / 2 / math.sqrt(2)), rel=RELATIVE), (name, shift)
    for scale in [1.1 + 0.137 * step for step in range(15)]:
        crossing = math.sqrt(2 * math.log(scale) / (1 - scale**-2))
        expected = math.erf(crossing / math.sqrt(2)) - math.erf(crossing / scale / math.sqrt(2))
        found = exact("N(0, 1)", f"N(0, {scale})", "total_variation")
        assert found["total_variation"].mean == pytest.approx(expected, rel=RELATIVE), scale
