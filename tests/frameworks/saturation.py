"""Where a clamp holds, found from the arithmetic alone: a second road to what klbench finds along log_ratio."""

from __future__ import annotations

from functools import cache
from math import exp, expm1, inf
from typing import TYPE_CHECKING, cast

from klbench.estimators.term import Function
from klbench.frameworks.entry import Entry

if TYPE_CHECKING:
    from torch import Tensor

_FARTHEST = 1024.0
"""No bound in use is past it: there r is 0 or infinite in float64."""
_HALVINGS = 80
"""Of an interval of 1024 they leave less than a rounding."""


class _Number(float):
    """A number with the methods of a tensor that an arithmetic uses."""

    def exp(self) -> _Number:
        return _Number(exp(self)) if self < 709 else _Number(inf)

    def expm1(self) -> _Number:
        return _Number(expm1(self)) if self < 709 else _Number(inf)

    def abs(self) -> _Number:
        return _Number(abs(self))

    def __neg__(self) -> _Number:
        return _Number(-float(self))

    def __mul__(self, other: float) -> _Number:
        return _Number(float(self) * other)


def saturation(entry: Entry) -> tuple[float, float] | None:
    """The log_ratios (low, high) beyond which a clamp is active on samples of q; None where nothing is clamped.

    What looks at the sampler alone sees a log_ratio of 0 there.
    """
    if entry.against_sampler:
        return None
    zones = [(-entry.clamp_log_ratio, entry.clamp_log_ratio)] if entry.clamp_log_ratio is not None else []
    if entry.clamp_value is not None:
        zones.append(within(entry.arithmetic.function, entry.clamp_value))
    return (max(low for low, _ in zones), min(high for _, high in zones)) if zones else None


@cache
def within(function: Function, bound: float) -> tuple[float, float]:
    """The log_ratios (low, high) around 0 beyond which the value of an arithmetic leaves ±bound.

    The value has to be monotone on either side of 0; ±inf where it never leaves.
    """
    return -_edge(function, bound, -1.0), _edge(function, bound, 1.0)


def _edge(function: Function, bound: float, sign: float) -> float:
    def is_inside(size: float) -> bool:
        value = function(cast("Tensor", _Number(sign * size)))
        return abs(float(value)) <= bound

    if is_inside(_FARTHEST):
        return inf
    low, high = 0.0, _FARTHEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_inside(middle) else (low, middle)
    return low
