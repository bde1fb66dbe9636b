"""The true value of a target: what an estimator is meant to estimate, by a road that does not sample.

A KL divergence comes from torch's registry of closed forms where there is one. Every other divergence, and a KL
without a closed form, is the expectation of its generator by enumeration or quadrature, plus what the mass of p
outside q's support adds, which no sample of q shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, isnan, nan

from klbench.distributions.closed_form import kl_closed_form
from klbench.distributions.distribution import Distribution, Power
from klbench.estimators.divergence import Divergence
from klbench.measure.unseen import mass_off
from klbench.roads.exact import exact_road
from klbench.roads.growth import growth
from klbench.roads.integrand import Integrand


@dataclass(frozen=True)
class Truth:
    """A target's value in nats, NaN where no road leads to it, and the road: closed-form, enumeration, quadrature or
    ''."""

    value: float = nan
    road: str = ""


def true_value(target: Divergence, q: Distribution, p: Distribution) -> Truth:
    """The divergence between q and p."""
    if target.order is not None:
        first, second = (q, p) if target.order == ("q", "p") else (p, q)
        closed = kl_closed_form(first, second)
        if closed is not None:
            return Truth(closed, "closed-form")
        if isinstance(q, Power) and isinstance(p, Power) and q.copies == p.copies:
            each = true_value(target, q.base, p.base)  # independent copies: their KLs add up
            return Truth(q.copies * each.value, each.road)
    return true_by_road(target, q, p)


def true_by_road(target: Divergence, q: Distribution, p: Distribution) -> Truth:
    """The same without closed forms."""
    unseen = mass_off(q, p)
    # where E_q[r] = 1 the never negative form has the same mean, and does not cancel where q and p are close
    term = target.term_with_control_variate if unseen == 0 else target.term
    (seen,) = exact_road(Integrand.of((term,), q, p))
    if seen is None or not isfinite(seen.mean):
        (seen,) = exact_road(Integrand.of((target.term,), q, p))
    if seen is None or unseen is None:
        return Truth()
    value = seen.mean + _unseen_share(target, unseen)
    return Truth() if isnan(value) else Truth(value, seen.road)


def _unseen_share(target: Divergence, mass: float) -> float:
    """f'(∞) P_p(q = 0)."""
    if mass == 0:
        return 0.0
    rate = growth(target.generator).right.limit_of_ratio_to_exp
    return inf if rate == inf else rate * mass
