"""Pareto-k̂: the shape it finds in samples of known shape, the agreement with SciPy, and what it says of no tail."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import genpareto

from klbench.stats import tail
from klbench.stats.tail import Largest, above, khat, none_yet, tail_length, top


def pareto(shape: float, count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(count, generator=generator, dtype=torch.float64)
    return uniform ** (-shape)


def seen(values: torch.Tensor, parts: int = 1) -> Largest:
    largest = none_yet(len(values))
    for part in values.chunk(parts):
        largest = largest.merge(above(part, largest))
    return largest


@pytest.mark.parametrize("shape", [0.3, 0.7, 1.2])
def test_khat_of_a_pareto_tail_is_its_shape(shape: float) -> None:
    # the estimate's standard error is (1 + k)/sqrt(m); 6 of them plus the prior's pull fail once in 1e8
    values = pareto(shape, 200_000)
    length = tail_length(len(values))
    prior = 10 * abs(0.5 - shape) / (length + 10)
    assert abs(khat(seen(values)) - shape) < 6 * (1 + shape) / math.sqrt(length) + prior


def test_khat_agrees_with_maximum_likelihood() -> None:
    values = pareto(0.5, 100_000, seed=3)
    ordered = values.sort(descending=True).values
    length = tail_length(len(values))
    fitted, _, _ = genpareto.fit((ordered[:length] - ordered[length]).numpy(), floc=0)
    # both are asymptotically efficient: they differ by far less than their standard error, (1 + k)/sqrt(m)
    assert abs(khat(seen(values)) - fitted) < 1.5 / math.sqrt(length)


def test_a_bounded_tail_has_a_small_khat() -> None:
    generator = torch.Generator().manual_seed(0)
    assert khat(seen(torch.rand(100_000, generator=generator, dtype=torch.float64))) < 0


@pytest.mark.parametrize("parts", [1, 7, 50])
def test_the_tail_is_the_same_however_it_arrives(parts: int) -> None:
    values = pareto(0.8, 50_000)
    forward, backward = seen(values, parts), seen(values.flip(0), parts)
    assert khat(forward) == khat(backward) == khat(seen(values))


@pytest.mark.parametrize("parts", [1, 3, 50])
def test_the_tail_is_the_largest_sizes_of_all(parts: int) -> None:
    values = pareto(0.8, 30_000) * torch.where(torch.arange(30_000) % 3 == 0, -1.0, 1.0)
    largest = seen(values, parts)
    assert torch.equal(largest.values.sort().values, values.abs().sort().values[-largest.limit :])


@pytest.mark.parametrize("limit", [1, 2, 999, 1000, 1001])
def test_the_top_keeps_ties_and_infinities(limit: int) -> None:
    values = (pareto(0.5, 1000) * 4).round()
    values[::100] = math.inf
    assert torch.equal(top(values, limit).sort().values, values.sort().values[-limit:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_sizes_are_float64_whatever_the_values(dtype: torch.dtype) -> None:
    values = pareto(0.5, 1000).to(dtype)
    assert torch.equal(seen(values).values.sort().values, seen(values.double()).values.sort().values)


def test_memory_stays_bounded() -> None:
    largest = seen(pareto(0.5, 1_000_000), parts=20)
    assert len(largest.sizes) < 2 * largest.limit <= 2 * (tail.TAIL + 1)


def test_no_tail_no_khat() -> None:
    assert math.isnan(khat(seen(torch.ones(1000, dtype=torch.float64))))
    assert math.isnan(khat(seen(torch.tensor([1.0, 2.0], dtype=torch.float64))))
    assert math.isnan(khat(none_yet(10)))


def test_an_infinite_value_is_an_infinite_khat() -> None:
    values = pareto(0.5, 1000)
    values[10] = math.inf
    assert khat(seen(values)) == math.inf


def test_nan_is_no_size() -> None:
    values = pareto(0.5, 1000)
    values[10] = math.nan
    assert math.isfinite(khat(seen(values)))
