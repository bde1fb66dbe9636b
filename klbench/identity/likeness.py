"""The likeness of an estimator: its value and slope compared, as functions, with every estimator klbench knows.

Two are the same if both numbers agree, rounding aside, on a grid of log_ratio and log-weight that reaches past every
clamp and past the overflow of exp. If no name is the same, the value and the gradient are compared one by one, and
only where no clamp of the estimator is active: so a straight-through trick or a clamp of one's own is recognised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from klbench.derived.clamps import clamped
from klbench.derived.coefficient import value_and_any_slope
from klbench.estimators import catalogue as native
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Joint, weigh
from klbench.frameworks import catalogue as shipped
from klbench.tolerances import SAME_VALUE, SAME_VALUE_AT_0

_LEVELS = (-0.5, -3.0)
# 0 is the log-weight of samples of q itself; the others are no round numbers, where clamps tend to end;
# the last two are past the clamps of what looks at the sampler alone
_WEIGHTS = (0.0, 0.31, -0.47, 1.3, 21.7, -22.3)


@dataclass(frozen=True)
class Likeness:
    """The estimators that an estimator is like.

    Args:
        same: the names of all estimators that compute the same, klbench's own first.
        value_of: if there are none, klbench's own estimator with its value where no clamp is active; '' for none.
        gradient_of: klbench's own estimator with its slope there.
    """

    same: tuple[str, ...] = ()
    value_of: str = ""
    gradient_of: str = ""


def likeness(estimator: Estimator) -> Likeness:
    """Compare an estimator with every other that has a name."""
    mine = _sampled(_weighted(estimator.term.of_three, estimator.weighting))
    others = {name: points for name, points in _known().items() if name != estimator.name}
    same = tuple(name for name, points in others.items() if mine.equals(points))
    if same:
        return Likeness(same)
    free = ~_held(estimator.term.of_three) & mine.is_moving
    if not free.any():
        return Likeness()
    natives = {name: others[name] for name in _natives() if name in others}
    return Likeness(
        value_of=next((name for name, points in natives.items() if mine.has_value_of(points, free)), ""),
        gradient_of=next((name for name, points in natives.items() if mine.has_slope_of(points, free)), ""),
    )


@dataclass(frozen=True)
class _Sampled:
    """A joint function's values and slopes on the grid [n]; slope None if autograd cannot differentiate it."""

    value: Tensor
    slope: Tensor | None

    @property
    def is_moving(self) -> Tensor:
        """Where the slope [n] is finite and not 0; it is 0 behind a clamp, in whatever way that is written."""
        moving = self.value.isfinite()
        return moving if self.slope is None else moving & self.slope.isfinite() & (self.slope != 0)

    def equals(self, other: _Sampled) -> bool:
        everywhere = torch.ones_like(self.value, dtype=torch.bool)
        return self.has_value_of(other, everywhere) and self.has_slope_of(other, everywhere)

    def has_value_of(self, other: _Sampled, where: Tensor) -> bool:
        return _agree(self.value, other.value, other.value.abs(), where)

    def has_slope_of(self, other: _Sampled, where: Tensor) -> bool:
        if self.slope is None or other.slope is None:
            return self.slope is other.slope
        # a slope may be the difference of numbers as large as the value: so much of it may be rounding
        return _agree(self.slope, other.slope, other.slope.abs() + other.value.abs(), where)


def _agree(mine: Tensor, other: Tensor, scale: Tensor, where: Tensor) -> bool:
    # an infinite scale would allow any difference: infinite values are alike by == only
    close = (mine - other).abs() <= SAME_VALUE_AT_0 + SAME_VALUE * scale.nan_to_num(0.0, 0.0)
    alike = (mine == other) | (mine.isnan() & other.isnan()) | close
    return bool(alike[where].all())


@cache
def _grid() -> tuple[Tensor, Tensor, Tensor]:
    """(log_q, log_p, log_sampler), each [n]."""
    # exp has lost some digits at −720, is 0 at −800, and infinite from 720 on
    near, far = torch.linspace(-45, 45, 181, dtype=torch.float64) + 0.013, torch.tensor([-800.0, -720.0, 720.0, 800.0])
    levels, weights = torch.tensor(_LEVELS, dtype=torch.float64), torch.tensor(_WEIGHTS, dtype=torch.float64)
    log_q, log_ratio, log_weight = torch.cartesian_prod(levels, torch.cat([near, far.double()]), weights).unbind(1)
    return log_q, log_q + log_ratio, log_q - log_weight


def _sampled(joint: Joint) -> _Sampled:
    return _Sampled(*value_and_any_slope(joint, *_grid()))


def _held(joint: Joint) -> Tensor:
    return clamped(joint)(*_grid()) > 0


def _weighted(joint: Joint, weighting: str) -> Joint:
    """The function times its default weight."""
    if weighting == "none":
        return joint

    def value(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
        log_weight = log_q - log_sampler
        return weigh(joint(log_q, log_p, log_sampler), log_weight.detach() if weighting == "detached" else log_weight)

    return value


@cache
def _natives() -> tuple[str, ...]:
    return tuple(name for name, _ in _named_natives())


@cache
def _known() -> dict[str, _Sampled]:
    known = {name: _sampled(joint) for name, joint in _named_natives()}
    for entry in shipped.entries():
        known[entry.qualified] = _sampled(_weighted(entry.value, entry.weighting))
    return known


def _named_natives() -> Iterator[tuple[str, Joint]]:
    """Every estimator of klbench's own: without a weight, then × ratio, then × detached ratio."""
    plain = [estimator for estimator in native.examples() if estimator.control is None]
    for weighting, suffix in (("none", ""), ("ratio", " × ratio"), ("detached", " × detached ratio")):
        for estimator in plain:
            yield estimator.name + suffix, _weighted(estimator.term.of_three, weighting)
