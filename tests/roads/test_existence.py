"""Moments that do not exist are found: which of mean, variance and fourth moment are finite, against theory.

Each line's theory: with r = p/q, an expectation E_q[r^a |log r|^b] is finite or not by the exponent of its integrand
in the tails. Gaussians: E_q[r^a] is finite iff a/σp² + (1 − a)/σq² > 0. Student-t with ν degrees: E|x|^m is finite
iff m < ν.
"""

from __future__ import annotations

import math
from math import inf

import pytest

from klbench.distributions.build import build
from klbench.estimators.term import Term
from klbench.problems.pair import Pair
from klbench.roads.integrand import Integrand
from klbench.spec.expression import parse
from tests.roads.support import exact, exact_moments

# q, p, estimator, whether (mean, variance, fourth moment) are finite
THEORY = [
    ("N(0, 1)", "N(0.1, 1)", "k3", (True, True, True)),
    ("N(0, 1)", "N(0, 2)", "k1", (True, True, True)),
    ("N(0, 1)", "N(0, 2)", "k2", (True, True, True)),
    ("N(0, 1)", "N(0, 2)", "k3", (True, False, False)),
    ("N(0, 1)", "N(0, 1.41)", "k3", (True, True, False)),
    ("N(0, 1)", "N(0, 1.42)", "k3", (True, False, False)),
    ("N(0, 1)", "N(0, 1.154)", "k3", (True, True, True)),  # the fourth moment of r: 4/σ² > 3
    ("N(0, 1)", "N(0, 1.155)", "k3", (True, True, False)),
    ("N(0, 1)", "N(0, 2)", "chi2_pq", (False, False, False)),
    ("N(0, 1)", "N(0, 2)", "squared_hellinger", (True, True, False)),
    ("N(0, 2)", "N(0, 1)", "k3", (True, True, True)),
    ("N(0, 1)", "N(1e-6, 1)", "k3", (True, True, True)),  # log r is 0 within rounding somewhere in the middle
    ("Poisson(1)", "Poisson(1.000001)", "k1", (True, True, True)),
    ("Exponential(1)", "Exponential(1.000001)", "k3", (True, True, True)),
    ("N(0, 2)", "N(0, 1)", "chi2_qp", (False, False, False)),
    ("StudentT(3)", "N(0, 1)", "k1", (True, False, False)),  # k1 ~ x²
    ("StudentT(4)", "N(0, 1)", "k1", (True, False, False)),  # the borderline: E x⁴ diverges like a logarithm
    ("StudentT(5)", "N(0, 1)", "k1", (True, True, False)),
    ("StudentT(5)", "N(0, 1)", "k2", (True, False, False)),  # k2 ~ x⁴
    ("StudentT(4)", "N(0, 1)", "k2", (False, False, False)),
    ("StudentT(9)", "N(0, 1)", "k2", (True, True, False)),
    ("StudentT(17)", "N(0, 1)", "k2", (True, True, True)),
    ("StudentT(3)", "StudentT(5)", "k2", (True, True, True)),  # log of a power: every moment
    ("N(0, 1)", "StudentT(5)", "k3", (True, False, False)),
    ("N(0, 1)", "Laplace(0, 1)", "k3", (True, False, False)),
    ("Laplace(0, 1)", "N(0, 1)", "k2", (True, True, True)),
    ("Laplace(0, 1)", "Laplace(0, 1.9)", "k3", (True, True, False)),
    ("Laplace(0, 1)", "Laplace(0, 2)", "k3", (True, False, False)),  # p²/q is flat: the borderline
    ("Exponential(2)", "Exponential(1)", "k3", (True, False, False)),
    ("Exponential(0.6)", "Exponential(0.3)", "k3", (True, False, False)),
    ("Exponential(2)", "Exponential(1.01)", "k3", (True, True, False)),
    ("Geometric(0.5)", "Geometric(0.3)", "k3", (True, True, False)),  # 0.7² < 0.5 and 0.7⁴ > 0.5³
    ("Geometric(0.5)", "Geometric(0.1)", "k3", (True, False, False)),
    ("Poisson(3)", "Poisson(5)", "k3", (True, True, True)),
    ("Poisson(3)", "Poisson(4)", "total_variation", (True, True, True)),  # zero from some atom on
    ("N(0, 1)", "N(1, 1)", "total_variation", (True, True, True)),
    ("Gamma(0.3, 1)", "Gamma(0.1, 1)", "k3", (True, False, False)),  # at 0: 2·0.1 < 0.3
    ("Gamma(0.3, 1)", "Gamma(0.2, 1)", "k3", (True, True, False)),
    ("Cauchy(0, 1)", "N(0, 1)", "k1", (False, False, False)),
    ("N(0, 1)", "Cauchy(0, 1)", "k1", (True, True, True)),
    ("N(0, 1)", "Cauchy(0, 1)", "forward_kl", (False, False, False)),
    ("Uniform(0, 2)", "Uniform(0, 1)", "k1", (False, False, False)),
    ("Bernoulli(0.5)", "Bernoulli(1)", "k1", (False, False, False)),
    ("Bernoulli(0.5)", "Bernoulli(1)", "forward_kl", (True, True, True)),
]


@pytest.mark.parametrize(("q", "p", "name", "expected"), THEORY)
def test_what_exists_is_what_theory_says(q: str, p: str, name: str, expected: tuple[bool, bool, bool]) -> None:
    found = exact(q, p, name)[name]
    assert (abs(found.mean) != inf, found.has_variance, found.kurtosis != inf) == expected
    assert found.mean == found.mean


def test_an_infinite_mean_has_the_sign_it_goes_to() -> None:
    assert exact("Cauchy(0, 1)", "N(0, 1)", "k1")["k1"].mean == inf
    assert exact("N(0, 1)", "Cauchy(0, 1)", "squared_hellinger", "chi2_pq", "chi2_pq_cv")["chi2_pq_cv"].mean == inf


def test_a_mean_that_goes_both_ways_is_no_number() -> None:
    # to the left the normal's tail is the heavier and r² diverges, to the right the Gumbel's and 1/r² does
    both_ways = Term(lambda log_ratio: (2 * log_ratio).sinh())
    (found,) = exact_moments(Integrand(Pair(build(parse("Gumbel(0, 1)")), build(parse("N(0, 1)"))), (both_ways,)))
    assert found is not None
    assert math.isnan(found.mean)
    assert not found.has_variance
