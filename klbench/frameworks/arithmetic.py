"""The arithmetic that frameworks share: what they compute of one log_ratio between their clamps, and the weights.

Order of operations is part of it. eˡ − 1 − l and eˡ − l − 1 are one number and two roundings, and neither is the
expm1(l) − l that keeps its digits: as shipped, not as it should be. Tensor methods only, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import TYPE_CHECKING

from klbench.estimators.schulman import NO_ABSOLUTE_CONTINUITY, absolute, k1, k2
from klbench.estimators.term import Function

if TYPE_CHECKING:
    from torch import Tensor

_STEPS = 60
_LOG_TAILS = "E_q[log² r] is infinite: q has polynomial tails and p has not"
_SQUARE_TAILS = "E_q[log⁴ r] is infinite: q has polynomial tails and p has not"
_HEAVY_P = "E_q[r²] is infinite: p has heavier tails than q"
_ALWAYS = "always, by a share of the KL that grows with it"


@dataclass(frozen=True)
class Arithmetic:
    """A value of one log_ratio, as code writes it.

    Args:
        name: what it is called here; two that share it are the same number in another order of operations.
        formula: in r and log r, in the order the code has.
        function: log_ratio [n] -> values [n], nats.
        within: bound -> the log_ratios (low, high) between which the value stays within ±bound.
        unbiased, nonnegative, biased_when, infinite_variance_when: of the reverse KL, as an Estimator declares them.
    """

    name: str
    formula: str
    function: Function
    within: Callable[[float], tuple[float, float]]
    unbiased: bool
    nonnegative: bool
    biased_when: str
    infinite_variance_when: str


def square(log_ratio: Tensor) -> Tensor:
    """log² r, without the half."""
    return log_ratio * log_ratio


def exp_minus_one_minus_log(log_ratio: Tensor) -> Tensor:
    """r − 1 − log r, by exp, subtracting 1 first."""
    return log_ratio.exp() - 1 - log_ratio


def exp_minus_log_minus_one(log_ratio: Tensor) -> Tensor:
    """r − log r − 1, by exp, subtracting log r first."""
    return log_ratio.exp() - log_ratio - 1


def expm1_minus_log(log_ratio: Tensor) -> Tensor:
    """(r − 1) − log r, by expm1: no digit is lost near r = 1."""
    return log_ratio.expm1() - log_ratio


def upside_down(log_ratio: Tensor) -> Tensor:
    """1/r − 1 + log r: k3's formula on log q − log p, where log p − log q belongs."""
    negated = -log_ratio
    return negated.exp() - 1 - negated


def _symmetric(bound: float) -> tuple[float, float]:
    return -bound, bound


def _half_square(bound: float) -> tuple[float, float]:
    return _symmetric(sqrt(2 * bound))


def _square(bound: float) -> tuple[float, float]:
    return _symmetric(sqrt(bound))


def _k3(bound: float) -> tuple[float, float]:
    """Where eˡ − 1 − l = bound: two contractions, one for each sign of l."""
    low, high = -1 - bound, log(2 + 2 * bound)
    for _ in range(_STEPS):
        low, high = exp(low) - 1 - bound, log(1 + bound + high)
    return low, high


def _mirrored_k3(bound: float) -> tuple[float, float]:
    low, high = _k3(bound)
    return -high, -low


K1 = Arithmetic("k1", "−log r", k1, _symmetric, True, False, "never", _LOG_TAILS)
K2 = Arithmetic("k2", "½ log² r", k2, _half_square, False, True, _ALWAYS, _SQUARE_TAILS)
ABSOLUTE = Arithmetic("abs", "|log r|", absolute, _symmetric, False, True, "always; most when q is near p", _LOG_TAILS)
SQUARE = Arithmetic("square", "log² r", square, _square, False, True, "always: about twice the KL", _SQUARE_TAILS)
UPSIDE_DOWN = Arithmetic(
    "upside-down k3",
    "1/r − 1 + log r",
    upside_down,
    _mirrored_k3,
    False,
    True,
    "always: its mean is χ²(q‖p) − KL(q‖p)",
    "E_q[1/r²] is infinite: q has heavier tails than p",
)


def _k3_as(formula: str, function: Function) -> Arithmetic:
    return Arithmetic("k3", formula, function, _k3, True, True, NO_ABSOLUTE_CONTINUITY, _HEAVY_P)


K3 = _k3_as("r − 1 − log r", exp_minus_one_minus_log)
K3_LOG_FIRST = _k3_as("r − log r − 1", exp_minus_log_minus_one)
K3_EXPM1 = _k3_as("(r − 1) − log r", expm1_minus_log)


@dataclass(frozen=True)
class Weight:
    """What a value is multiplied by before it is clamped.

    Args:
        formula: with sg for what is detached.
        function: (log_q, log_sampler), each [n] -> weights [n], 1 on samples of q.
        clamp: what of it is clamped, and to what, if anything.
        biased_when: when the weight itself makes a bias, if it can.
        of_sampler: whether it is q/sampler, so that samples of another policy count as q's.
    """

    formula: str
    function: Callable[[Tensor, Tensor], Tensor]
    clamp: str = ""
    biased_when: str = ""
    of_sampler: bool = True


def ratio(log_q: Tensor, log_sampler: Tensor) -> Tensor:
    """q/sampler, differentiated."""
    return (log_q - log_sampler).exp()


def ratio_up_to_two(log_q: Tensor, log_sampler: Tensor) -> Tensor:
    """min(q/sampler, 2), differentiated below 2."""
    return (log_q - log_sampler).exp().clamp(0.0, 2.0)


def one_with_a_score(log_q: Tensor, log_sampler: Tensor) -> Tensor:  # noqa: ARG001
    """1, whose gradient is the score: samples count as q's own, whoever drew them."""
    return (log_q - log_q.detach()).exp()


RATIO = Weight("(q/sampler)", ratio)
RATIO_UP_TO_TWO = Weight("min(q/sampler, 2)", ratio_up_to_two, "q/sampler to at most 2", "q/sampler exceeds 2")
SCORE = Weight("exp(log q − sg log q)", one_with_a_score, of_sampler=False)
