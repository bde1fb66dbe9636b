"""Computes KL(q‖p) by a formula, where one exists that can be trusted.

Most come from torch's registry. Not all of those are right, and none is better than the difference of large terms that
it is; what cannot be trusted is left to the roads that sum or integrate.
"""

from __future__ import annotations

from math import inf, isinf, isnan, log1p

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from klbench.distributions.distribution import Distribution, Power, Single
from klbench.distributions.support import Interval, Lattice
from klbench.tolerances import LEAST_TRUSTED_KL, LEAST_TRUSTED_PROBABILITY

UNTRUSTED = frozenset(
    {
        # inf on [0, 1] itself: torch 2.13 asks for a strictly larger or smaller interval. Right: 0.0764 at probs=0.2.
        ("ContinuousBernoulli", "Uniform"),
        ("Uniform", "ContinuousBernoulli"),
        # Wrong in old releases of torch; right in 2.13.
        ("Gumbel", "Normal"),
        # inf also at rate=0, where all mass is on 0 and KL is finite.
        ("Poisson", "Bernoulli"),
        ("Poisson", "Binomial"),
    }
)


def kl_closed_form(q: Distribution, p: Distribution) -> float | None:
    """KL(q‖p) in nats; None without a formula, or where the formula cannot be trusted.

    Powers of the same number of copies multiply their base's. Infinite where q has mass that p has not.
    """
    if q.expression == p.expression:
        return 0.0
    if _escapes(q, p):
        return inf
    if isinstance(q, Power) and isinstance(p, Power) and q.copies == p.copies:
        of_one = kl_closed_form(q.base, p.base)
        return None if of_one is None else q.copies * of_one
    if not isinstance(q, Single) or not isinstance(p, Single):
        return None
    if q.family.name == p.family.name == "Normal":
        return _normals(q, p)
    return _by_registry(q, p)


def _escapes(q: Distribution, p: Distribution) -> bool:
    """Whether q is seen to have mass beyond the ends of p's support."""
    match q.support, p.support:
        case Interval(), Interval():
            return not p.support.covers(q.support)
        case Lattice(), Lattice(low, high):
            # the mass is asked for, not the support: Poisson(rate=0) has nothing above 0, though its support goes on
            beyond = [x for x in (low - 1, high + 1) if not isinf(x)]
            points = torch.tensor(beyond, dtype=torch.float64, device=q.device)
            return bool((q.log_prob(points) > -inf).any())
        case _:
            return False


def _normals(q: Single, p: Single) -> float | None:
    """(e - log(1 + e) + (shift/scale)²)/2, e = the ratio of variances - 1: no cancellation where q is close to p.

    None where the ratio is 0 in float64.
    """
    scale, other = float(q.wrapped.scale), float(p.wrapped.scale)
    # a² − b² as (a − b)(a + b): squares would be rounded, or overflow, before they cancel
    excess = (scale - other) / other * (scale + other) / other
    shift = (float(q.wrapped.loc) - float(p.wrapped.loc)) / other
    return (excess - log1p(excess) + shift * shift) / 2 if excess > -1 else None


def _by_registry(q: Single, p: Single) -> float | None:
    if q.family.logits is not None or p.family.logits is not None:
        return None  # torch has no such class; tokens are listed
    if (q.family.name, p.family.name) in UNTRUSTED or _has_clamped_probs(q) or _has_clamped_probs(p):
        return None
    try:
        with torch.enable_grad():  # torch differentiates a Wishart's normaliser
            value = float(kl_divergence(q.wrapped, p.wrapped).detach())
    except NotImplementedError:
        return None
    # in several dimensions there is mostly no other road: few digits are better than none
    too_small = q.family.univariate and value < LEAST_TRUSTED_KL * max(1.0, _largest(q), _largest(p))
    # torch's formula may be NaN: for Poisson(rate=0) it has 0 · −inf
    return None if isnan(value) or too_small else value


def _has_clamped_probs(d: Single) -> bool:
    probs = getattr(d.wrapped, "probs", None)
    least = LEAST_TRUSTED_PROBABILITY
    return probs is not None and not bool(((probs > least) & (probs < 1 - least)).all())


def _largest(d: Single) -> float:
    """The largest parameter of a built distribution."""
    parameters = (getattr(d.wrapped, parameter.name, None) for parameter in d.family.parameters)
    return max(float(x.abs().max()) for x in parameters if isinstance(x, Tensor))
