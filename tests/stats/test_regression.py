"""The regressed mean: the mean of what is left of a value without its controls, computed draw by draw."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from klbench.stats.moments import of
from klbench.stats.regression import in_span, regressed_mean

COUNT = 10_000


def draws(seed: int = 0) -> list[Tensor]:
    """Two controls of means 0 and 1/2, and a value that leans on both."""
    normal = torch.randn(3, COUNT, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    first, second = normal[0], normal[1] ** 2 / 2
    return [first, second, 3 * first - second + normal[2] ** 3]


def regressed(values: list[Tensor], known: list[float], noise: float = 0.0) -> tuple[float, float] | None:
    moments = of(values, torch.zeros(len(values), dtype=torch.float64), len(known))
    return regressed_mean(moments, len(known), known, (3.0, -1.0), noise)


def test_it_is_the_mean_of_what_is_left_with_the_controls_at_their_true_means() -> None:
    values, known = draws(), [0.0, 0.5]
    left = values[2] - 3 * (values[0] - known[0]) + (values[1] - known[1])
    expected = float(left.mean()), float(left.std(correction=0)) / math.sqrt(COUNT)
    found = regressed(values, known)
    assert found is not None
    assert (found.value, found.mcse) == pytest.approx(expected, rel=1e-12)


def test_its_error_is_at_least_the_exact_one() -> None:
    found = regressed(draws(), [0.0, 0.5], noise=100.0)
    assert found is not None
    assert found.mcse == 100 / math.sqrt(COUNT)


def test_what_the_process_takes_for_a_float_changes_no_digit() -> None:
    before = torch.get_default_dtype()
    found = regressed(draws(), [0.0, 0.5])
    try:
        torch.set_default_dtype(torch.float64)
        assert regressed(draws(), [0.0, 0.5]) == found
    finally:
        torch.set_default_dtype(before)


def test_what_is_no_number_has_no_regressed_mean() -> None:
    first, second, value = draws()
    value[0] = math.inf
    assert regressed([first, second, value], [0.0, 0.5]) is None


def test_the_span_is_of_functions() -> None:
    controls = (torch.Tensor.neg, torch.Tensor.expm1)
    assert in_span(lambda log_ratio: log_ratio.expm1() - 2 * log_ratio + 3, controls)
    assert not in_span(lambda log_ratio: log_ratio**2, controls)
    assert not in_span(lambda log_ratio: log_ratio.sqrt(), controls), "no number is no combination"
