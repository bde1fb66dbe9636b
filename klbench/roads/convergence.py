"""Does an integral converge? Decided from how its integrand falls off at one end of the line, in logarithms.

With u running to infinity towards the end (x = low + e^±u, so that u counts powers of e), an integrand that behaves like
exp(s·u) u^m converges when s < 0, or s = 0 and m < −1. Exponential and Gaussian tails are the limit of s going to −∞ (or to +∞).
s and m are read off three points, as far out as rounding allows. Source: the integral test.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log

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
    return torch.tensor([_falls_off(size, int(last), step) for size, last in zip(sizes, count, strict=True)])


def _falls_off(size: Tensor, last: int, step: float) -> bool:
    quarter = last // 4
    half, three_quarters, end = (float(size[index * quarter - 1]) for index in (2, 3, 4))
    if -inf in (three_quarters, end):
        return True
    if not end < inf:
        return False
    # size = s·u + m·log u + c through u = 2L, 3L and 4L
    first, second = three_quarters - half, end - three_quarters
    power = (first - second) / log(9 / 8)
    slope = (second - power * log(4 / 3)) / (quarter * step)
    return slope < 0 if abs(slope) > _FLAT else power < -1 - _FLAT
