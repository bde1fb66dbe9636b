"""How fast an estimator grows as log r goes to ±∞, found from its values.

Whether a moment exists is decided far out in the tails, where r itself overflows. Every estimator here grows like
exp(a·l) |l|^b times a constant as l = log r goes to +∞ or −∞; a and b are read off three values as far out as the function is
still finite, and carry log |k| on from there. Nothing is declared per estimator.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, log

import torch
from torch import Tensor

from klbench.estimators.term import Function

_REACHES = [2.0**power for power in range(50, 2, -1)]


@dataclass(frozen=True)
class Side:
    """log |k(l)| = at_reach + rate (|l| − reach) + power log(|l|/reach) for |l| > reach, and ``at_infinity`` at |l| = ∞."""

    reach: float
    at_reach: float
    rate: float
    power: float
    at_infinity: float

    def log_size(self, distance: Tensor) -> Tensor:
        """log |k| at |l| = distance, beyond the reach."""
        grown = self.at_reach + self.rate * (distance - self.reach) + self.power * (distance / self.reach).log()
        return torch.where(distance.isinf(), self.at_infinity, grown)

    @property
    def limit_of_ratio_to_exp(self) -> float:
        """lim |k(l)| / exp(|l|)."""
        if self.at_reach == -inf or self.rate < 1 - _SAME_RATE:
            return 0.0
        if self.rate > 1 + _SAME_RATE or self.power > _SAME_RATE:
            return inf
        return float(torch.tensor(self.at_reach - self.reach, dtype=torch.float64).exp())


_SAME_RATE = 1e-6


@dataclass(frozen=True)
class Growth:
    """log |k(l)| for every l, however far out."""

    function: Function
    left: Side
    right: Side

    def log_size(self, log_ratio: Tensor) -> Tensor:
        """log |k| [n], float64; −inf where k is 0, NaN where log_ratio is."""
        log_ratio = log_ratio.double()
        inner = log_ratio.clamp(-self.left.reach, self.right.reach)
        size = self.function(inner).abs().log()
        size = torch.where(log_ratio > self.right.reach, self.right.log_size(log_ratio), size)
        return torch.where(log_ratio < -self.left.reach, self.left.log_size(-log_ratio), size)

    def rate(self, log_ratio: Tensor) -> Tensor:
        """The exponential rate on the side each log_ratio is on [n]: how much rounding in log_ratio weighs in log |k|."""
        return torch.where(log_ratio > 0, self.right.rate, self.left.rate)


def growth(function: Function) -> Growth:
    """The growth of an estimator's function on both sides."""
    return Growth(function, _side(function, -1.0), _side(function, 1.0))


def _side(function: Function, sign: float) -> Side:
    sizes = function(sign * torch.tensor([*_REACHES, inf], dtype=torch.float64)).abs().log().tolist()
    at_infinity = sizes.pop()
    known = [(reach, size) for reach, size in zip(_REACHES, sizes, strict=True) if isfinite(size)]
    if len(known) < 3:  # identically zero (or never finite) that far out
        return Side(_REACHES[0], sizes[0], 0.0, 0.0, sizes[0])
    (far, at_far), (_, at_half), (_, at_quarter) = known[:3]
    rate = 4 / far * ((at_far - at_half) - (at_half - at_quarter))
    if abs(rate) * far < 0.1:  # what is left of slower terms, not an exponential
        rate = 0.0
    power = (at_far - at_half - rate * far / 2) / log(2)
    grows = rate > 0 or (rate == 0 and power > 1e-9)
    return Side(far, at_far, rate, power, inf if grows and not at_infinity < inf else at_infinity)
