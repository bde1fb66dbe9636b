"""Clamps found by watching: of frameworks and of any function alike, whatever call makes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from klbench.derived.clamps import clamped, has_clamp
from klbench.estimators.catalogue import find

X = torch.tensor([-3.0, -1.0, 0.0, 0.5, 1.0, 2.0], dtype=torch.float64)
ZERO = torch.zeros_like(X)
BEYOND_1 = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
ABOVE_1 = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
BELOW_0 = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
SPELLINGS: list[tuple[str, Callable[[Tensor], Tensor], list[float]]] = [
    ("x.clamp", lambda x: x.clamp(-1, 1), BEYOND_1),
    ("x.clamp(max=)", lambda x: x.clamp(max=1), ABOVE_1),
    ("torch.clamp", lambda x: torch.clamp(x, min=-1, max=1), BEYOND_1),
    ("torch.clamp(input=)", lambda x: torch.clamp(input=x, min=-1, max=1), BEYOND_1),
    ("x.clip", lambda x: x.clip(-1, 1), BEYOND_1),
    ("x.clamp_max", lambda x: x.clamp_max(1), ABOVE_1),
    ("torch.minimum", lambda x: torch.minimum(x, torch.ones_like(x)), ABOVE_1),
    ("torch.minimum, the other way", lambda x: torch.minimum(torch.ones_like(x), x), ABOVE_1),
    ("torch.min of two", lambda x: torch.min(x, torch.ones_like(x)), ABOVE_1),
    ("x.clone().clamp_", lambda x: x.clone().clamp_(-1, 1), BEYOND_1),
    ("relu", torch.relu, BELOW_0),
    ("hardtanh", torch.nn.functional.hardtanh, BEYOND_1),
    ("two of them", lambda x: x.clamp(max=1) + x.clamp(min=0), [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
    ("none", lambda x: x.exp() - 1, [0.0] * 6),
]


@pytest.mark.parametrize(("name", "function", "expected"), SPELLINGS, ids=[name for name, _, _ in SPELLINGS])
def test_where_a_clamp_holds(name: str, function: Callable[[Tensor], Tensor], expected: list[float]) -> None:
    def value(log_q: Tensor, log_p: Tensor, _: Tensor) -> Tensor:
        return function(log_p - log_q)

    assert clamped(value)(ZERO, X, ZERO).tolist() == expected
    assert has_clamp(value) == (name != "none")


def test_of_a_framework_it_is_where_its_entry_says() -> None:
    joint = find("verl:low_var_kl").term.of_three
    log_ratio = torch.tensor([-25.0, -11.1, -10.9, 0.0, 2.6, 2.62, 21.0], dtype=torch.float64)
    nothing = torch.zeros_like(log_ratio)
    assert clamped(joint)(nothing, log_ratio, nothing).tolist() == [1, 1, 0, 0, 0, 1, 1]
    assert not has_clamp(find("k3").term.of_three)
