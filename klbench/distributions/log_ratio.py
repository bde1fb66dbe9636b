"""Computes log p - log q of two distributions in its fastest form, and a bound of its rounding.

Every form knows its own rounding. A difference of two log-densities loses what they share: at |log q| = 10 no digit
below 1e-15 is left, however close q and p are. A form that is built from the differences of the parameters keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log1p

import torch
from torch import Tensor

from klbench.distributions import exponential
from klbench.distributions.distribution import Distribution, Power, Single
from klbench.distributions.families.categories import Categories
from klbench.distributions.support import Support
from klbench.tolerances import LOG_DENSITY_ROUNDING

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LogRatio:
    """log p - log q as a function of x.

    Args:
        function: x [count, *event_shape] -> log p(x) - log q(x) [count], nats.
        rounding: x -> a bound of its rounding error [count], nats.
    """

    function: Function
    rounding: Function

    def __call__(self, x: Tensor) -> Tensor:
        """log p(x) - log q(x) [count]."""
        return self.function(x)


def log_ratio(q: Distribution, p: Distribution, inside: Support | None = None) -> LogRatio:
    """The function x [count, *event_shape] -> log p(x) - log q(x) [count], in nats.

    It is -inf where only p vanishes, inf where only q does, NaN where both do. ``inside`` promises that every x lies
    in that support: what covers it is not checked for membership again, and the fastest form may be used.
    """
    if isinstance(q, Power) and isinstance(p, Power) and q.copies == p.copies:
        of_one = _special(q.base, p.base, q.base.support if inside == q.support else None)
        if of_one is not None:
            function, rounding = of_one.function, of_one.rounding
            return LogRatio(lambda x: function(x).sum(-1), lambda x: rounding(x).sum(-1))
    return _special(q, p, inside) or _difference(q, p, inside)


def _difference(q: Distribution, p: Distribution, inside: Support | None) -> LogRatio:
    log_q, log_p = _log_density(q, inside), _log_density(p, inside)
    return LogRatio(lambda x: log_p(x).sub_(log_q(x)), lambda x: _unit_of(q, x) + _unit_of(p, x))


def _unit_of(d: Distribution, x: Tensor) -> Tensor:
    """A bound of the rounding of log d(x) [count]. The bounds of copies are added, as their log-densities are."""
    if isinstance(d, Power):
        return _unit_of(d.base, x.reshape(-1, *d.base.event_shape)).view(-1, d.copies).sum(1)
    log_density = d.log_prob(x)
    # −inf is exact, and inf · 0 further on would be NaN
    return (log_density.abs() + 1).masked_fill(log_density.isneginf(), 0.0) * LOG_DENSITY_ROUNDING


def _log_density(d: Distribution, inside: Support | None) -> Function:
    return d.log_density if inside is not None and d.support.covers(inside) else d.log_prob


def _special(q: Distribution, p: Distribution, inside: Support | None) -> LogRatio | None:
    """The fast form of two families, or None. All but that of normals hold inside the support only."""
    if not isinstance(q, Single) or not isinstance(p, Single):
        return None
    if q.family.name == p.family.name == "Normal":
        return _normals(q, p)
    if inside is None or not q.support.covers(inside):
        return None
    if _is_token(q) and _is_token(p) and q.support == p.support:
        return _categories(q, p)
    form = exponential.log_ratio(q, p)
    return None if form is None else LogRatio(form.function, lambda x: LOG_DENSITY_ROUNDING * form.size(x))


def _is_token(d: Single) -> bool:
    return isinstance(d.state, Categories) and not d.event_shape


def _categories(q: Single, p: Single) -> LogRatio:
    """A table with an entry a category; where p/q is near 1, from the difference of the probabilities."""
    log_q, log_p = q.state.log_probs, p.state.log_probs
    table = log_p - log_q
    # p/q − 1 from the difference, which is exact where p and q are within a factor of 2
    excess = (log_p.exp() - log_q.exp()) / log_q.exp()
    table = torch.where(excess.abs() < _NEAR, excess.log1p(), table)
    # an infinite entry is exact: only one of the two has the category
    lost = torch.where(excess.abs() < _NEAR, 2.0, log_q.abs() + log_p.abs() + 2).masked_fill(table.isinf(), 0.0)
    return LogRatio(lambda x: table[x.long()], lambda x: (LOG_DENSITY_ROUNDING * lost)[x.long()])


_NEAR = 0.1
"""Of p/q − 1: nearer to 0 its log1p has more digits than the difference of two logarithms, each some
ten times larger."""


def _normals(q: Single, p: Single) -> LogRatio | None:
    """One polynomial in y = x - loc of q, by Horner; its coefficients are small where q and p are close.

    None where float64 does not hold a coefficient.
    """
    polynomial = normal_coefficients(q, p)
    if polynomial is None:
        return None
    loc, *coefficients = polynomial
    sizes = [LOG_DENSITY_ROUNDING * abs(coefficient) for coefficient in coefficients]
    return LogRatio(_quadratic(loc, *coefficients), lambda x: _quadratic(0.0, *sizes)((x - loc).abs()))


def normal_coefficients(q: Single, p: Single) -> tuple[float, float, float, float] | None:
    """(loc of q, constant, slope, curvature) of log p - log q as a polynomial in x - loc.

    None where float64 does not hold a coefficient.
    """
    try:
        return _coefficients(q, p)
    # squares of scales leave float64 below 1e-162 and above 1e154; log1p refuses −1, a ratio below 1e-16
    except (ZeroDivisionError, OverflowError, ValueError):
        return None


def _coefficients(q: Single, p: Single) -> tuple[float, float, float, float]:
    loc, scale = float(q.wrapped.loc), float(q.wrapped.scale)
    shift, other = float(p.wrapped.loc) - loc, float(p.wrapped.scale)
    # log1p of the relative difference: the log of a ratio near 1 has few digits
    constant = log1p((scale - other) / other) - (shift / other) ** 2 / 2
    slope = shift / other**2
    # the difference of the scales first: 1/scale² − 1/other² would cancel
    curvature = (other - scale) * (other + scale) / (2 * (scale * other) ** 2)
    return loc, constant, slope, curvature


def _quadratic(loc: float, constant: float, slope: float, curvature: float) -> Function:
    def polynomial(x: Tensor) -> Tensor:
        y = x - loc if loc != 0 else x
        # scales that are equal leave a line: one product less for each sample
        if curvature == 0:
            return (y * slope).add_(constant)
        return (y * curvature).add_(slope).mul_(y).add_(constant)

    return polynomial
