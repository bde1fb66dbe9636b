"""Where an estimator is not what its formula says: the log_ratios at which a clamp holds, a gradient stops, or a number
is none.

Found by looking along log_ratio, on samples of q, and closing in on every change by bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from klbench.derived.clamps import clamped
from klbench.derived.gradient import NotDifferentiableError, value_and_slope
from klbench.estimators.estimator import Estimator

FARTHEST = 2000.0
_STEPS = 80_000
_HALVINGS = 50

Zone = tuple[float, float]
"""From one log_ratio to another; infinite where it reaches the farthest looked at."""


@dataclass(frozen=True)
class Zones:
    """Intervals of log_ratio, in order.

    Args:
        clamped: where a clamp holds.
        stopped: where the gradient of the loss is 0 (single points left out).
        nonfinite: where the value, or the gradient of the loss, is infinite or NaN, in each dtype.
    """

    clamped: tuple[Zone, ...]
    stopped: tuple[Zone, ...]
    nonfinite: dict[str, tuple[Zone, ...]]


def zones(estimator: Estimator) -> Zones:
    """Look at an estimator of a framework or of a user."""
    joint = estimator.term.of_three
    held = clamped(joint)

    def slope(log_ratio: Tensor, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
        nothing = torch.zeros_like(log_ratio).to(dtype)
        try:
            return value_and_slope(joint, nothing, log_ratio.to(dtype), nothing)
        except NotDifferentiableError:
            value = joint(nothing, log_ratio.to(dtype), nothing)
            return value, torch.ones_like(value)

    def unsound(dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        def where(log_ratio: Tensor) -> Tensor:
            value, derivative = slope(log_ratio, dtype)
            return ~(value.isfinite() & derivative.isfinite())

        return where

    return Zones(
        clamped=_where(lambda x: held(torch.zeros_like(x), x, torch.zeros_like(x)) > 0),
        stopped=_where(lambda x: slope(x)[1] == 0),
        nonfinite={name: _where(unsound(getattr(torch, name))) for name in DTYPES},
    )


DTYPES = ("float64", "float32", "bfloat16", "float16")


def _where(holds: Callable[[Tensor], Tensor]) -> tuple[Zone, ...]:
    """The intervals on which a property holds."""
    # an even number of steps with an irrational offset: no landmark of an estimator is hit by chance
    points = torch.linspace(-FARTHEST, FARTHEST, _STEPS, dtype=torch.float64) + 1e-3 * 2**0.5
    inside = holds(points)
    changes = (inside[1:] != inside[:-1]).nonzero().flatten().tolist()
    ends = [_change(holds, float(points[i]), float(points[i + 1]), bool(inside[i])) for i in changes]
    edges = [*([-inf] if bool(inside[0]) else []), *ends, *([inf] if bool(inside[-1]) else [])]
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def _change(holds: Callable[[Tensor], Tensor], low: float, high: float, at_low: bool) -> float:
    """Where between two log_ratios the property changes."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        same = bool(holds(torch.tensor([middle], dtype=torch.float64))[0]) == at_low
        low, high = (middle, high) if same else (low, middle)
    return high
