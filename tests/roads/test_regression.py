"""The exact regression of a value on its controls: by NumPy's least squares on atoms, and by Gaussian theory."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from klbench.estimators.catalogue import find
from klbench.estimators.schulman import absolute, k1, k2, k3
from klbench.estimators.term import Term
from klbench.problems.pair import Pair
from klbench.roads.integrand import Integrand
from klbench.roads.regression import Regression, of_factors, regression
from klbench.runner import run
from klbench.spec.read import read_text

Q, P, SAMPLER = [0.5, 0.3, 0.15, 0.05], [0.3, 0.3, 0.2, 0.2], [0.25, 0.25, 0.25, 0.25]


def pair_of(q: str, p: str, sampler: str | None = None) -> Pair:
    more = f", sampler: '{sampler}'" if sampler else ""
    spec = read_text(f"name: r\nestimators: [k1]\npairs: [{{q: '{q}', p: '{p}'{more}}}]\n")
    return Pair.build(spec.cases()[0])


def by_least_squares(mass: np.ndarray, value: np.ndarray, controls: list[np.ndarray]) -> tuple[np.ndarray, float]:
    basis = np.column_stack([np.ones_like(value), *controls]) * np.sqrt(mass)[:, None]
    solution, *_ = np.linalg.lstsq(basis, value * np.sqrt(mass), rcond=None)
    return solution[1:], float(np.linalg.norm(value * np.sqrt(mass) - basis @ solution))


@pytest.mark.parametrize("off_policy", [False, True])
def test_on_atoms_it_is_weighted_least_squares(off_policy: bool) -> None:
    q, p, mu = map(np.array, (Q, P, SAMPLER if off_policy else Q))
    weight, log_ratio = q / mu, np.log(p / q)
    expected = by_least_squares(mu, weight * np.abs(log_ratio), [-weight * log_ratio, weight * (p / q - 1 - log_ratio)])
    pair = pair_of(f"Categorical({Q})", f"Categorical({P})", f"Categorical({SAMPLER})" if off_policy else None)
    terms = tuple(Term(function, weighted=True) for function in (absolute, k1, k3))
    found = regression(Integrand(pair, terms))
    assert found is not None
    assert found.coefficients == pytest.approx(expected[0], rel=1e-9)
    assert found.noise == pytest.approx(expected[1], rel=1e-9)


@pytest.mark.parametrize("shift", [0.1, 1.0, 3.0, 8.0])
def test_for_shifted_gaussians_it_is_the_closed_form(shift: float) -> None:
    """With l = d·y − d²/2, y ~ N(0, 1), t = d²: Var k1 = t, Var r = eᵗ − 1, Cov(k1, r) = −t, and by Stein's lemma, r
    being the shift by d, Cov(k2, r) = E[k2(y + d)] − E[k2(y)] = t²·0 + ½(t/2)² − ½(t/2)² = 0, Cov(k2, k1) = t²/2."""
    t = shift * shift
    matrix = np.array([[t, -t], [-t, math.expm1(t)]])
    with_value = np.array([t * t / 2, 0.0])
    variance = t * t / 2 + t**3 / 4  # of l²/2: half the squares of N(−t/2, t)
    coefficients = np.linalg.solve(matrix, with_value)
    found = regression(Integrand(pair_of("N(0, 1)", f"N({shift}, 1)"), (Term(k2), Term(k1), Term(ratio_minus_one))))
    assert found is not None
    assert found.coefficients == pytest.approx(coefficients, rel=1e-6)
    assert found.noise == pytest.approx(math.sqrt(variance - with_value @ coefficients), rel=1e-7)


def ratio_minus_one(log_ratio: Tensor) -> Tensor:
    return log_ratio.expm1()


def found_for(q: str, p: str, function: object = k2) -> Regression | None:
    return regression(Integrand(pair_of(q, p), (Term(function), Term(k1), Term(k3))))  # type: ignore[arg-type]


def test_a_control_without_variance_regresses_nothing() -> None:
    assert found_for("N(0, 1)", "N(0, 2)") is None


def test_a_combination_of_the_controls_leaves_nothing_to_measure() -> None:
    assert found_for("N(0, 1)", "N(1, 1)", lambda log_ratio: 2 * log_ratio.expm1() - log_ratio) is None


def test_controls_that_are_constants_regress_nothing() -> None:
    assert found_for("Uniform(0, 1)", "Uniform(0, 1)") is None


def test_two_controls_that_are_one_are_no_obstacle() -> None:
    """Two tokens: every function of them is a line through two points, so nothing is left."""
    assert found_for("Bernoulli(0.3)", "Bernoulli(0.4)") is None
    three = Integrand(
        pair_of("Categorical([0.2, 0.3, 0.5])", "Categorical([0.3, 0.3, 0.4])"),
        (Term(absolute), Term(k1), Term(lambda log_ratio: 2 * k1(log_ratio))),
    )
    found = regression(three)
    assert found is not None
    assert math.isfinite(found.noise)


@pytest.mark.parametrize(
    ("q", "p", "exact"), [("N(0, 1)", "N(8, 1)", 16.0), ("N(0, 1)", "N(5, 1)", 6.25), ("N(0, 1)", "N(0, 1)", math.nan)]
)
def test_a_control_that_no_sample_shows_does_no_harm(q: str, p: str, exact: float) -> None:
    """At N(8, 1) no draw of 1e5 shows what carries r. Fitted on the sample k2 came out as 21.5702(45)."""
    spec = read_text(f"name: r\nsamples: 1e5\nestimators: [k2]\npairs: [{{q: '{q}', p: '{p}'}}]\n")
    ((_, row),) = run(spec, device="cpu", threads=1).rows()
    value, error = row.bias_over_true_cv, row.bias_over_true_cv_mcse  # type: ignore[union-attr]
    assert math.isnan(value) == math.isnan(exact)
    if not math.isnan(exact):
        # fails once in a billion: 6 standard errors of an ordinary mean
        assert abs(value - exact) < 6 * error
        assert error < row.bias_over_true_mcse
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", ["k2", "forward_kl", "squared_hellinger", "chi2_qp"])
def test_on_copies_it_is_weighted_least_squares_on_all_outcomes(name: str) -> None:
    q, p = np.array(Q), np.array(P)
    mass = np.einsum("i,j,k->ijk", q, q, q).ravel()
    each = np.log(p / q)
    log_ratio = (each[:, None, None] + each[:, None] + each).ravel()
    estimators = [find(each).term for each in (name, "k1", "k3")]
    values = [term.function(torch.from_numpy(log_ratio)).numpy() for term in estimators]
    expected = by_least_squares(mass, values[0], values[1:])
    found = of_factors(Integrand(pair_of(f"Categorical({Q})**3", f"Categorical({P})**3"), tuple(estimators)))
    assert found is not None
    assert found.coefficients == pytest.approx(expected[0], rel=1e-8)
    assert found.noise == pytest.approx(expected[1], rel=1e-8)


@pytest.mark.parametrize("shift", [1e-2, 0.1, 1.0])
def test_copies_shifted_alike_are_one_gaussian_shifted_by_the_root_of_their_number(shift: float) -> None:
    terms = tuple(find(name).term for name in ("k2", "k1", "k3"))
    one = regression(Integrand(pair_of("N(0, 1)", f"N({2 * shift}, 1)"), terms))
    four = regression(Integrand(pair_of("N(0, 1)**4", f"N({shift}, 1)**4"), terms))
    assert one is not None
    assert four is not None
    assert four.coefficients == pytest.approx(one.coefficients, rel=1e-5)
    assert four.noise == pytest.approx(one.noise, rel=1e-5)
