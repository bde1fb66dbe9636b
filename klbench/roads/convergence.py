"""Does an integral converge? Decided from how its integrand falls off at one end of the line, in logarithms.

With u running to infinity towards the end (x = low + e^±u, so that u counts powers of e), an integrand that behaves like
exp(s·u) u^m converges when s < 0, or s = 0 and m < −1. Exponential and Gaussian tails are the limit of s going to −∞ (or to +∞).
s and m are read off three points, as far out as rounding allows. Source: the integral test.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log

import torch
from torch import Tensor

LogIntegrand = Callable[[Tensor], tuple[Tensor, Tensor]]
"""u [n] -> (log integrand [J, n], its rounding error [J, n])."""

_FLAT = 2e-3
_STEPS = 256


def converges(log_integrand: LogIntegrand, reach: float) -> Tensor:
    """For each of J non-negative integrands, whether its integral towards u = +∞ is finite [J].

    Args:
        log_integrand: with the Jacobian of u included.
        reach: the largest u where numbers can still be represented.
    """
    step = reach / _STEPS
    u = torch.linspace(step, reach, _STEPS, dtype=torch.float64)
    sizes, errors = log_integrand(u)
    trusted = (errors < torch.clamp_min(1e-6 * sizes.abs(), 1e-3)) & ~sizes.isnan()
    count = trusted.to(torch.int64).cumprod(dim=1).sum(dim=1).clamp_min(8)
    return torch.stack([_falls_off(size, int(last), step) for size, last in zip(sizes, count, strict=True)])


def _falls_off(size: Tensor, last: int, step: float) -> Tensor:
    quarter = last // 4
    near, middle, far = size[quarter - 1], size[2 * quarter - 1], size[4 * quarter - 1]
    if far.isneginf() or middle.isneginf():
        return torch.tensor(True)
    if far.isposinf() or far.isnan():
        return torch.tensor(False)
    length = quarter * step
    # size = s·u + m·log u + c at u = L, 2L, 4L
    slope = ((far - middle) - (middle - near)) / length
    power = ((middle - near) - slope * length) / log(2)
    if abs(float(slope)) > _FLAT:
        return slope < 0
    return power < -1 - _FLAT
