"""log p - log q in its fast forms against the difference of two log-densities, and closed forms by a second road."""

import math
from functools import cache
from itertools import product

import pytest
import torch
from scipy import stats

from klbench.distributions import closed_form
from klbench.distributions.catalogue import FAMILIES
from klbench.distributions.closed_form import kl_closed_form
from klbench.distributions.distribution import Single
from klbench.distributions.log_ratio import log_ratio
from klbench.distributions.shape import form, mismatch
from klbench.distributions.support import Lattice
from tests.distributions.examples import CONTINUOUS, DISCRETE, built, host_stream, single
from tests.distributions.test_families import COUNT, NEIGHBOURS, panels

ALPHA = 1e-6
RATIOS = [
    ("N(0, 1)", "N(0.1, 1)"),
    ("N(1, 2)", "N(1, 0.5)"),
    ("N(1000, 0.01)", "N(1000.001, 0.011)"),
    ("N(0, 1)**5", "N(0.1, 2)**5"),
    ("Gamma(2, 1)", "Gamma(3, 1)"),
    ("Gamma(2, 1)", "Chi2(3)"),
    ("InverseGamma(3, 2)", "InverseGamma(2, 1)"),
    ("HalfNormal(1)", "Exponential(2)"),
    ("HalfNormal(1)", "HalfNormal(3)"),
    ("Exponential(1)", "Exponential(1)"),
    ("Pareto(1, 3)", "Pareto(1, 2)"),
    ("Pareto(1, 3)", "Pareto(0.5, 2)"),
    ("Pareto(2, 0.8)", "Pareto(2, 0.7)"),
    ("Beta(2, 3)", "Beta(0.5, 3)"),
    ("Beta(2, 3)", "Uniform(0, 1)"),
    ("ContinuousBernoulli(0.2)", "Uniform(0, 1)"),
    ("Poisson(3)", "Poisson(4)"),
    ("Binomial(10, 0.3)", "Binomial(10, 0.4)"),
    ("Binomial(1, 0.3)", "Bernoulli(0.4)"),
    ("Binomial(10, 0.3)", "Binomial(12, 0.4)"),
    ("Geometric(0.3)", "NegativeBinomial(1, 0.4)"),
    ("Bernoulli(0.3)**4", "Bernoulli(0.5)**4"),
    ("Laplace(0, 1)", "StudentT(5)"),
    ("0.5*N(-2, 0.5) + 0.5*N(2, 0.5)", "N(0, 2)"),
]


@pytest.mark.parametrize(("q", "p"), RATIOS)
def test_every_form_of_the_log_ratio_agrees(q: str, p: str) -> None:
    d, e = built(q), built(p)
    x = d.draw(host_stream(), 500)
    plain = e.log_prob(x) - d.log_prob(x)
    for inside in (None, d.support):
        assert torch.allclose(log_ratio(d, e, inside)(x), plain, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("q", "p"), RATIOS)
def test_the_log_ratio_leaves_x_alone(q: str, p: str) -> None:
    x = built(q).draw(host_stream(), 50)
    before = x.clone()
    log_ratio(built(q), built(p), built(q).support)(x)
    assert torch.equal(x, before)


def test_close_normals_keep_their_digits() -> None:
    """l = s y - s²/2 for a shift s; two log-densities would leave it no digit at s = 1e-13."""
    x = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)
    shifted = log_ratio(built("N(0, 1)"), built("N(1e-13, 1)"))(x)
    assert shifted.tolist() == pytest.approx([0.5e-13, 1e-13, 3e-13], rel=1e-9)


def test_close_counts_keep_their_digits() -> None:
    """Binomials of 100,000 throws are right to 1e-12; their log-ratio of 1e-8 a throw is right to eleven digits."""
    d, e = built("Binomial(100000, 0.5)"), built("Binomial(100000, 0.50000001)")
    x = torch.tensor([50000.0, 50001.0, 50100.0], dtype=torch.float64)
    step = math.log1p(2e-8) - math.log1p(-2e-8)
    differences = log_ratio(d, e, d.support)(x).diff().tolist()
    assert differences == pytest.approx([step, 99 * step], rel=1e-9)


def test_the_log_ratio_outside_either_support() -> None:
    ratio = log_ratio(built("Uniform(0, 2)"), built("Uniform(1, 3)"))
    values = ratio(torch.tensor([0.5, 1.5, 2.5, 9.0], dtype=torch.float64)).tolist()
    assert values[:3] == [-math.inf, 0.0, math.inf]
    assert math.isnan(values[3])


def second_road(q: Single, p: Single) -> float:
    """KL(q‖p) by a sum or a quadrature of q (log q - log p); what underflows in q counts for nothing."""
    if isinstance(q.support, Lattice):
        last = min(q.support.high, 50 + float(q.wrapped.mean) + 60 * float(q.wrapped.stddev))
        x, weights = torch.arange(0, last + 1, dtype=torch.float64), torch.ones(())
    else:
        x, weights = panels(q.support, [*q.landmarks(), *p.landmarks()])
    log_q = q.log_prob(x)
    mass = log_q.exp()
    return float(torch.where(mass > 0, mass * (log_q - p.log_prob(x)) * weights, 0.0).sum())


@cache
def formulas() -> tuple[tuple[str, str], ...]:
    """Two different examples with a finite closed form, for each pair of families that has such a pair."""
    chosen: dict[tuple[str, str], tuple[str, str]] = {}
    for q, p in [*product(CONTINUOUS, CONTINUOUS), *product(DISCRETE, DISCRETE)]:
        families = (q.partition("(")[0], p.partition("(")[0])
        if families not in chosen and q != p and form_mismatch(q, p) is None:
            value = kl_closed_form(built(q), built(p))
            if value is not None and math.isfinite(value):
                chosen[families] = (q, p)
    return tuple(chosen.values())


def form_mismatch(q: str, p: str) -> str | None:
    return mismatch(form(built(q).expression), form(built(p).expression))


@pytest.mark.parametrize(("q", "p"), formulas())
def test_every_closed_form_is_confirmed_by_a_second_road(q: str, p: str) -> None:
    """To 1e-8; integrals over Beta(1/2, 1/2) to the 1e-6 that float64 leaves of its mass near 1."""
    tolerance = 1e-6 if "Beta(concentration1=0.5" in q else 1e-8
    assert kl_closed_form(built(q), built(p)) == pytest.approx(second_road(single(q), single(p)), rel=tolerance)


def test_every_formula_of_torch_between_our_families_was_tried_or_is_not_trusted() -> None:
    from torch.distributions.kl import _KL_REGISTRY

    registered = {(a.__name__, b.__name__) for a, b in _KL_REGISTRY}
    ours = {name for name, family in FAMILIES.items() if family.univariate}
    expected = {(a, b) for a, b in registered if {a, b} <= ours} - closed_form.UNTRUSTED
    tried = {(q.partition("(")[0], p.partition("(")[0]) for q, p in formulas()}
    infinite = {(a, b) for a, b in expected - tried if always_infinite(a, b)}
    assert expected - tried == infinite


def always_infinite(a: str, b: str) -> bool:
    pairs = product(FAMILIES[a].examples, FAMILIES[b].examples)
    return all(kl_closed_form(built(q), built(p)) in (math.inf, None) for q, p in pairs)


@pytest.mark.parametrize(
    ("q", "p"),
    [
        ("Uniform(0, 1)", "Uniform(2, 3)"),
        ("N(0, 1)", "Exponential(1)"),
        ("StudentT(3)", "Beta(2, 2)"),
        ("0.5*N(0, 1) + 0.5*N(1, 1)", "LogNormal(0, 1)"),
        ("Poisson(1)", "Binomial(3, 0.5)"),
        ("Geometric(0.5)", "Bernoulli(0.5)"),
        ("Pareto(2, 0.8)", "Exponential(1)"),
        ("Uniform(0, 2)**3", "Uniform(0, 1)**3"),
    ],
)
def test_mass_where_p_has_none_makes_kl_infinite(q: str, p: str) -> None:
    assert kl_closed_form(built(q), built(p)) == math.inf


@pytest.mark.parametrize("text", [*CONTINUOUS, *DISCRETE, "N(0, 1)**3", "0.5*N(0, 1) + 0.5*N(1, 1)", "LKJCholesky(3)"])
def test_kl_to_itself_is_zero(text: str) -> None:
    assert kl_closed_form(built(text), built(text)) == 0


@pytest.mark.parametrize(
    ("q", "p"),
    [
        ("Uniform(0, 1)", "ContinuousBernoulli(0.2)"),
        ("Bernoulli(0.7)", "Bernoulli(1e-20)"),
        ("Categorical([0.5, 0.5])", "Categorical(logits=[-1000, 0])"),
        ("Poisson(0)", "Binomial(10, 0.3)"),
        ("Gamma(2, 1)", "Gamma(2.0000001, 1)"),
        ("Laplace(0, 1)", "StudentT(5)"),
    ],
)
def test_no_formula_is_better_than_a_wrong_one(q: str, p: str) -> None:
    """Each of these is wrong, of few digits, or absent in torch."""
    assert kl_closed_form(built(q), built(p)) is None


def test_close_normals_have_their_kl_to_full_precision() -> None:
    assert kl_closed_form(built("N(0, 1)"), built("N(1e-9, 1)")) == pytest.approx(5e-19, rel=1e-14)
    wide = kl_closed_form(built("N(0, 1)"), built("N(0, 1.000001)"))
    assert wide == pytest.approx(1e-12 * (1 - 5e-6 / 3), rel=1e-9)


def test_copies_multiply() -> None:
    each = kl_closed_form(built("N(0, 1)"), built("N(0.1, 2)"))
    assert each is not None
    assert kl_closed_form(built("N(0, 1)**7"), built("N(0.1, 2)**7")) == pytest.approx(7 * each)


@pytest.mark.parametrize(("q", "p"), NEIGHBOURS)
def test_closed_forms_of_vectors_are_confirmed_by_sampling(q: str, p: str) -> None:
    value = kl_closed_form(built(q), built(p))
    if value is not None:
        k3 = log_ratio(built(q), built(p))(built(q).draw(host_stream(9), COUNT))
        k3 = k3.expm1() - k3
        z = (float(k3.mean()) - value) / (float(k3.std()) / math.sqrt(COUNT))
        assert abs(z) < stats.norm.isf(ALPHA / 2) or float(k3.std()) < 1e-12
