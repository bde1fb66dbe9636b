"""∇KL by torch's formulas against E_q[log(q/p) s] and -E_p[s], summed, integrated or sampled."""

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from klbench.distributions.kl_gradient import kl_gradient_closed_form
from klbench.distributions.log_ratio import log_ratio
from klbench.distributions.score import score_of
from tests.distributions.examples import built, host_stream
from tests.distributions.test_score import ALPHA, expectation

PAIRS = [
    ("N(0, 1)", "N(0.5, 2)"),
    ("Bernoulli(0.3)", "Bernoulli(0.6)"),
    ("Bernoulli(logits=1)", "Bernoulli(0.6)"),
    ("Beta(2, 3)", "Beta(3, 3)"),
    ("Categorical([0.2, 0.3, 0.5])", "Categorical([0.4, 0.3, 0.3])"),
    ("Exponential(1)", "Exponential(2)"),
    ("Gamma(2, 1)", "Gamma(3, 2)"),
    ("Geometric(0.3)", "Geometric(0.5)"),
    ("Gumbel(0, 1)", "Gumbel(0.5, 1.5)"),
    ("HalfNormal(1)", "HalfNormal(2)"),
    ("Laplace(0, 1)", "Laplace(0.5, 2)"),
    ("LogNormal(0, 1)", "LogNormal(0.5, 1.2)"),
    ("OneHotCategorical([0.2, 0.8])", "OneHotCategorical([0.5, 0.5])"),
    ("Pareto(1, 3)", "Pareto(1, 4)"),
    ("Poisson(3)", "Poisson(4)"),
    ("Binomial(5, 0.3)", "Binomial(5, 0.6)"),
    ("ContinuousBernoulli(0.2)", "ContinuousBernoulli(0.7)"),
    ("Cauchy(0, 1)", "Cauchy(1, 2)"),
]
VECTORS = [
    ("MultivariateNormal([0, 0], [[1, 0.5], [0.5, 1]])", "MultivariateNormal([0.2, 0], [[0.8, 0.3], [0.3, 0.9]])"),
    (
        "MultivariateNormal([0, 0], precision_matrix=[[2, 0.3], [0.3, 1]])",
        "MultivariateNormal([0.2, 0], [[0.8, 0.3], [0.3, 0.9]])",
    ),
    (
        "MultivariateNormal([0, 0], scale_tril=[[1, 0], [0.5, 1]])",
        "MultivariateNormal([0.2, 0], [[0.8, 0.3], [0.3, 0.9]])",
    ),
    (
        "LowRankMultivariateNormal([0, 1], [[1], [0.5]], [1, 2])",
        "LowRankMultivariateNormal([0, 1], [[0.9], [0.5]], [1, 1])",
    ),
    ("Dirichlet([1, 2, 3])", "Dirichlet([2, 2, 3])"),
    ("N(0, 1)**3", "N(0.5, 2)**3"),
]
ORDERS = {"reverse": ("q", "p"), "forward": ("p", "q")}


def weighed(q: str, p: str, order: str, x: Tensor) -> Tensor:
    """What has ∇KL for its mean: log(q/p) s on draws of q, or -s on draws of p [n, J]."""
    scores = score_of(built(q)).values(x)
    return -scores if order == "forward" else -log_ratio(built(q), built(p))(x).unsqueeze(1) * scores


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("q", "p"), PAIRS)
def test_formulas_are_the_exact_expectations(q: str, p: str, order: str) -> None:
    found = kl_gradient_closed_form(built(q), built(p), score_of(built(q)), ORDERS[order])
    assert found is not None
    base, kinks = built(q if order == "reverse" else p), (*built(q).landmarks(), *built(p).landmarks())
    wanted = expectation(base, lambda x: weighed(q, p, order, x), kinks)
    assert torch.allclose(found, wanted, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("q", "p"), VECTORS)
def test_formulas_of_vectors_are_what_draws_say(q: str, p: str, order: str) -> None:
    found = kl_gradient_closed_form(built(q), built(p), score_of(built(q)), ORDERS[order])
    assert found is not None
    drawn = weighed(q, p, order, built(q if order == "reverse" else p).draw(host_stream(7), 50_000))
    error = drawn.std(0) / math.sqrt(len(drawn))
    z = (drawn.mean(0) - found)[error > 0] / error[error > 0]
    assert float(z.abs().amax()) < stats.norm.isf(ALPHA / 2 / len(found))
    assert bool((found[error == 0] == 0).all())


def test_no_formula_is_none() -> None:
    for q, p in (("N(0, 1)", "StudentT(5)"), ("0.5*N(0, 1) + 0.5*N(1, 1)", "N(0, 1)")):
        assert kl_gradient_closed_form(built(q), built(p), score_of(built(q)), ("q", "p")) is None


def test_an_infinite_divergence_has_no_gradient() -> None:
    q, p = built("N(0, 1)"), built("Exponential(1)")
    assert kl_gradient_closed_form(q, p, score_of(q), ("q", "p")) is None


def test_probabilities_that_torch_clamps_are_not_trusted() -> None:
    q, p = built("Bernoulli(1e-20)"), built("Bernoulli(0.6)")
    assert kl_gradient_closed_form(q, p, score_of(q), ("q", "p")) is None


def test_the_gradient_at_q_itself_is_0() -> None:
    q = built("MultivariateNormal([0, 0], [[1, 0.5], [0.5, 1]])")
    found = kl_gradient_closed_form(q, q, score_of(q), ("p", "q"))
    assert found is not None
    assert found.tolist() == [0.0] * 6


def test_parameters_come_in_the_order_asked_for() -> None:
    q, p = built("N(0, 1)"), built("N(0.5, 2)")
    whole = kl_gradient_closed_form(q, p, score_of(q), ("q", "p"))
    turned = kl_gradient_closed_form(q, p, score_of(q, ("scale", "loc")), ("q", "p"))
    assert whole is not None
    assert turned is not None
    assert turned.tolist() == whole.tolist()[::-1]
