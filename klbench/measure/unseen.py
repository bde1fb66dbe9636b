"""Mass that samples never show: where a distribution has some and the one that is sampled has none.

An estimator of E_q[r] = 1 rests on seeing all of p from q. Where p has mass off q's support, or q off the sampler's,
no number of samples tells, and whatever was built on it (k3, a weight q/sampler) is biased.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, isnan, log1p

from klbench.distributions.distribution import Distribution, Power, Single
from klbench.estimators.term import Term
from klbench.measure.pair import Pair
from klbench.roads.exact import exact_road
from klbench.roads.integrand import Integrand


@dataclass(frozen=True)
class Unseen:
    """The mass of p that q has nothing of, and of q that the sampler has nothing of; None where it cannot be told."""

    of_p: float | None
    of_q: float | None

    @staticmethod
    def of(pair: Pair) -> Unseen:
        """What samples of a pair never show."""
        return Unseen(mass_off(pair.q, pair.p), mass_off(pair.sampler, pair.q) if pair.sampler else 0.0)


def mass_off(seen: Distribution, other: Distribution) -> float | None:
    """The mass of ``other`` where ``seen`` has none, None where no road tells and the supports do not settle it."""
    if _positive_on_its_support(seen) and seen.support.covers(other.support):
        return 0.0
    if isinstance(seen, Power) and isinstance(other, Power) and seen.copies == other.copies:
        each = mass_off(seen.base, other.base)
        return None if each is None else _off_any(each, seen.copies)
    off_support = Term(lambda log_ratio: log_ratio.isneginf().double())
    (exact,) = exact_road(Integrand.of((off_support,), other, seen))
    if exact is not None and not isnan(exact.mean):
        return exact.mean
    return 0.0 if seen.support.covers(other.support) else None


def _off_any(each: float, copies: int) -> float:
    """The mass where any of the copies is off, 1 − (1 − each)^copies, with the digits of a small one."""
    return 1.0 if each >= 1 else -expm1(copies * log1p(-each))


def _positive_on_its_support(distribution: Distribution) -> bool:
    """Whether a distribution is known to have a density above 0 all over: a mixture may have gaps, a category none."""
    return isinstance(distribution, Single) and distribution.kind == "continuous"
