"""Every estimator is held to what it declares, by its values and by its exact moments on pairs of several kinds."""

from __future__ import annotations

import math

import pytest
import torch

from klbench.errors import SpecError
from klbench.estimators import catalogue
from klbench.estimators.divergence import Divergence, alpha_divergence
from klbench.estimators.estimator import Estimator, weighted
from klbench.estimators.term import LogProbs
from klbench.measure.truth import true_by_road, true_value
from tests.roads.support import exact, integrand

PLAIN = [estimator for estimator in catalogue.examples() if estimator.control is None]
PAIRS = [
    ("N(0, 1)", "N(0.5, 1)"),
    ("N(0, 1)", "N(0.2, 0.9)"),
    ("Poisson(3)", "Poisson(4)"),
    ("Bernoulli(0.5)", "Bernoulli(0.7)"),
]

by_name = pytest.mark.parametrize("estimator", PLAIN, ids=lambda estimator: estimator.name)


def log_ratios() -> torch.Tensor:
    sizes = torch.logspace(-12, math.log10(345), 400, dtype=torch.float64)
    return torch.cat([-sizes.flip(0), torch.zeros(1, dtype=torch.float64), sizes])


def test_the_names_are_unique_and_find_their_estimator() -> None:
    names = catalogue.names()
    assert len(set(names)) == len(names)
    for name in names:
        assert catalogue.find(name).name == name


@pytest.mark.parametrize("estimator", catalogue.examples(), ids=lambda estimator: estimator.name)
def test_every_entry_is_declared_in_full(estimator: Estimator) -> None:
    for field in ("name", "formula", "biased_when", "infinite_variance_when", "source", "summary"):
        assert getattr(estimator, field).strip(), f"{estimator.name} has no {field}"
    assert isinstance(estimator.target, Divergence)


@by_name
def test_values_are_elementwise_and_pure(estimator: Estimator) -> None:
    ratios = log_ratios()
    before = ratios.clone()
    values = estimator.function(ratios)
    assert torch.equal(ratios, before), "the argument was changed"
    assert values.shape == ratios.shape
    alone = torch.stack([estimator.function(ratio[None])[0] for ratio in ratios[::50]])
    torch.testing.assert_close(values[::50], alone, rtol=1e-14, atol=0)


@by_name
def test_a_nonnegative_estimator_is_never_negative(estimator: Estimator) -> None:
    values = estimator.function(log_ratios())
    # near r = 1 the value is of the order of log² r and known to one rounding of log r
    rounding = 4 * torch.finfo(torch.float64).eps * log_ratios().abs()
    assert bool((values >= -rounding).all()) == estimator.nonnegative


@by_name
def test_values_are_finite_for_log_ratios_up_to_700_where_their_formula_is(estimator: Estimator) -> None:
    ends = torch.tensor([-700.0, 700.0], dtype=torch.float64)
    squared = estimator.name.startswith("chi2_pq")  # e^1400 is beyond float64
    assert estimator.function(ends).isfinite().tolist() == [True, not squared]


@by_name
def test_digits_survive_near_one(estimator: Estimator) -> None:
    """Against the same function of the exact log-ratio at 50 digits, by a series: f is smooth, so f(2l)/f(l) tends to
    2 or 4."""
    small = torch.tensor([1e-6, 1e-7], dtype=torch.float64)
    for sign in (-1.0, 1.0):
        near, nearer = estimator.function(sign * small).abs().tolist()
        if near == 0:  # one side of the plain total variation
            continue
        order = math.log10(near / nearer)
        assert abs(order - round(order)) < 1e-5
        assert round(order) in (1, 2)


@by_name
def test_autograd_goes_through(estimator: Estimator) -> None:
    ratios = torch.tensor([-2.0, -0.3, 0.4, 1.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(estimator.function, (ratios,))


@by_name
@pytest.mark.parametrize("pair", PAIRS, ids=" against ".join)
def test_unbiased_means_the_exact_mean_is_the_target(estimator: Estimator, pair: tuple[str, str]) -> None:
    found = exact(*pair, estimator.name)[estimator.name]
    built = integrand(*pair, estimator.name)
    true = true_value(estimator.target, built.pair.q, built.pair.p).value
    # 1e-8 of the value, and of the noise a mean is read through
    matches = abs(found.mean - true) <= 1e-8 * abs(true) + 1e-12 * found.stdev
    assert matches == estimator.unbiased


@pytest.mark.parametrize("name", ["k1", "k3", "forward_kl_cv", "chi2_qp"])
def test_the_weighted_version_is_unbiased_off_policy(name: str) -> None:
    found = exact("N(0, 1)", "N(0.5, 1)", f"ratio*{name}", sampler="N(-0.3, 1.2)")[f"ratio*{name}"]
    on_policy = exact("N(0, 1)", "N(0.5, 1)", name)[name]
    assert found.mean == pytest.approx(on_policy.mean, rel=1e-8)


def test_a_sample_q_cannot_produce_weighs_nothing() -> None:
    estimator = weighted(catalogue.find("k3"))
    nowhere = torch.tensor([-math.inf, 0.0], dtype=torch.float64)
    values = estimator.term.values(LogProbs(torch.tensor([math.nan, 0.5], dtype=torch.float64), nowhere))
    assert values[0] == 0
    assert values[1] == pytest.approx(math.exp(0.5) - 1.5)


@by_name
def test_the_control_variate_is_the_tangent(estimator: Estimator) -> None:
    """f(r) − f'(1)(r − 1), with f'(1) by autograd where f is smooth at 1."""
    if "total_variation" in estimator.name:
        return
    at_one = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(estimator.target.generator(at_one).sum(), at_one)
    assert float(slope) == pytest.approx(estimator.target.slope, abs=1e-12)


def test_k3_is_k1_with_its_control_variate_and_the_family_spans_them() -> None:
    ratios = torch.linspace(-3, 3, 61, dtype=torch.float64)
    values = {
        name: catalogue.find(name).function(ratios)
        for name in ("k1", "k3", "k1_cv(0)", "k1_cv(1)", "alpha(0)", "alpha_cv(0)")
    }
    torch.testing.assert_close(values["k1_cv(0)"], values["k1"])
    torch.testing.assert_close(values["k1_cv(1)"], values["k3"])
    torch.testing.assert_close(values["alpha(0)"], values["k1"])
    torch.testing.assert_close(values["alpha_cv(0)"], values["k3"])
    torch.testing.assert_close(catalogue.find("k3").target.with_control_variate(ratios), values["k3"])


def test_alpha_two_is_half_of_chi2() -> None:
    built = integrand("N(0, 1)", "N(0.5, 1)", "k1")
    two, chi2 = (
        true_by_road(target, built.pair.q, built.pair.p).value
        for target in (alpha_divergence(2.0), catalogue.find("chi2_pq").target)
    )
    assert two == pytest.approx(chi2 / 2, rel=1e-9)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("k33", "k3"),
        ("K1", "k1"),
        ("foward_kl", "forward_kl"),
        ("jensen-shannon", "jensen_shannon"),
        ("ratio*nobodys_estimator", None),
    ],
)
def test_an_unknown_name_is_refused_with_what_was_meant(given: str, meant: str | None) -> None:
    with pytest.raises(SpecError) as refused:
        catalogue.find(given)
    assert repr(given) in refused.value.message
    assert meant is None or f"did you mean {meant}?" in refused.value.help


@pytest.mark.parametrize("given", ["k1_cv(x)", "alpha(nan)", "alpha(inf)", "k1_cv()", "alpha(optimal)", "alpha(1e300)"])
def test_a_family_wants_a_number(given: str) -> None:
    with pytest.raises(SpecError, match="is a number"):
        catalogue.find(given)
