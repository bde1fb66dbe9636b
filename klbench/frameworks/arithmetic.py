"""The arithmetics that frameworks share: functions of one log_ratio, between the clamps, and weights.

The order of operations counts: eˡ − 1 − l and eˡ − l − 1 are equal but round differently, and neither keeps its digits
as expm1(l) − l does. The functions round as the shipped code does. Tensor methods only, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from klbench.estimators import schulman
from klbench.estimators.term import Expansion, Function

if TYPE_CHECKING:
    from torch import Tensor

_LOG_TAILS = "E_q[log² r] is infinite: q has polynomial tails and p has not"
_SQUARE_TAILS = "E_q[log⁴ r] is infinite: q has polynomial tails and p has not"
_HEAVY_P = "E_q[r²] is infinite: p has heavier tails than q"
_HEAVY_Q = "E_q[1/r²] is infinite: q has heavier tails than p"


@dataclass(frozen=True)
class Arithmetic:
    """A function of one log_ratio, in the order of operations that code has.

    Args:
        name: what it is called here; two that share it are the same number in another order of operations.
        formula: in r and log r, in the order the code has.
        function: log_ratio [n] -> values [n], nats; it uses nothing but arithmetic, ``exp``, ``expm1`` and ``abs``.
        unbiased, nonnegative, biased_when, infinite_variance_when: as the estimator declares them that it is an
            arithmetic of; what is no estimator declares them itself.
        expansion: the function as a finite sum of powers and exponentials of log r, where it is one.
    """

    name: str
    formula: str
    function: Function
    unbiased: bool
    nonnegative: bool
    biased_when: str
    infinite_variance_when: str
    expansion: Expansion | None = None


def square(log_ratio: Tensor) -> Tensor:
    """log² r, without the half."""
    return log_ratio * log_ratio


def negated_k1(log_ratio: Tensor) -> Tensor:
    """log r: k1 with its sign changed."""
    return log_ratio


def exp_minus_one_minus_log(log_ratio: Tensor) -> Tensor:
    """r − 1 − log r, by exp, subtracting 1 first."""
    return log_ratio.exp() - 1 - log_ratio


def exp_minus_log_minus_one(log_ratio: Tensor) -> Tensor:
    """r − log r − 1, by exp, subtracting log r first."""
    return log_ratio.exp() - log_ratio - 1


def expm1_minus_log(log_ratio: Tensor) -> Tensor:
    """(r − 1) − log r, by expm1: no digit is lost near r = 1."""
    return log_ratio.expm1() - log_ratio


def one_minus_ratio(log_ratio: Tensor) -> Tensor:
    """1 − r."""
    return 1.0 - log_ratio.exp()


def upside_down(log_ratio: Tensor) -> Tensor:
    """1/r − 1 + log r: k3's formula on log q − log p, where log p − log q belongs."""
    return exp_minus_one_minus_log(-log_ratio)


def upside_down_log_first(log_ratio: Tensor) -> Tensor:
    """1/r + log r − 1: the same, subtracting the logarithm first."""
    return exp_minus_log_minus_one(-log_ratio)


def upside_down_expm1(log_ratio: Tensor) -> Tensor:
    """(1/r − 1) + log r: the same, by expm1."""
    return expm1_minus_log(-log_ratio)


_CUT = 10.0
"""ColossalAI sets log(q/p) to 0 in the exponent from here on, so that exp never overflows."""


def cut_upside_down(log_ratio: Tensor) -> Tensor:
    """1/r − 1 + log r, in which 1/r is 1 from log(q/p) = 10 on: there the value is log r, below −10."""
    negated = -log_ratio
    return (negated * (negated < _CUT)).exp() - 1 - negated


_DECLARED = {estimator.name: estimator for estimator in schulman.ESTIMATORS}


def _of(name: str, formula: str = "", function: Function | None = None) -> Arithmetic:
    """The arithmetic of one of klbench's own estimators, in its own order of operations or in another."""
    declared = _DECLARED[name]
    return Arithmetic(
        name,
        formula or declared.formula,
        function or declared.function,
        declared.unbiased,
        declared.nonnegative,
        declared.biased_when,
        declared.infinite_variance_when,
        declared.expansion,
    )


K1, K2, ABSOLUTE = _of("k1"), _of("k2"), _of("abs")
K3_ONE_FIRST = _of("k3", "r − 1 − log r", exp_minus_one_minus_log)
K3_LOG_FIRST = _of("k3", "r − log r − 1", exp_minus_log_minus_one)
K3_EXPM1 = _of("k3", "(r − 1) − log r", expm1_minus_log)
NEGATED_K1 = Arithmetic(
    "−k1",
    "log r",
    negated_k1,
    False,
    False,
    "always: its sign is changed, its mean is −KL(q‖p)",
    _LOG_TAILS,
    ((1.0, 1, 0.0),),
)
SQUARE = Arithmetic(
    "square", "log² r", square, False, True, "always: about twice the KL", _SQUARE_TAILS, ((1.0, 2, 0.0),)
)
ONE_MINUS_R = Arithmetic(
    "1 − r",
    "1 − r",
    one_minus_ratio,
    False,
    False,
    "always: its mean is 0 wherever q has support",
    _HEAVY_P,
    ((-1.0, 0, 1.0),),
)
CUT_UPSIDE_DOWN = Arithmetic(
    "upside-down, cut",
    "1/r − 1 + log r, 1/r being 1 where log r ≤ −10",
    cut_upside_down,
    False,
    False,
    "always: below the cut its mean is χ²(q‖p) − KL(q‖p), past it the value is negative",
    _LOG_TAILS,
)


def _upside_down_as(formula: str, function: Function) -> Arithmetic:
    biased_when = "always: its mean is χ²(q‖p) − KL(q‖p)"
    expansion = ((1.0, 1, 0.0), (1.0, 0, -1.0))
    return Arithmetic("upside-down k3", formula, function, False, True, biased_when, _HEAVY_Q, expansion)


UPSIDE_DOWN = _upside_down_as("1/r − 1 + log r", upside_down)
UPSIDE_DOWN_LOG_FIRST = _upside_down_as("1/r + log r − 1", upside_down_log_first)
UPSIDE_DOWN_EXPM1 = _upside_down_as("(1/r − 1) + log r", upside_down_expm1)


@dataclass(frozen=True)
class Weight:
    """A weight that multiplies a value before it is clamped.

    Args:
        formula: ρ is the importance weight q/sampler, sg(·) what is held constant (stop-gradient).
        function: (log_q, log_sampler), each [n] -> weights [n], 1 on samples of q.
        clamp: what of it is clamped, and to what, if anything.
        biased_when: when the weight itself makes a bias, if it can.
        of_sampler: whether it is q/sampler, so that samples of another policy count as q's.
        stops: whether it is detached where log_ratio is clamped.
    """

    formula: str
    function: Callable[[Tensor, Tensor], Tensor]
    clamp: str = ""
    biased_when: str = ""
    of_sampler: bool = True
    stops: bool = False


def ratio(log_q: Tensor, log_sampler: Tensor) -> Tensor:
    """ρ = q/sampler, differentiated."""
    return (log_q - log_sampler).exp()


def ratio_up_to_two(log_q: Tensor, log_sampler: Tensor) -> Tensor:
    """min(ρ, 2), ρ = q/sampler differentiated below 2."""
    return (log_q - log_sampler).exp().clamp(0.0, 2.0)


def one_with_a_score(log_q: Tensor, log_sampler: Tensor) -> Tensor:  # noqa: ARG001
    """1, whose gradient is the score: samples count as q's own, whoever drew them."""
    return (log_q - log_q.detach()).exp()


RATIO = Weight("ρ", ratio)
RATIO_UP_TO_TWO = Weight("min(ρ, 2)", ratio_up_to_two, "ρ to at most 2", "ρ exceeds 2")
STOPPING_RATIO = replace(RATIO, stops=True)
SCORE = Weight("exp(log q − sg(log q))", one_with_a_score, of_sampler=False, stops=True)
