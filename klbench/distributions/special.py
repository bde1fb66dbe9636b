"""Log-densities of large counts and shapes without cancellation.

log Γ of a large number has no digits left for what differs between neighbours: torch's Poisson, binomial, gamma, beta
and Student t lose them as their parameters grow, up to all of them. Loader's saddle-point form keeps full precision
(C. Loader, "Fast and accurate computation of binomial probabilities", 2000): a factorial is Stirling's formula times a
small correction, and the rest is a deviance, which is near 0 near the mode.

All functions are elementwise on float64 tensors that broadcast.
"""

from __future__ import annotations

from math import log, pi

import torch
from torch import Tensor

HALF_LOG_TWO_PI = log(2 * pi) / 2
_SERIES_FROM = 16.0
_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def stirling_error(n: Tensor) -> Tensor:
    """log Γ(n + 1) minus Stirling's (n + 1/2) log n - n + log(2π)/2, for n > 0."""
    small = n.clamp(max=_SERIES_FROM)
    direct = (small + 1).lgamma() - (small + 0.5) * small.log() + small - HALF_LOG_TWO_PI
    inverse = 1 / n.clamp(min=_SERIES_FROM)
    square = inverse * inverse
    series = torch.zeros_like(inverse)
    for coefficient in reversed(_SERIES):
        series = series * square + coefficient
    return torch.where(n < _SERIES_FROM, direct, series * inverse)


def deviance(x: Tensor, mean: Tensor) -> Tensor:
    """x log(x / mean) + mean - x, for x > 0: precise also where x is near its mean."""
    excess = (mean - x) / x
    logarithm = torch.where(excess.abs() < 0.5, excess.log1p(), (mean / x).log())
    return x * (excess - logarithm)


def log_poisson(x: Tensor, mean: Tensor) -> Tensor:
    """log(mean^x exp(-mean) / Γ(x + 1)), for any real x >= 0 and mean >= 0."""
    inner = x.clamp(min=_tiny(x))
    value = -stirling_error(inner) - deviance(inner, mean) - inner.log() / 2 - HALF_LOG_TWO_PI
    return torch.where(x > 0, value, -mean)


def log_binomial(x: Tensor, n: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """log(Γ(n + 1) / (Γ(x + 1) Γ(n - x + 1)) p^x q^(n - x)), for real 0 < x < n and p + q = 1."""
    y = n - x
    corrections = stirling_error(n) - stirling_error(x) - stirling_error(y)
    spread = (n.log() - x.log() - y.log()) / 2 - HALF_LOG_TWO_PI
    return corrections + spread - deviance(x, n * p) - deviance(y, n * q)


def _tiny(x: Tensor) -> float:
    return torch.finfo(x.dtype).tiny
