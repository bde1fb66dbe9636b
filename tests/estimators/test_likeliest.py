"""The K likeliest tokens of a row: those that a stable sort puts first, ties, missing tokens and NaN among them."""

from __future__ import annotations

import pytest
import torch

from klbench.estimators.whole import likeliest


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_the_likeliest_are_the_first_of_a_stable_sort(size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(-3, 3, (200, size), generator=generator).double()
    rows[torch.rand(rows.shape, generator=generator) < 0.2] = -torch.inf
    rows[torch.rand(rows.shape, generator=generator) < 0.05] = torch.nan
    order = rows.argsort(dim=1, descending=True, stable=True)
    for count in (1, 2, size // 2 + 1, size, size + 1):
        sorted_first = rows.isnan().scatter(1, order[:, :count], value=True)
        assert torch.equal(likeliest(rows, count), sorted_first)
