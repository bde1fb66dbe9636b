"""The laws of moments: merging halves is the whole, in any grouping; the sums give what a direct computation gives."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from klbench.stats.moments import Central, Moments, of

SHIFT = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)


def values(count: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(3, count, generator=generator, dtype=torch.float64)
    return [draws[0], draws[1].exp(), draws[2] ** 2 - 1]


def moments(parts: list[Tensor]) -> Moments:
    return of(parts, SHIFT, controls=2)


def assert_same(left: Moments, right: Moments) -> None:
    assert left.count == right.count
    torch.testing.assert_close(left.powers, right.powers, rtol=1e-12, atol=1e-9)
    torch.testing.assert_close(left.cross, right.cross, rtol=1e-12, atol=1e-9)
    assert torch.equal(left.negative, right.negative)
    assert torch.equal(left.nonfinite, right.nonfinite)


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(1, 999), seed=st.integers(0, 2**31))
def test_merging_halves_is_the_whole_in_either_order(cut: int, seed: int) -> None:
    whole = values(1000, seed)
    first, second = moments([v[:cut] for v in whole]), moments([v[cut:] for v in whole])
    assert_same(first.merge(second), moments(whole))
    assert_same(second.merge(first), moments(whole))


def test_merging_is_associative() -> None:
    a, b, c = (moments(values(100, seed)) for seed in range(3))
    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))


def test_central_moments_are_those_of_the_values() -> None:
    whole = values(10_000)
    for index, value in enumerate(whole):
        central = moments(whole).central(index)
        centred = value - value.mean()
        assert central.mean == pytest.approx(float(value.mean()), rel=1e-12)
        assert central.stdev == pytest.approx(float(value.std()), rel=1e-12)
        assert central.fourth == pytest.approx(float((centred**4).mean()), rel=1e-10)


def test_the_moments_do_not_depend_on_the_shift() -> None:
    whole = values(1000)
    elsewhere = of(whole, SHIFT + 3.0, controls=2)
    for index in range(3):
        assert elsewhere.central(index).fourth == pytest.approx(moments(whole).central(index).fourth, rel=1e-9)


def test_covariances_are_those_of_the_values() -> None:
    whole = values(5000)
    expected = torch.cov(torch.stack(whole), correction=0)
    for index in range(3):
        matrix, with_value = moments(whole).covariances(index, [0, 1])
        torch.testing.assert_close(matrix, expected[:2, :2])
        torch.testing.assert_close(with_value, expected[:2, index])


def test_nonfinite_values_are_counted_and_never_dropped() -> None:
    value = torch.tensor([1.0, float("inf"), float("nan"), -2.0], dtype=torch.float64)
    found = of([value, value.nan_to_num(posinf=0.0), torch.where(value.isnan(), 0.0, value)], SHIFT, controls=0)
    assert found.nonfinite.tolist() == [2, 0, 1]
    assert found.negative.tolist() == [1, 1, 1]
    assert found.central(2).mean == float("inf")
    assert found.central(0).mean != found.central(0).mean


def test_a_constant_has_no_spread() -> None:
    constant = torch.full((1000,), 0.1, dtype=torch.float64)
    central = of([constant], torch.tensor([0.3], dtype=torch.float64), controls=0).central(0)
    assert (central.stdev, central.mean_mcse, central.stdev_mcse) == (0.0, 0.0, 0.0)


def test_one_sample_has_a_mean_and_no_error() -> None:
    central = Central.about(0.0, [2.0, 4.0, 8.0, 16.0], 1)
    assert central.mean == 2.0
    assert central.stdev != central.stdev
    assert central.mean_mcse != central.mean_mcse


def test_sums_are_float64_whatever_the_values() -> None:
    half = torch.linspace(0, 1, 10_000, dtype=torch.float32)
    assert of([half], torch.zeros(1, dtype=torch.float64), controls=1).powers.dtype == torch.float64
