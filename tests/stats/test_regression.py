"""Regression on controls, by NumPy's least squares: the same mean and the same standard error, to the last digits."""

from __future__ import annotations

import math

import numpy as np
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


def regressed(values: list[Tensor], known: list[float]) -> tuple[float, float] | None:
    return regressed_mean(of(values, torch.zeros(len(values), dtype=torch.float64), len(known)), len(known), known)


def test_it_is_the_fitted_value_where_the_controls_have_their_true_means() -> None:
    values, known = draws(), [0.0, 0.5]
    basis = np.column_stack([np.ones(COUNT), values[0] - known[0], values[1] - known[1]])
    fitted, squares, *_ = np.linalg.lstsq(basis, values[2].numpy(), rcond=None)
    found = regressed(values, known)
    assert found == pytest.approx((fitted[0], math.sqrt(squares[0]) / COUNT), rel=1e-12)


def test_what_the_process_takes_for_a_float_changes_no_digit() -> None:
    before = torch.get_default_dtype()
    found = regressed(draws(), [0.0, 0.5])
    try:
        torch.set_default_dtype(torch.float64)
        assert regressed(draws(), [0.0, 0.5]) == found
    finally:
        torch.set_default_dtype(before)


def test_nothing_is_left_to_measure_of_a_combination_of_the_controls() -> None:
    first, second, _ = draws()
    assert regressed([first, second, 2 * first - second + 1], [0.0, 0.5]) is None


def test_a_control_that_does_not_vary_is_none() -> None:
    first, _, value = draws()
    assert regressed([first, torch.ones_like(first), value], [0.0, 1.0]) is None


def test_the_span_is_of_functions() -> None:
    controls = (torch.Tensor.neg, torch.Tensor.expm1)
    assert in_span(lambda log_ratio: log_ratio.expm1() - 2 * log_ratio + 3, controls)
    assert not in_span(lambda log_ratio: log_ratio**2, controls)
    assert not in_span(lambda log_ratio: log_ratio.sqrt(), controls), "no number is no combination"
