"""The exact road of gradients against a second one: Gauss-Legendre panels cut at kinks, sums, mpmath.

Means and noise to 1e-8, jumps and kinks that clamps make included; what does not exist is infinite, what exists only
because two terms cancel is found.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from math import inf, sqrt

import mpmath
import numpy as np
import pytest

from klbench.estimators.vocabulary import Placement, Weighting
from klbench.measure.exact_gradients import ExactGradients
from klbench.roads.exact_vector import ExactVector
from tests.derived.exact import exact, gradients_of
from tests.derived.second_road import WRITTEN, Categories, Gaussians

FORMS: list[tuple[Placement, Weighting]] = [
    ("loss", "none"),
    ("loss", "ratio"),
    ("loss", "detached"),
    ("reward", "none"),
    ("reward", "ratio"),
]
GAUSSIANS = {
    "stale": Gaussians(q=(0, 1), p=(1, 1.2), sampler=(0.2, 1)),
    "clamped": Gaussians(q=(0, 1), p=(6, 0.9), sampler=(0, 1)),
}
CATEGORIES = {
    "on-policy": Categories(q=(0, 1, 2, -1), p=(0.3, 0.2, 1, -0.5), sampler=(0, 1, 2, -1)),
    "stale": Categories(q=(0, 1, 2, -1), p=(0.3, 0.2, 1, -0.5), sampler=(0.1, 1.2, 1.5, -0.8)),
    "clamped": Categories(q=(0, 8, 2, -12), p=(13, 0.2, -10, -0.5), sampler=(0.1, 7, 1.5, -8)),
}
CELLS = [(name, *form) for name, form in product(WRITTEN, FORMS)]


@cache
def klbench(kind: str, pair: str) -> ExactGradients:
    found = GAUSSIANS[pair] if kind == "N({}, {})" else CATEGORIES[pair]
    texts = [
        kind.format(*of) if isinstance(found, Gaussians) else kind.format(list(of))
        for of in (found.q, found.p, found.sampler)
    ]
    return gradients_of(texts[0], texts[1], None if found.sampler == found.q else texts[2])


def assert_same(found: ExactVector, mean: np.ndarray, stdev: np.ndarray) -> None:
    np.testing.assert_allclose(found.mean, mean, rtol=1e-8, atol=1e-9 * np.linalg.norm(mean) + 1e-13 * stdev.max())
    np.testing.assert_allclose(found.stdev, stdev, rtol=1e-8, atol=1e-8 * stdev.max())


@pytest.mark.parametrize("pair", GAUSSIANS)
@pytest.mark.parametrize(("name", "placement", "weighting"), CELLS)
def test_gaussians(pair: str, name: str, placement: Placement, weighting: Weighting) -> None:
    expected = GAUSSIANS[pair].moments(name, placement, weighting)
    found = exact(klbench("N({}, {})", pair), name, placement, weighting)
    assert found.road == "quadrature"
    assert_same(found, expected.mean, expected.stdev)


@pytest.mark.parametrize("pair", CATEGORIES)
@pytest.mark.parametrize(("name", "placement", "weighting"), CELLS)
def test_categories(pair: str, name: str, placement: Placement, weighting: Weighting) -> None:
    expected = CATEGORIES[pair].moments(name, placement, weighting)
    found = exact(klbench("Categorical(logits={})", pair), name, placement, weighting)
    assert found.road == "enumeration"
    assert_same(found, expected.mean, expected.stdev)


# q, p, sampler, estimator, placement, weighting, whether (mean, variance) are finite
EXISTENCE = [
    ("N(0, 1)", "N(0, 2)", None, "k3", "loss", "none", (True, False)),
    ("N(0, 1)", "N(0, 2)", None, "k3", "reward", "none", (True, False)),
    ("N(0, 1)", "N(0, 2)", None, "k3", "loss", "ratio", (True, True)),  # r cancels: what is left is log r
    ("N(0, 1)", "N(0, 2)", None, "k2", "loss", "ratio", (True, True)),
    ("N(0, 1)", "N(0, 1.41)", None, "k3", "loss", "none", (True, True)),
    ("N(0, 1)", "N(0, 1.42)", None, "k3", "loss", "none", (True, False)),
    ("N(0, 1)", "N(0, 2)", None, "verl:low_var_kl", "loss", "none", (True, True)),
    ("N(0, 1)", "StudentT(5)", None, "k3", "loss", "none", (True, False)),
    ("N(0, 1)", "StudentT(5)", None, "k2", "loss", "none", (True, True)),
    ("N(0, 1)", "StudentT(5)", None, "k3", "loss", "ratio", (True, True)),
    ("Laplace(0, 1)", "Laplace(0, 1.9)", None, "k3", "loss", "none", (True, True)),
    ("Laplace(0, 1)", "Laplace(0, 2)", None, "k3", "loss", "none", (True, False)),
    ("N(0, 1)", "N(0, 0.5)", None, "trlx:mean_kl", "loss", "none", (False, False)),
    ("N(0, 1)", "N(0.3, 1)", "N(0, 0.5)", "k1", "loss", "none", (True, True)),
    ("N(0, 1)", "N(0.3, 1)", "N(0, 0.5)", "k1", "reward", "ratio", (True, False)),  # the weight has no variance
    ("N(0, 1)", "N(0.3, 1)", "N(0, 3)", "k3", "loss", "detached", (True, True)),
]


@pytest.mark.parametrize(("q", "p", "sampler", "name", "placement", "weighting", "finite"), EXISTENCE)
def test_what_exists_is_what_theory_says(
    q: str,
    p: str,
    sampler: str | None,
    name: str,
    placement: Placement,
    weighting: Weighting,
    finite: tuple[bool, bool],
) -> None:
    found = exact(gradients_of(q, p, sampler), name, placement, weighting)
    assert (bool(found.mean.isfinite().all()), found.has_variance) == finite
    assert found.has_variance == (float(found.stdev.max()) < inf)


def test_ratio_times_k3_against_a_wider_reference_is_finite_to_the_last_digit() -> None:
    """Its two summands have no variance, their sum has: log(q/p)·s. Expected values by mpmath, to 30 digits."""
    mpmath.mp.dps = 30

    def expectation(function):  # type: ignore[no-untyped-def]
        density = mpmath.npdf
        return mpmath.quad(
            lambda x: density(x) * function(x, mpmath.log(2) - 3 * x**2 / 8), [-mpmath.inf, 0, mpmath.inf]
        )

    found = exact(gradients_of("N(0, 1)", "N(0, 2)"), "k3", "loss", "ratio")
    mean = [expectation(lambda x, k: k * x), expectation(lambda x, k: k * (x**2 - 1))]
    second = [expectation(lambda x, k: (k * x) ** 2), expectation(lambda x, k: (k * (x**2 - 1)) ** 2)]
    assert found.mean.tolist() == pytest.approx([float(m) for m in mean], abs=1e-12)
    assert found.stdev.tolist() == pytest.approx([sqrt(s - m**2) for s, m in zip(second, mean, strict=True)], rel=1e-9)


def test_students_t_has_the_moments_theory_gives() -> None:
    """The score of a Student's t is bounded; k1 against a Gaussian grows like x², so variance needs df > 4."""
    for df, has_variance in ((3.0, False), (5.0, True)):
        found = exact(gradients_of(f"StudentT({df})", "N(0, 1)"), "k1", "reward")
        assert bool(found.mean.isfinite().all())
        assert found.has_variance == has_variance


@pytest.mark.parametrize("shift", [1e-3, 1e-6])
def test_very_near_pairs_keep_their_digits(shift: float) -> None:
    pair = Gaussians(q=(0, 1), p=(shift, 1), sampler=(0, 1))
    of = gradients_of("N(0, 1)", f"N({shift}, 1)")
    for name, placement in (("k1", "reward"), ("k2", "loss"), ("k3", "loss")):
        assert float(exact(of, name, placement).mean[0]) == pytest.approx(-shift, rel=1e-10)  # type: ignore[arg-type]
    assert pair.reverse[0] == -shift


@pytest.mark.parametrize("shift", [6.0, 8.0, 10.0])
def test_far_pairs_are_not_rounded_away_though_their_noise_is_astronomic(shift: float) -> None:
    found = exact(gradients_of("N(0, 1)", f"N({shift}, 1)"), "k3", "loss")
    assert found.mean.tolist() == pytest.approx([-shift, -(shift**2)], rel=1e-8)
    assert float(found.stdev[0]) > 1e7
