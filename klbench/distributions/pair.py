"""Two distributions together: log p - log q in its fastest form."""

from __future__ import annotations

from collections.abc import Callable
from math import log1p

from torch import Tensor

from klbench.distributions import exponential
from klbench.distributions.distribution import Distribution, Power, Single
from klbench.distributions.support import Support

LogRatio = Callable[[Tensor], Tensor]


def log_ratio(q: Distribution, p: Distribution, inside: Support | None = None) -> LogRatio:
    """The function x [count, *event_shape] -> log p(x) - log q(x) [count], in nats.

    It is -inf where only p vanishes, inf where only q does, NaN where both do. ``inside`` promises that every x lies
    in that support: what covers it is not checked for membership again, and the fastest form may be used.
    """
    if isinstance(q, Power) and isinstance(p, Power) and q.copies == p.copies:
        each = _special(q.base, p.base, q.base.support if inside == q.support else None)
        return _difference(q, p, inside) if each is None else lambda x: each(x).sum(-1)
    return _special(q, p, inside) or _difference(q, p, inside)


def _difference(q: Distribution, p: Distribution, inside: Support | None) -> LogRatio:
    log_q, log_p = _log_density(q, inside), _log_density(p, inside)
    return lambda x: log_p(x).sub_(log_q(x))


def _log_density(d: Distribution, inside: Support | None) -> Callable[[Tensor], Tensor]:
    return d.log_density if inside is not None and d.support.covers(inside) else d.log_prob


def _special(q: Distribution, p: Distribution, inside: Support | None) -> LogRatio | None:
    """The fast form of two families, where there is one; all but the normal's hold inside the support only."""
    if not isinstance(q, Single) or not isinstance(p, Single):
        return None
    if q.family.name == p.family.name == "Normal":
        return _normals(q, p)
    if inside is not None and q.support.covers(inside):
        return exponential.log_ratio(q, p)
    return None


def _normals(q: Single, p: Single) -> LogRatio | None:
    """One polynomial in y = x - loc of q, by Horner; its coefficients are small where q and p are close.

    None where float64 does not hold a coefficient.
    """
    try:
        return _quadratic(*_coefficients(q, p))
    except (ZeroDivisionError, OverflowError, ValueError):
        return None


def _coefficients(q: Single, p: Single) -> tuple[float, float, float, float]:
    """(loc of q, constant, slope, curvature)."""
    loc, scale = float(q.wrapped.loc), float(q.wrapped.scale)
    shift, other = float(p.wrapped.loc) - loc, float(p.wrapped.scale)
    constant = log1p((scale - other) / other) - (shift / other) ** 2 / 2
    slope = shift / other**2
    curvature = (other - scale) * (other + scale) / (2 * (scale * other) ** 2)
    return loc, constant, slope, curvature


def _quadratic(loc: float, constant: float, slope: float, curvature: float) -> LogRatio:
    def polynomial(x: Tensor) -> Tensor:
        y = x - loc if loc != 0 else x
        if curvature == 0:
            return (y * slope).add_(constant)
        return (y * curvature).add_(slope).mul_(y).add_(constant)

    return polynomial
