"""The targets of estimators: f-divergences between q and p, each given by its generator.

A convex f with f(1) = 0 defines D_f = E_q[f(r)] + f'(∞) P_p(q = 0), r = p/q: the expectation a sample of q can see,
and the mass of p where q has none, which no sample of q ever shows. The reverse KL is f(r) = −log r, the forward KL r
log r.

Since E_q[r − 1] = 0, f(r) − f'(1)(r − 1) has the same expectation as f(r); it is f minus its tangent at 1, so it is
never negative (Schulman 2020). For the reverse KL that construction is k3. Generators take log r and keep the digits
of r near 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from klbench.estimators.term import Expansion, Function, Term
from klbench.tolerances import LOG_REPRESENTED, LOG_ZERO

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Divergence:
    """An f-divergence: the target of an estimator.

    Args:
        name: as the ``target`` column shows it.
        generator: f as a function of log r, elementwise.
        slope: f'(1), or any subgradient there.
        order: the arguments (first, second) of the KL divergence this is, where a closed form may exist.
        expansion: the generator as a finite sum of powers and exponentials of log r, where it is one.
        symbol: what formulas and ``follows`` call it, if that is not its name: ``KL(q‖p)``.
    """

    name: str
    generator: Function
    slope: float
    order: tuple[Literal["q", "p"], Literal["q", "p"]] | None = None
    expansion: Expansion | None = None
    symbol: str = ""

    @property
    def both_names(self) -> str:
        """``reverse KL, KL(q‖p)``: so that nobody takes them for two things."""
        return ", ".join(filter(None, [self.name, self.symbol]))

    def with_control_variate(self, log_ratio: Tensor) -> Tensor:
        """f(r) − f'(1)(r − 1): the same mean under q, never negative."""
        values = self.generator(log_ratio)
        # expm1 is r − 1 with all digits near r = 1; a slope of 0 times r = ∞ would be NaN
        return values - self.slope * log_ratio.expm1() if self.slope else values

    @property
    def expansion_with_control_variate(self) -> Expansion | None:
        """The same as a finite sum, where the generator is one."""
        return None if self.expansion is None else (*self.expansion, (-self.slope, 0, 1.0))

    @property
    def term(self) -> Term:
        """The generator, as a term."""
        return Term(self.generator, expansion=self.expansion)

    @property
    def term_with_control_variate(self) -> Term:
        """The generator less its tangent, as a term."""
        return Term(self.with_control_variate, expansion=self.expansion_with_control_variate)


def _reverse_kl(log_ratio: Tensor) -> Tensor:
    return -log_ratio


def _forward_kl(log_ratio: Tensor) -> Tensor:
    # r log r is 0 where p is 0; below log r = -746 exp has already underflowed, so the clamp changes nothing else
    return log_ratio.exp() * log_ratio.clamp_min(LOG_ZERO)


def _jensen_shannon(log_ratio: Tensor) -> Tensor:
    # log(2r / (1 + r)) and log(2 / (1 + r)), written so that both keep their digits near r = 1
    bounded = log_ratio.clamp_min(-LOG_REPRESENTED)
    log_p_over_m = -((-bounded).expm1() / 2).log1p()
    log_q_over_m = -(log_ratio.expm1() / 2).log1p()
    return (log_ratio.exp() * log_p_over_m + log_q_over_m) / 2


def _squared_hellinger(log_ratio: Tensor) -> Tensor:
    # √r of the half logarithm: r itself may overflow where its root does not
    return -(log_ratio / 2).expm1()


def _chi2_pq(log_ratio: Tensor) -> Tensor:
    return (2 * log_ratio).expm1()


def _chi2_qp(log_ratio: Tensor) -> Tensor:
    return (-log_ratio).expm1()


def _total_variation(log_ratio: Tensor) -> Tensor:
    # expm1 before the clamp: 1 − r keeps its digits near r = 1
    return (-log_ratio.expm1()).clamp_min(0.0)


REVERSE_KL = Divergence(
    "reverse KL", _reverse_kl, slope=-1.0, order=("q", "p"), symbol="KL(q‖p)", expansion=((-1.0, 1, 0.0),)
)
FORWARD_KL = Divergence(
    "forward KL", _forward_kl, slope=1.0, order=("p", "q"), symbol="KL(p‖q)", expansion=((1.0, 1, 1.0),)
)
JENSEN_SHANNON = Divergence("Jensen-Shannon", _jensen_shannon, slope=0.0)
SQUARED_HELLINGER = Divergence("squared Hellinger", _squared_hellinger, slope=-0.5, expansion=((-1.0, 0, 0.5),))
CHI2_PQ = Divergence("chi2(p‖q)", _chi2_pq, slope=2.0, expansion=((1.0, 0, 2.0),))
CHI2_QP = Divergence("chi2(q‖p)", _chi2_qp, slope=-1.0, expansion=((1.0, 0, -1.0),))
TOTAL_VARIATION = Divergence("total variation", _total_variation, slope=-0.5)


@cache
def alpha_divergence(alpha: float) -> Divergence:
    """D_α = (E_q[r^α] − 1) / (α(α − 1)): the reverse KL at α = 0, the forward KL at 1, twice χ²(p‖q) halved at 2.

    Source: Cressie and Read (1984); Amari (2009).
    """
    if alpha == 0:
        return REVERSE_KL
    if alpha == 1:
        return FORWARD_KL
    scale = alpha * (alpha - 1)
    return Divergence(
        f"alpha({alpha:g}) divergence",
        lambda log_ratio: (alpha * log_ratio).expm1() / scale,
        slope=1 / (alpha - 1),
        expansion=((1 / scale, 0, alpha),),
    )
