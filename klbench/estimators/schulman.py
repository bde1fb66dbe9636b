"""The estimators of the reverse KL that RL frameworks average: k1, k2, k3, their control-variate family, and |log r|.

With r = p(x)/q(x) and x ~ q, E[−log r] is the KL divergence, so k1 = −log r is unbiased, but it is negative for about
half of the samples. r − 1 has mean zero under q, so adding any multiple λ(r − 1) changes nothing but the noise; λ = 1
makes the value non-negative, which is k3. k2 is the second-order term alone: biased, little noise while r stays near
1.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.estimator import OPTIMAL, Estimator, EstimatorFamily, summary_of
from klbench.estimators.term import Expansion

if TYPE_CHECKING:
    from torch import Tensor

SCHULMAN = "Schulman (2020), Approximating KL Divergence, joschu.net/blog/kl-approx.html"
K1: Expansion = ((-1.0, 1, 0.0),)
_RATIO_MINUS_ONE: Expansion = ((1.0, 0, 1.0),)
K3: Expansion = (*K1, *_RATIO_MINUS_ONE)
NO_ABSOLUTE_CONTINUITY = "p has mass where q has none (there E_q[r] < 1)"


def k1(log_ratio: Tensor) -> Tensor:
    """−log r: the plain, unbiased estimator.

    Its mean is the reverse KL by definition; its noise is large next to the KL when q and p are close, since its
    standard deviation shrinks with the distance of q from p and the KL with the square of it.
    """
    return -log_ratio


def k2(log_ratio: Tensor) -> Tensor:
    """½ log² r: half the squared log-ratio.

    Agrees with the reverse KL to second order in the distance of q from p, and is biased beyond: for two Gaussians of
    equal variance E[k2] = KL + KL²/2.
    """
    return log_ratio * log_ratio / 2


def k3(log_ratio: Tensor) -> Tensor:
    """r − 1 − log r: k1 with the control variate r − 1.

    Unbiased and never negative: the gap between log r and its tangent at r = 1. Where p has heavier tails than q, r
    has no variance, and neither has k3. expm1 keeps the digits that exp(log r) − 1 loses near r = 1.
    """
    return log_ratio.expm1() - log_ratio


def absolute(log_ratio: Tensor) -> Tensor:
    """|log r|: offered as a KL penalty, and no estimate of the KL.

    Its mean is of the order of the distance of q from p, not of its square, so it overstates a small KL many times
    over.
    """
    return log_ratio.abs()


def k1_cv(log_ratio: Tensor, coefficient: float) -> Tensor:
    """−log r + λ(r − 1): every unbiased estimator between k1 (λ = 0) and k3 (λ = 1), and beyond.

    The λ of least variance is Cov(log r, r)/Var(r). ``k1_cv(optimal)`` fits it on a pilot sample of its own, so the
    fitted number is independent of the samples it is judged on; the note under the table says what it is.
    """
    return -log_ratio + coefficient * log_ratio.expm1()


def _k1_cv(coefficient: float) -> Estimator:
    return Estimator(
        name=f"k1_cv({coefficient:g})",
        formula=f"−log r + {coefficient:g}·(r − 1)",
        target=REVERSE_KL,
        function=partial(k1_cv, coefficient=coefficient),
        expansion=(*K1, (coefficient, 0, 1.0)),
        unbiased=True,
        nonnegative=coefficient == 1,
        biased_when=NO_ABSOLUTE_CONTINUITY,
        infinite_variance_when="E_q[r²] is infinite (and λ is not 0), or E_q[log² r] is",
        source=SCHULMAN,
        summary=summary_of(k1_cv),
    )


def _ratio_minus_one(log_ratio: Tensor) -> Tensor:
    return log_ratio.expm1()


ESTIMATORS = (
    Estimator(
        name="k1",
        formula="−log r",
        target=REVERSE_KL,
        function=k1,
        expansion=K1,
        unbiased=True,
        nonnegative=False,
        biased_when="never",
        infinite_variance_when="E_q[log² r] is infinite: q has polynomial tails and p has not",
        source=SCHULMAN,
        used_by="PPO-style rewards: TRL, OpenRLHF, DeepSpeed-Chat, LLaMA-Factory, verl (kl)",
        summary=summary_of(k1),
    ),
    Estimator(
        name="k2",
        formula="½ log² r",
        target=REVERSE_KL,
        function=k2,
        expansion=((0.5, 2, 0.0),),
        unbiased=False,
        nonnegative=True,
        biased_when="always, by a share of the KL that grows with it; little while r stays near 1",
        infinite_variance_when="E_q[log⁴ r] is infinite: q has polynomial tails and p has not",
        source=SCHULMAN,
        used_by="verl (mse), OpenRLHF, NeMo-RL, slime, AReaL",
        summary=summary_of(k2),
    ),
    Estimator(
        name="k3",
        formula="r − 1 − log r",
        target=REVERSE_KL,
        function=k3,
        expansion=K3,
        unbiased=True,
        nonnegative=True,
        biased_when=NO_ABSOLUTE_CONTINUITY,
        infinite_variance_when="E_q[r²] is infinite: p has heavier tails than q (Gaussians: σp² ≥ 2σq²)",
        source=SCHULMAN,
        used_by="GRPO losses: TRL, verl (low_var_kl), NeMo-RL, SkyRL, torchtune, unsloth, Megatron-LM",
        summary=summary_of(k3),
    ),
    Estimator(
        name="abs",
        formula="|log r|",
        target=REVERSE_KL,
        function=absolute,
        unbiased=False,
        nonnegative=True,
        biased_when="always; most, in proportion, when q and p are close",
        infinite_variance_when="E_q[log² r] is infinite",
        source="verl, core_algos.py (abs)",
        used_by="verl (abs), SkyRL, ROLL",
        summary=summary_of(absolute),
    ),
)

FAMILIES = (
    EstimatorFamily(
        name="k1_cv",
        parameter="λ, the coefficient of the control variate r − 1,",
        example=0.5,
        make=_k1_cv,
        summary=summary_of(k1_cv),
        optimal=Estimator(
            name=f"k1_cv({OPTIMAL})",
            formula="−log r + λ*·(r − 1), λ* fitted",
            target=REVERSE_KL,
            function=k1,
            expansion=K1,
            unbiased=True,
            nonnegative=False,
            biased_when=NO_ABSOLUTE_CONTINUITY,
            infinite_variance_when="E_q[log² r] is infinite (where E_q[r²] is infinite λ* is 0)",
            source=SCHULMAN,
            summary=summary_of(k1_cv),
            control=_ratio_minus_one,
            control_expansion=_RATIO_MINUS_ONE,
        ),
    ),
)
