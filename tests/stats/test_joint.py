"""The error of a quotient of two standard deviations on the same samples, by plain NumPy."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest
import torch

from klbench.stats.joint import Joint
from klbench.stats.moments import Moments, of

Numbers = np.ndarray


def joint(x: Numbers, y: Numbers, shifts: tuple[float, float] = (0.0, 0.0), parts: int = 1) -> Joint:
    shift = torch.tensor(shifts, dtype=torch.float64)
    pieces = zip(np.array_split(x, parts), np.array_split(y, parts), strict=True)
    found: Moments | None = None
    for pair in pieces:
        one = of([torch.from_numpy(part) for part in pair], shift, 0, (1, None))
        found = one if found is None else found.merge(one)
    assert found is not None
    return found.joint_with(0, 1)


def by_numpy(x: Numbers, y: Numbers) -> float:
    """The stdev of the slopes over √n: the delta method, sample by sample."""
    a, b = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    return float((a * a / 2 - b * b / 2).std() / sqrt(len(x)))


def drawn(count: int = 5000) -> tuple[Numbers, Numbers]:
    random = np.random.default_rng(5)
    shared = random.exponential(1.0, count)
    return 3 + shared + random.normal(0, 0.3, count), 40 * shared - 2


@pytest.mark.parametrize("shifts", [(0.0, 0.0), (4.0, 38.0), (-3.0, 10.0)])
@pytest.mark.parametrize("parts", [1, 7])
def test_it_is_the_delta_methods(shifts: tuple[float, float], parts: int) -> None:
    x, y = drawn()
    # what a variance of a variance has beyond its fourth moment is of order 1/n of it
    assert joint(x, y, shifts, parts).relative_error == pytest.approx(by_numpy(x, y), rel=1e-3)


def test_scales_far_apart_lose_no_digit() -> None:
    x, y = drawn()
    assert joint(1e-9 * x, 1e9 * y).relative_error == pytest.approx(joint(x, y).relative_error, rel=1e-9)


def test_of_few_samples_of_a_coin_it_counts_what_the_fourth_moment_does_not() -> None:
    """Two fair coins have kurtosis 1 each: what is left is of order 1/n."""
    x, y = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    assert joint(x, y).relative_error == pytest.approx(sqrt(4 / (4 * 3)) / 2)


def test_a_multiple_is_known_without_an_error() -> None:
    x, _ = drawn()
    assert joint(x, -2 * x).relative_error < 1e-8


@pytest.mark.parametrize("other", [np.zeros(4), np.array([1.0, np.inf, 0, 0]), np.array([1.0, np.nan, 0, 0])])
def test_what_has_no_noise_or_is_no_number_has_no_error(other: Numbers) -> None:
    assert isnan(joint(np.array([1.0, 2.0, 3.0, 5.0]), other).relative_error)
    assert isnan(joint(np.array([1.0]), np.array([2.0])).relative_error)
