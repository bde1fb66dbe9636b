"""Two distributions as independent factors: q = Π q_i and p = Π p_i, so that log p/q is a sum of independent parts."""

from __future__ import annotations

import torch
from torch import Tensor

from klbench.distributions.build import build
from klbench.distributions.distribution import Distribution, Power, Single
from klbench.distributions.expression import Named
from klbench.tolerances import ACCURACY

Factors = list[tuple[Distribution, Distribution, int]]
"""(q_i, p_i, how many copies of the two)."""

GAUSSIAN = "MultivariateNormal"
_EPSILON = torch.finfo(torch.float64).eps


def independent(q: Distribution, p: Distribution) -> Factors | None:
    """The factors of a pair, None where it has none: a pair of the same number of copies, or of two Gaussians."""
    if isinstance(q, Power) and isinstance(p, Power) and q.copies == p.copies:
        inner = independent(q.base, p.base) or [(q.base, p.base, 1)]
        return [(each_q, each_p, copies * q.copies) for each_q, each_p, copies in inner]
    if isinstance(q, Single) and isinstance(p, Single) and q.family.name == p.family.name == GAUSSIAN:
        return _gaussians(q, p)
    return None


def _gaussians(q: Single, p: Single) -> Factors | None:
    """The axes along which both covariances are diagonal, in units of q's spread: N(0, 1) against N(m_i, s_i).

    None where a covariance is too near to a singular one for its axes to be known to ``ACCURACY``.
    """
    root, other = _host(q.wrapped.scale_tril), _host(p.wrapped.scale_tril)
    inverse = torch.linalg.solve_triangular(root, torch.eye(len(root), dtype=torch.float64), upper=False)
    whitened = inverse @ other
    axes, scales, _ = torch.linalg.svd(whitened)
    shift = axes.T @ (inverse @ (_host(p.wrapped.loc) - _host(q.wrapped.loc)))
    lost = len(root) * _EPSILON * float(torch.linalg.cond(root)) * float(scales[0] / scales[-1])
    if not lost < ACCURACY:
        return None
    standard = _normal(0.0, 1.0)
    return [(standard, _normal(*parameters), 1) for parameters in zip(shift.tolist(), scales.tolist(), strict=True)]


def _normal(loc: float, scale: float) -> Distribution:
    return build(Named("Normal", (("loc", loc), ("scale", scale))))


def _host(values: Tensor) -> Tensor:
    return values.detach().cpu().double()
