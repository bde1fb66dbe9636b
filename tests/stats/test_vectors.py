"""The laws of vector moments: halves merge to the whole; weighted points, sums over draws and NumPy agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from klbench.stats.score_table import DenseTable, OneHotTable, ScoreTable
from klbench.stats.vectors import OnPoints, Sums, VectorMoments


def made_up(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_numpy(gradients: Tensor, direction: Tensor) -> dict[str, np.ndarray]:
    """Of equally likely gradients [n, J]."""
    g, along = gradients.numpy(), direction.numpy()
    centred = g - g.mean(0)
    covariance = centred.T @ centred / len(g)
    return {
        "mean": g.mean(0),
        "variances": centred.var(0),
        "trace": np.array(np.trace(covariance)),
        "variance_along": np.array((centred @ along).var()),
        "squared_covariance": np.array((covariance**2).sum()),
        "fourth": np.array(((centred**2).sum(1) ** 2).mean()),
    }


def by_klbench(moments: VectorMoments, direction: Tensor) -> dict[str, np.ndarray]:
    return {
        "mean": moments.mean.numpy(),
        "variances": moments.variances.numpy(),
        "trace": np.array(moments.trace),
        "variance_along": np.array(moments.variance_along(direction)),
        "squared_covariance": np.array(moments.squared_covariance),
        "fourth": np.array(moments.fourth),
    }


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-11, err_msg=name)


def assert_same_sums(left: Sums, right: Sums) -> None:
    assert left.count == right.count
    assert torch.equal(left.nonfinite, right.nonfinite)
    for name in ("first", "second", "third", "fourth"):
        torch.testing.assert_close(getattr(left, name), getattr(right, name), rtol=1e-11, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(1, 499), seed=st.integers(0, 2**31), components=st.integers(1, 5))
def test_merging_halves_is_the_whole_in_either_order(cut: int, seed: int, components: int) -> None:
    coefficients, scores = made_up(seed, 3, 500), made_up(seed + 1, 500, components)
    whole = Sums.of_products(coefficients, scores)
    first = Sums.of_products(coefficients[:, :cut], scores[:cut])
    second = Sums.of_products(coefficients[:, cut:], scores[cut:])
    assert_same_sums(first.merge(second), whole)
    assert_same_sums(second.merge(first), whole)


def test_merging_is_associative() -> None:
    a, b, c = (Sums.of_vectors(made_up(seed, 2, 50, 3)) for seed in range(3))
    assert_same_sums(a.merge(b).merge(c), a.merge(b.merge(c)))


def test_products_are_vectors() -> None:
    coefficients, scores = made_up(0, 4, 300), made_up(1, 300, 3)
    assert_same_sums(
        Sums.of_products(coefficients, scores), Sums.of_vectors(coefficients[:, :, None] * scores[None, :, :])
    )


@pytest.mark.parametrize("components", [1, 2, 7])
def test_moments_of_a_sample_are_numpys(components: int) -> None:
    coefficients, scores, direction = made_up(2, 2, 1000), made_up(3, 1000, components) + 0.5, made_up(4, components)
    sums = Sums.of_products(coefficients, scores)
    for row in range(2):
        found = by_klbench(sums.moments(row), direction)
        assert_same(found, by_numpy(coefficients[row][:, None] * scores, direction))


@pytest.mark.parametrize("categories", [2, 3, 9])
def test_counted_points_are_the_sample_they_were_counted_from(categories: int) -> None:
    generator = torch.Generator().manual_seed(5)
    pi = torch.rand(categories, generator=generator, dtype=torch.float64)
    pi, coefficient = pi / pi.sum(), made_up(6, categories)
    drawn = torch.multinomial(pi, 400, replacement=True, generator=generator)
    scores = torch.eye(categories, dtype=torch.float64) - pi
    frequencies = drawn.bincount(minlength=categories).double() / len(drawn)
    direction, gradients = made_up(7, categories), coefficient[drawn][:, None] * scores[drawn]
    expected = by_numpy(gradients, direction)
    for table in (OneHotTable(pi), DenseTable(scores)):
        assert_same(by_klbench(OnPoints(frequencies, coefficient, table), direction), expected)
    summed = Sums.of_products(coefficient[drawn][None], scores[drawn]).moments(0)
    assert_same(by_klbench(summed, direction), expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), categories=st.integers(2, 12))
def test_the_one_hot_table_is_the_dense_one(seed: int, categories: int) -> None:
    pi = made_up(seed, categories).softmax(0)
    weights, direction = made_up(seed + 1, categories), made_up(seed + 2, categories)
    structured: ScoreTable = OneHotTable(pi)
    dense = DenseTable(torch.eye(categories, dtype=torch.float64) - pi)
    close = {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(structured.combine(weights), dense.combine(weights), **close)
    torch.testing.assert_close(structured.combine_squares(weights), dense.combine_squares(weights), **close)
    torch.testing.assert_close(structured.along(direction), dense.along(direction), **close)
    torch.testing.assert_close(structured.squared_norms, dense.squared_norms, **close)
    assert structured.squared_gram(weights) == pytest.approx(dense.squared_gram(weights), rel=1e-9, abs=1e-12)


def test_the_squared_gram_is_the_double_sum_it_says() -> None:
    scores, weights = made_up(8, 6, 3), made_up(9, 6)
    products = (scores @ scores.T).square()
    expected = float(weights @ products @ weights)
    assert DenseTable(scores).squared_gram(weights) == pytest.approx(expected, rel=1e-12)


def test_a_category_that_is_all_but_certain_keeps_the_digits_of_its_score() -> None:
    """π = (ε, 1 − ε): both components of Σ wᵢ(one-hot(i) − π) are ±ε(w₀ − w₁), whatever ε is."""
    for epsilon in (1e-5, 1e-18):
        pi = torch.tensor([epsilon, 1 - epsilon], dtype=torch.float64)
        found = OneHotTable(pi).combine(pi * torch.tensor([40.0, -40.0], dtype=torch.float64))
        torch.testing.assert_close(found[0].abs(), found[1].abs(), rtol=1e-9, atol=0.0)
        assert float(found[0]) == pytest.approx(80 * epsilon * (1 - epsilon), rel=1e-9)


def test_nonfinite_vectors_are_counted_and_never_dropped() -> None:
    coefficients = torch.tensor([[1.0, float("inf"), float("nan"), -2.0], [1.0, 2.0, 3.0, 4.0]], dtype=torch.float64)
    sums = Sums.of_products(coefficients, made_up(10, 4, 2))
    assert sums.nonfinite.tolist() == [2, 0]
    assert bool(sums.moments(0).mean.isnan().any())
    assert bool(sums.moments(1).mean.isfinite().all())


def test_a_constant_has_no_spread() -> None:
    constant = torch.full((1, 1000, 2), 0.1, dtype=torch.float64)
    moments = Sums.of_vectors(constant).moments(0)
    assert moments.trace == pytest.approx(0.0, abs=1e-16)
    assert moments.squared_covariance == pytest.approx(0.0, abs=1e-30)
