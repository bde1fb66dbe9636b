"""Decides whether an integral converges, from how its integrand falls off at one end of the line, in logarithms.

With u running to infinity towards the end (x = low + e^±u, so that u counts powers of e), an integrand that behaves
like exp(s·u) u^m converges when s < 0, or s = 0 and m < −1. Exponential and Gaussian tails are the limit of s going
to −∞ (or to +∞). s and m are read off three points, as far out as rounding allows. Source: the integral test.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log

import torch
from torch import Tensor

from klbench.tolerances import FLAT, SLOPE_NOISE, SLOPE_NOISE_AT_MOST, TRUSTED_SHARE

LogIntegrand = Callable[[Tensor], tuple[Tensor, Tensor]]
"""u [n] -> (log integrand [J, n], its rounding error [J, n])."""

_STEPS = 256
"""Points from 0 to the reach, denser near 0: rounding grows outwards, and the last good one is to be found closely."""
_FEWEST = 16
"""The least index of the last one that is used: it stands at 1/256 of the reach."""


def converges(log_integrand: LogIntegrand, reach: float) -> Tensor:
    """For each of J non-negative integrands, whether its integral towards u = +∞ is finite [J].

    Args:
        log_integrand: with the Jacobian of u included.
        reach: the largest u where numbers can still be represented.
    """
    # squares: close together near 0, where heavy tails are decided if rounding comes early
    u = reach * (torch.arange(1, _STEPS + 1, dtype=torch.float64) / _STEPS) ** 2
    sizes, errors = log_integrand(u)
    strictly, loosely = (_last_trusted(sizes, errors, noise) for noise in (SLOPE_NOISE, SLOPE_NOISE_AT_MOST))
    last = u[torch.where(strictly < _FEWEST, loosely, strictly).clamp_min(_FEWEST)]
    sizes, _ = log_integrand(torch.cat([0.5 * last, 0.75 * last, last]))
    # every integrand was asked at every end [J, J]: its own is on the diagonal
    near, middle, far = (part.diagonal().tolist() for part in sizes.chunk(3, dim=1))
    return torch.tensor([_falls_off(*row) for row in zip(near, middle, far, last.tolist(), strict=True)])


def _last_trusted(sizes: Tensor, errors: Tensor, noise: float) -> Tensor:
    """The index of the farthest point [J] where rounding is below ``noise``, or below a millionth of the logarithm."""
    trusted = (errors < torch.clamp_min(TRUSTED_SHARE * sizes.abs(), noise)) & ~sizes.isnan()
    return (trusted * torch.arange(sizes.shape[1])).amax(dim=1)


def _falls_off(near: float, middle: float, far: float, end: float) -> bool:
    """Whether the integral converges, given the log integrand at half, three quarters and the whole of ``end``."""
    if -inf in (middle, far):
        return True
    if not far < inf:
        return False
    # log integrand = s·u + m·log u + c through u = 2L, 3L and 4L
    first, second = middle - near, far - middle
    # the slope drops out of the difference: m · (log 3/2 − log 4/3) is left
    power = (first - second) / log(9 / 8)
    slope = (second - power * log(4 / 3)) / (end / 4)
    return slope < 0 if abs(slope) > FLAT else power < -1 - FLAT
