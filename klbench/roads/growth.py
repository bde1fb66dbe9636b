"""How fast an estimator grows as log r goes to ±∞, found from its values.

Whether a moment exists is decided far out in the tails, where r itself overflows. Every estimator here grows like
exp(a·l) |l|^b times a constant as l = log r goes to +∞ or −∞; a and b are read off four values as far out as the
function is still finite, and carry log |k| on from there. Nothing is declared per estimator. A function that comes with
an estimate of its rounding error, as derivatives do that cancel, is read only as far out as it has digits left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf, log

import torch
from torch import Tensor

from klbench.estimators.term import Function
from klbench.tolerances import GATHERED_FROM, NO_POWER, NO_RATE, SAME_RATE, TRUSTED_SHARE

_REACHES = [2.0**power for power in range(50, 2, -1)]
"""Where a function is asked, from afar: exact powers of two, whose products with plain rates round little."""
_NEARER = [2.0 ** (quarter / 4) for quarter in range(40, 4, -1)]
"""The same for a function that loses its digits far out: closer together, so that four are left that have them."""


@dataclass(frozen=True)
class Side:
    """log |k(l)| = at_reach + rate (|l| − reach) + power log(|l|/reach) for |l| > reach, and ``at_infinity`` at |l| =
    ∞.

    ``sign`` is the sign of k from the reach on, ``error`` how far off the form is within the reach.
    """

    reach: float
    at_reach: float
    rate: float
    power: float
    at_infinity: float
    sign: float
    error: float = 0.0

    def rest(self, distance: Tensor) -> Tensor:
        """log |k| − rate·|l| at |l| = distance, beyond the reach."""
        grown = self.at_reach - self.rate * self.reach + self.power * (distance / self.reach).log()
        return torch.where(distance.isinf(), self.at_infinity, grown)

    @property
    def limit_of_ratio_to_exp(self) -> float:
        """lim |k(l)| / exp(|l|)."""
        if self.at_reach == -inf or self.rate < 1 - SAME_RATE:
            return 0.0
        if self.rate > 1 + SAME_RATE or self.power > SAME_RATE:
            return inf
        return float(torch.tensor(self.at_reach - self.reach, dtype=torch.float64).exp())


@dataclass(frozen=True)
class Growth:
    """log |k(l)| for every l, however far out."""

    function: Function
    left: Side
    right: Side

    def log_size(self, log_ratio: Tensor) -> tuple[Tensor, Tensor]:
        """(rate [n], rest [n]) with log |k| = rate·log_ratio + rest, float64.

        Near 0 the rate is 0 and the rest all; far out, where exp(log_ratio) would swamp everything else, it is kept
        apart so that it can meet the log-probability it is to be multiplied with. The rest is −∞ where k is 0, NaN
        where log_ratio is.
        """
        log_ratio = log_ratio.double()
        # the function itself is asked within its reach only: beyond it would overflow
        inner = log_ratio.clamp(-self.left.reach, self.right.reach)
        # rate · inf + rest would be inf − inf: at infinity the rest alone tells the value
        rate = self.rate(log_ratio).masked_fill(log_ratio.isinf(), 0.0)
        rest = self.function(inner).abs().log() - rate * inner
        rest = torch.where(log_ratio > self.right.reach, self.right.rest(log_ratio), rest)
        return rate, torch.where(log_ratio < -self.left.reach, self.left.rest(-log_ratio), rest)

    def rate(self, log_ratio: Tensor) -> Tensor:
        """d log |k| / d log_ratio far out on the side each log_ratio is on, 0 near 0 [n]."""
        right = torch.where(log_ratio > GATHERED_FROM, self.right.rate, 0.0)
        return torch.where(log_ratio < -GATHERED_FROM, -self.left.rate, right)

    def power(self, log_ratio: Tensor) -> Tensor:
        """d log |k| / d log |log_ratio| far out, exponentials apart, on the side each log_ratio is on [n]."""
        return torch.where(log_ratio > 0, self.right.power, self.left.power)

    def error(self, log_ratio: Tensor) -> Tensor:
        """The relative error of |k| where it is carried on beyond the reach, 0 within [n]."""
        right = torch.where(log_ratio > self.right.reach, self.right.error, 0.0)
        return torch.where(log_ratio < -self.left.reach, self.left.error, right)

    def infinity(self, log_ratio: Tensor) -> Tensor:
        """±∞ with the sign the function has far out on the side each log_ratio is on [n]."""
        return inf * torch.where(log_ratio > 0, self.right.sign, self.left.sign)


def growth(function: Function, rounding: Function | None = None) -> Growth:
    """The growth of an estimator's function on both sides; ``rounding`` estimates its rounding error, if it has one."""
    return Growth(function, _side(function, rounding, -1.0), _side(function, rounding, 1.0))


def _side(function: Function, rounding: Function | None, sign: float) -> Side:
    values = function(sign * torch.tensor([*_REACHES, inf], dtype=torch.float64))
    *sizes, at_infinity = values.abs().log().tolist()
    known = _known(function, rounding, sign)
    if len(known) < 4:  # identically zero (or never finite) that far out
        return Side(_REACHES[0], sizes[0], 0.0, 0.0, at_infinity, float(values[0].sign()))
    far, at_far = known[0]
    rate, power = _rate_and_power(known)
    grows = rate > 0 or (rate == 0 and power > NO_POWER)
    # log r = ∞ may give inf − inf = NaN, as in r − log r: what grows is infinite there
    at_infinity = inf if grows and not at_infinity < inf else at_infinity
    sign_at_far = float(function(sign * torch.tensor([far], dtype=torch.float64)).sign())
    side = Side(far, at_far, rate, power, at_infinity, sign_at_far)
    return replace(side, error=_error(side, function, sign))


def _known(function: Function, rounding: Function | None, sign: float) -> list[tuple[float, float]]:
    """The four farthest (reach, log |k|) at which the function is finite, not 0, and more than rounding."""
    reaches = torch.tensor(_REACHES, dtype=torch.float64)
    if rounding is not None and not _trusted(function, rounding, sign * reaches).all():
        reaches = torch.tensor(_NEARER, dtype=torch.float64)
        reaches = reaches[_trusted(function, rounding, sign * reaches)]
    sizes = function(sign * reaches).abs().log()
    finite = sizes.isfinite()
    return list(zip(reaches[finite].tolist(), sizes[finite].tolist(), strict=True))[:4]


def _trusted(function: Function, rounding: Function, log_ratio: Tensor) -> Tensor:
    """Whether at least six digits are left, or the function is no number there anyway."""
    values = function(log_ratio)
    return ~values.isfinite() | (values == 0) | (rounding(log_ratio) < TRUSTED_SHARE * values.abs())


def _error(side: Side, function: Function, sign: float) -> float:
    """How far the form is off halfway to the reach, where the function can still be asked."""
    halfway = torch.tensor([side.reach / 2], dtype=torch.float64)
    return float((side.rest(halfway) + side.rate * halfway - function(sign * halfway).abs().log()).abs())


def _rate_and_power(known: list[tuple[float, float]]) -> tuple[float, float]:
    """rate and power of log |k| = rate·l + power·log l + constant + shift/l, through four points."""
    far = known[0][0]
    # in units of the farthest reach all columns are of one size, and the solution keeps its digits
    matrix = torch.tensor(
        [[reach / far, log(reach / far), 1.0, far / reach] for reach, _ in known], dtype=torch.float64
    )
    fitted = torch.linalg.solve(matrix, torch.tensor([size for _, size in known], dtype=torch.float64)).tolist()
    if abs(fitted[0]) < NO_RATE:  # what is left of slower terms, not an exponential
        return 0.0, fitted[1]
    rate = fitted[0] / far
    # out there the rate is multiplied by numbers without bound: a rate that is a plain fraction has to be that fraction
    plain = float(Fraction(rate).limit_denominator(10_000))
    return (plain, fitted[1]) if abs(plain - rate) < SAME_RATE else (rate, fitted[1])
