"""Computes log p - log q of two members of one exponential family from the differences of their coefficients.

Where both densities are Σ coefficient · statistic(x) + constant against the same measure, what they share (a factorial
of x, a power with the same exponent) drops out before it is computed. That is faster than two densities, and exact
where the two would cancel. The constant is fixed by the two densities at one point, the middle of q.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType

import torch
from torch import Tensor

from klbench.distributions.distribution import Single
from klbench.distributions.support import Interval, Lattice

Function = Callable[[Tensor], Tensor]

STATISTICS: Mapping[str, Function] = MappingProxyType(
    {
        "x": lambda x: x,
        "x²": torch.square,
        "1/x": torch.reciprocal,
        "log x": torch.log,
        # log1p: a small x loses its digits in 1 − x
        "log(1 - x)": lambda x: (-x).log1p_(),
    }
)


@dataclass(frozen=True)
class Form:
    """constant + Σ slope · (statistic(x) - statistic(middle)).

    Args:
        constant: log p - log q at the middle.
        terms: (statistic, its value at the middle, slope).
        lost: the size of what was subtracted to get the constant, whose rounding it keeps.
    """

    constant: float
    terms: tuple[tuple[Function, float, float], ...]
    lost: float

    def function(self, x: Tensor) -> Tensor:
        """log p(x) - log q(x) [count]."""
        if not self.terms:
            return torch.full_like(x, self.constant)
        # less its value at the middle before it is scaled: large statistics would cancel after
        first, *others = ((statistic(x) - at_middle).mul_(slope) for statistic, at_middle, slope in self.terms)
        total = first.add_(self.constant)
        for term in others:
            total = total.add_(term)
        return total

    def size(self, x: Tensor) -> Tensor:
        """The sum of the sizes of the terms at x [count]: the result is rounded in units of it."""
        # sizes and no signs: what cancels in the sum does not cancel in its rounding
        total = torch.full_like(x, self.lost)
        for statistic, at_middle, slope in self.terms:
            total += (statistic(x).abs() + abs(at_middle)) * abs(slope)
        return total


def log_ratio(q: Single, p: Single) -> Form | None:
    """log p - log q inside the common support; None where the two are not of one exponential family."""
    if q.family.natural is None or p.family.natural is None or q.support != p.support:
        return None
    natural_q, natural_p = q.family.natural(q.state), p.family.natural(p.state)
    if natural_q.measure != natural_p.measure:
        return None
    middle = _middle(q)
    log_p, log_q = float(p.log_density(middle)), float(q.log_density(middle))
    names = sorted({*natural_q.terms, *natural_p.terms})
    slopes = {name: natural_p.terms.get(name, 0.0) - natural_q.terms.get(name, 0.0) for name in names}
    # Poisson(rate=0) has log 0 = −inf for a coefficient, and inf · (x − middle) is NaN at the middle
    if not all(map(isfinite, [log_p - log_q, *slopes.values()])):
        return None
    terms = tuple((STATISTICS[n], float(STATISTICS[n](middle)), slope) for n, slope in slopes.items() if slope != 0)
    # + 2: each log-density is rounded in units of 1 + its size
    return Form(log_p - log_q, terms, abs(log_p) + abs(log_q) + 2)


def _middle(q: Single) -> Tensor:
    """A point [1] inside q's support: its mean or mode, or one above its low end where it has neither."""
    if isinstance(q.support, Lattice):
        # the mean of Geometric(logits=-800) is infinite in float64
        mean = float(q.wrapped.mean)
        middle = min(max(round(mean), q.support.low), q.support.high) if isfinite(mean) else q.support.low
        return torch.tensor([float(middle)], dtype=torch.float64, device=q.device)
    assert isinstance(q.support, Interval)
    points = [x for x in q.landmarks() if q.support.low < x < q.support.high]
    return torch.tensor(points[:1] or [q.support.low + 1], dtype=torch.float64, device=q.device)
