"""The length, the noise and the angle of a sampled gradient: right on average, with error bars as long as they say.

REPLICATES samples of vectors with known mean and covariance. Of z = (measured − true)/MCSE the mean and the mean square
are held to those of a standard normal at FALSE_ALARM each, with SLACK for what a finite sample's skewness leaves. Where
the mean is nothing but noise z cannot be normal (a length is never negative): there the bars may be long, not short.
"""

from __future__ import annotations

from functools import cache
from math import isnan, sqrt

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from klbench.stats.estimate import Estimate
from klbench.stats.lengths import cosine, length, noise
from klbench.stats.vectors import OfSample, Sums

REPLICATES, COUNT = 1000, 1000
COMPONENTS = (1, 2, 20)
FALSE_ALARM = 1e-7  # of each assertion; of the file below 1e-5
SLACK = 0.06


def mean_of(components: int, size: float) -> Tensor:
    """A vector of this length that leans to its first component."""
    v = 1.0 / torch.arange(1, components + 1, dtype=torch.float64)
    return size * v / v.norm()


def spread(components: int) -> Tensor:
    """A matrix A: vectors are A e with independent e, so that their covariance A Aᵀ has every entry."""
    i = torch.arange(components, dtype=torch.float64)
    return 0.7 ** (i[:, None] - i[None, :]).abs()


@cache
def samples(components: int, size: float) -> tuple[tuple[OfSample, ...], float]:
    """REPLICATES samples of COUNT vectors, and the trace of the covariance. Each e is a shifted exponential: skew 2."""
    generator = torch.Generator().manual_seed(components)
    found, a = [], spread(components)
    for _ in range(REPLICATES // 100):
        e = -torch.rand(100, COUNT, components, generator=generator, dtype=torch.float64).log() - 1
        sums = Sums.of_vectors(mean_of(components, size) + e @ a.T)
        found += [sums.moments(row) for row in range(100)]
    return tuple(found), float(a.square().sum())


def scores(measured: list[Estimate], true: float) -> np.ndarray:
    return np.array([(each.value - true) / each.mcse for each in measured])


def assert_standard_normal(z: np.ndarray) -> None:
    assert np.isfinite(z).all()
    assert abs(z.mean()) <= stats.norm.isf(FALSE_ALARM / 2) / sqrt(len(z)) + SLACK
    low, high = stats.chi2.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], len(z)) / len(z)
    assert low * (1 - 2 * SLACK) <= (z**2).mean() <= high * (1 + 2 * SLACK)


@pytest.mark.parametrize("components", COMPONENTS)
def test_a_bias_that_stands_out_has_a_normal_z(components: int) -> None:
    size = 10 * sqrt(samples(components, 0.0)[1] / COUNT)
    found = [length(each, COUNT, torch.zeros(components)) for each in samples(components, size)[0]]
    assert_standard_normal(scores(found, size))


@pytest.mark.parametrize("components", COMPONENTS)
def test_where_there_is_no_bias_the_bars_are_not_short(components: int) -> None:
    z = scores([length(each, COUNT, torch.zeros(components)) for each in samples(components, 0.0)[0]], 0.0)
    assert (z >= 0).all()
    assert (z**2).mean() <= 1
    # of standard normals P(|z| > 3) is 0.0027: of 1000, more than 14 once in 1e6
    assert (z > 3).sum() <= stats.binom.isf(FALSE_ALARM, len(z), 0.0027)
    assert (z == 0).any()


@pytest.mark.parametrize("components", COMPONENTS)
def test_the_squared_length_is_free_of_the_noise_of_the_mean(components: int) -> None:
    """Without taking the noise off, ‖mean‖² would be trace/COUNT too large."""
    moments, trace = samples(components, 0.0)
    squared = np.array([length(each, COUNT, torch.zeros(components)).value ** 2 for each in moments])
    raw = np.array([float(each.mean @ each.mean) for each in moments])
    assert raw.mean() == pytest.approx(trace / COUNT, rel=6 * raw.std() / raw.mean() / sqrt(REPLICATES))
    assert squared.mean() < raw.mean() / 2


@pytest.mark.parametrize("components", COMPONENTS)
@pytest.mark.parametrize("size", [0.0, 1.0])
def test_the_noise_has_a_normal_z_wherever_the_mean_is(components: int, size: float) -> None:
    moments, trace = samples(components, size)
    assert_standard_normal(scores([noise(each, COUNT) for each in moments], sqrt(trace)))


@pytest.mark.parametrize("components", [2, 20])
def test_the_angle_has_a_normal_z(components: int) -> None:
    size = 30 * sqrt(samples(components, 0.0)[1] / COUNT)
    mean = mean_of(components, size)
    true = torch.ones(components, dtype=torch.float64)
    expected = float(mean @ true) / size / sqrt(components)
    assert_standard_normal(scores([cosine(each, COUNT, true) for each in samples(components, size)[0]], expected))


def test_the_angle_of_what_cannot_be_told_from_nothing_is_empty() -> None:
    found = [cosine(each, COUNT, torch.ones(20, dtype=torch.float64)) for each in samples(20, 0.0)[0]]
    assert np.mean([isnan(each.value) for each in found]) > 0.99
    assert isnan(cosine(samples(2, 1.0)[0][0], COUNT, torch.zeros(2, dtype=torch.float64)).value)


def test_a_gradient_along_the_true_one_has_cosine_1_within_its_error() -> None:
    true = mean_of(2, 1.0)
    for each in samples(2, 1.0)[0]:
        found = cosine(each, COUNT, true)
        assert abs(found.value) <= 1
        assert 1 - found.value < 6 * found.mcse


def test_one_vector_has_no_error_bar() -> None:
    one = Sums.of_vectors(torch.tensor([[[1.0, 2.0]]], dtype=torch.float64)).moments(0)
    true = torch.tensor([1.0, 1.0], dtype=torch.float64)
    assert isnan(length(one, 1, true).mcse)
    assert isnan(noise(one, 1).value)
    assert isnan(cosine(one, 1, true).mcse)


def test_equal_vectors_have_a_length_and_no_spread() -> None:
    same = Sums.of_vectors(torch.full((1, 8, 2), 0.5, dtype=torch.float64)).moments(0)
    assert length(same, 8, torch.zeros(2, dtype=torch.float64)).value == pytest.approx(sqrt(0.5), rel=1e-12)
    assert noise(same, 8) == Estimate(0.0, 0.0)
