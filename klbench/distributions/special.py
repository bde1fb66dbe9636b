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
"""From here on Stirling's series is used: the first term left out, 3617/122400 n^-15, is 3e-20 at most."""
_ARTANH_TERMS = 13
"""r is 1/5 at most, so that the first term left out, r^26/29, is 2e-20."""
_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def stirling_error(n: Tensor) -> Tensor:
    """log Γ(n + 1) minus Stirling's (n + 1/2) log n - n + log(2π)/2, for n > 0."""
    small = n.clamp(max=_SERIES_FROM)
    # both forms are computed for every n: clamped, neither overflows where the other is used
    direct = (small + 1).lgamma() - (small + 0.5) * small.log() + small - HALF_LOG_TWO_PI
    inverse = 1 / n.clamp(min=_SERIES_FROM)
    square = inverse * inverse
    series = torch.zeros_like(inverse)
    # Horner in 1/n², from the smallest term up
    for coefficient in reversed(_SERIES):
        series = series * square + coefficient
    return torch.where(n < _SERIES_FROM, direct, series * inverse)


def deviance(x: Tensor, mean: Tensor) -> Tensor:
    """x log(x / mean) + mean - x, for x > 0: precise also where x is near its mean."""
    # the relative difference, for log1p: near the mean, mean/x is 1 but for its last digits
    excess = (mean - x) / x
    # far from the mean it is the ratio that has digits: a small mean/x is lost in an excess near −1
    logarithm = torch.where(excess.abs() < 0.5, excess.log1p(), (mean / x).log())
    return x * (excess - logarithm)


def digamma_rest(n: Tensor) -> Tensor:
    """ψ(n) - log n + 1/(2n), for n > 0: the derivative of Stirling's error at n, less that of log n."""
    small = n.clamp(max=_SERIES_FROM)
    direct = small.digamma() - small.log() + 0.5 / small
    square = n.clamp(min=_SERIES_FROM).square().reciprocal()
    series = torch.zeros_like(square)
    for power in range(len(_SERIES), 0, -1):
        # Stirling's series, c n^(1 − 2k), differentiated term by term: −(2k − 1) c n^(−2k)
        series = (series - (2 * power - 1) * _SERIES[power - 1]) * square
    return torch.where(n < _SERIES_FROM, direct, series)


def digamma_step(n: Tensor, step: Tensor) -> Tensor:
    """ψ(n + step) - ψ(n) for n, step > 0, precise also where the step is a small part of n."""
    # the two logarithms and the two halves are taken as one each: apart, a small step is lost in n + step
    return (step / n).log1p() + step / n / (n + step) / 2 + digamma_rest(n + step) - digamma_rest(n)


def second_order_log1p(w: Tensor) -> Tensor:
    """(log(1 + w) - w)/w² for w >= 0; -1/2 at 0. By the series of artanh in w/(2 + w) where w < 1/2."""
    r = w / (2 + w)
    tail = torch.zeros_like(r)
    for power in range(_ARTANH_TERMS, 0, -1):
        tail = tail * r.square() + 1 / (2 * power + 1)
    # log(1 + w) = 2 artanh r, whose first term, 2r, is taken together with −w before it is divided by w²
    near = (2 * r * tail / (2 + w) - 1) / (2 + w)
    # from 1/2 on log(1 + w) and w differ by a sixth or more: one digit is lost at most
    return near.where(w < 0.5, (w.log1p() - w) / w.square())


def langevin(y: Tensor) -> Tensor:
    """coth y - 1/y, by its series near 0."""
    square = y.square()
    # below 0.02 the first term left out is 2e-18 of the sum; coth y - 1/y would lose four digits there
    near = y / 3 * (1 - square / 15 * (1 - 2 * square / 21 * (1 - square / 10)))
    return near.where(y.abs() < 0.02, 1 / y.tanh() - 1 / y)


def log_poisson(x: Tensor, mean: Tensor) -> Tensor:
    """log(mean^x exp(-mean) / Γ(x + 1)), for any real x >= 0 and mean >= 0."""
    # x = 0 is answered below; here log 0 would put a NaN into the branch that is not taken
    inner = x.clamp(min=_tiny(x))
    # a mean of 0 makes an infinite deviance, and so a probability of 0 for x > 0
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
