"""The true value of a target, without sampling, and the mass that samples never show.

A KL divergence comes from torch's registry of closed forms where there is one. Every other divergence, and a KL
without a closed form, is the expectation of its generator by enumeration or quadrature, plus what the mass of p
outside q's support adds, which no sample of q shows.

An estimator of E_q[r] = 1 rests on seeing all of p from q. Where p has mass off q's support, or q off the sampler's,
no number of samples tells, and whatever was built on it (k3, a weight q/sampler) is biased.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import expm1, inf, isfinite, isnan, log1p, nan
from typing import Any

from torch import Tensor

from klbench.derived.level import Level
from klbench.distributions.closed_form import kl_closed_form
from klbench.distributions.distribution import Distribution, Power, Single
from klbench.estimators.divergence import Divergence
from klbench.estimators.term import Term
from klbench.problems.build import AnyPair, Unlisted
from klbench.problems.pair import Pair
from klbench.roads.exact import exact
from klbench.roads.growth import growth
from klbench.roads.sequence_chain import unseen_mass
from klbench.roads.sequence_values import true_of_sequences

FULL = "full"
"""Where a true value is from that is measured: whole distributions at every prefix that was drawn."""


@dataclass(frozen=True)
class Truth:
    """The truth about a target: its value, or its gradient.

    Args:
        value: in nats, or its gradient at q's parameters [J]; NaN where it is not known.
        road: where a value is from: closed-form, enumeration, quadrature or ''.
    """

    value: Any = nan
    road: str = ""

    @cached_property
    def size(self) -> float:
        """The denominator of ratios: the value itself, or the length of the gradient."""
        return float(self.value.norm()) if isinstance(self.value, Tensor) else self.value


def true_of(pair: AnyPair, target: Divergence, level: Level | None = None) -> Truth:
    """The divergence between the q and p of a pair; of sequences as a level makes one number of it."""
    if isinstance(pair, Pair):
        return true_value(target, pair.q, pair.p)
    if isinstance(pair, Unlisted):
        return Truth()
    return Truth(*true_of_sequences(pair.on_policy, target, level or Level()))


def true_value(target: Divergence, q: Distribution, p: Distribution) -> Truth:
    """The divergence between q and p."""
    if target.order is not None:
        first, second = (q, p) if target.order == ("q", "p") else (p, q)
        closed = kl_closed_form(first, second)
        if closed is not None:
            return Truth(closed, "closed-form")
        if isinstance(q, Power) and isinstance(p, Power) and q.copies == p.copies:
            one = true_value(target, q.base, p.base)  # independent copies: their KLs add up
            return Truth(q.copies * one.value, one.road)
    return true_by_road(target, q, p)


def true_by_road(target: Divergence, q: Distribution, p: Distribution) -> Truth:
    """The divergence between q and p by enumeration or quadrature."""
    unseen, pair = mass_off(q, p), Pair(q, p)
    # if E_q[r] = 1, the never negative form has the same mean, and does not cancel where q and p are close
    seen = exact(pair, target.term_with_control_variate if unseen == 0 else target.term)
    # r − 1 may weigh on a tail that the road cannot follow, where the generator alone does not
    if seen is None or not isfinite(seen.mean):
        seen = exact(pair, target.term)
    if seen is None or unseen is None:
        return Truth()
    value = seen.mean + _unseen_share(target, unseen)
    return Truth() if isnan(value) else Truth(value, seen.road)


def _unseen_share(target: Divergence, mass: float) -> float:
    """f'(∞) P_p(q = 0): what p's mass outside q's support adds to the divergence."""
    # f'(∞) may be infinite, and inf · 0 is NaN
    if mass == 0:
        return 0.0
    rate = growth(target.generator).right.limit_of_ratio_to_exp
    return inf if rate == inf else rate * mass


@dataclass(frozen=True)
class Unseen:
    """The mass of p outside q's support, and of q outside the sampler's; None if it is not known."""

    of_p: float | None
    of_q: float | None

    @staticmethod
    def of(pair: AnyPair) -> Unseen:
        """The mass that samples of a pair never show."""
        if not isinstance(pair, Pair):
            return Unseen(None, None) if isinstance(pair, Unlisted) else Unseen(*unseen_mass(pair))
        return Unseen(mass_off(pair.q, pair.p), mass_off(pair.sampler, pair.q) if pair.sampler else 0.0)


def known_mean(pair: AnyPair, kl: Truth, unseen: Unseen) -> float:
    """The KL, the mean of the controls (``klbench.measure.controls``); NaN if not finite, if E_q[r] ≠ 1, or of
    sequences, which have no controls."""
    if not isinstance(pair, Pair):
        return nan
    return kl.value if isfinite(kl.value) and unseen.of_p == 0 and unseen.of_q == 0 else nan


def mass_off(seen: Distribution, other: Distribution) -> float | None:
    """The mass of ``other`` where ``seen`` has none; None if neither a road nor the supports settle it."""
    if _positive_on_its_support(seen) and seen.support.covers(other.support):
        return 0.0
    if isinstance(seen, Power) and isinstance(other, Power) and seen.copies == other.copies:
        of_one = mass_off(seen.base, other.base)
        return None if of_one is None else _off_any(of_one, seen.copies)
    share = exact(Pair(other, seen), Term(lambda log_ratio: log_ratio.isneginf().double()))
    if share is not None and not isnan(share.mean):
        return share.mean
    return 0.0 if seen.support.covers(other.support) else None


def _off_any(of_one: float, copies: int) -> float:
    """The mass where any of the copies is off, 1 − (1 − mass of one)^copies, to full precision if it is small."""
    return 1.0 if of_one >= 1 else -expm1(copies * log1p(-of_one))


def _positive_on_its_support(distribution: Distribution) -> bool:
    """Whether the density is above 0 on the whole support for sure: a mixture may have gaps, a category may be 0."""
    return isinstance(distribution, Single) and distribution.kind == "continuous"
