"""Finding the kinks of an estimator, which reveal a bound that is a branch (``torch.where``) and no clamp.

Points are taken along log_ratio, then along log(q/sampler), and the second differences of value and slope are computed.
Where the function is smooth they shrink with the square of the step, at a kink with the step, at a jump not at all. A
place where they shrink too slowly is looked at again with smaller steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import exp

import torch
from torch import Tensor

from klbench.derived.coefficient import value_and_any_slope
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Joint

# 45 is past the widest clamp that is shipped, ±40; at a step of 1e-5 a smooth bend is 1e-10, that of a kink 1e-5
_FARTHEST, _STEP, _FINEST = 45.0, 0.02, 1e-5
_ZOOM = 16
_SMOOTH = 3.4
"""Twice the step makes the second difference four times as large if the function is smooth, at most three at a kink."""
# shares: of the size, below which a bend may be rounding; of value and slope, below which a kink is none
_VISIBLE, _SHARP = 1e-8, 1e-4
_SAME = 1e-3
# two that nobody would choose: a kink of the weight alone is at the same place on both
_LOG_RATIOS = (-0.71, 0.93)

Along = Callable[[Tensor], tuple[Tensor, ...]]
"""Places on a line [n] -> the value there, and the slope if there is one, each [n]."""


def kinks(estimator: Estimator) -> tuple[float, ...]:
    """The log_ratios at which the value or the slope bends or jumps, on samples of q, to four places."""
    joint = estimator.term.of_three
    # + 0.0 makes 0.0 of a rounded −0.0
    return tuple(round(x, 4) + 0.0 for x in _merged(_kinks(lambda x: _looked_at(joint, x, torch.zeros_like(x)))))


def kinks_of_weight(estimator: Estimator) -> tuple[float, ...]:
    """The values of q/sampler at which value or slope bends or jumps at every log_ratio, to four digits."""
    joint = estimator.term.of_three

    def at(log_ratio: float) -> tuple[float, ...]:
        return _merged(_kinks(lambda log_weight: _looked_at(joint, torch.full_like(log_weight, log_ratio), log_weight)))

    first, second = map(at, _LOG_RATIOS)
    return tuple(float(f"{exp(place):.4g}") for place in first if any(abs(place - other) < _SAME for other in second))


def _looked_at(joint: Joint, log_ratio: Tensor, log_weight: Tensor) -> tuple[Tensor, ...]:
    """The value and the slope; the value alone if autograd cannot differentiate it."""
    value, slope = value_and_any_slope(joint, torch.zeros_like(log_ratio), log_ratio, -log_weight)
    return (value,) if slope is None else (value, slope)


def _kinks(along: Along) -> Iterator[float]:
    count = round(2 * _FARTHEST / _STEP)
    # an irrational offset: a kink at a round number lies between two points, not on one
    points = torch.linspace(-_FARTHEST, _FARTHEST, count + 1, dtype=torch.float64) + 1e-3 * 2**0.5
    looked_at = along(points)
    for which, values in enumerate(looked_at):
        for index in _rough(values, _size(looked_at)).nonzero().flatten().tolist():
            place = _closed_in(along, which, float(points[index + 2]))
            if place is not None:
                yield place


def _rough(values: Tensor, size: Tensor) -> Tensor:
    """Which of the n - 4 inner points have a second difference that shrinks too slowly and is more than rounding."""
    fine, coarse = _bend(values, 1)[1:-1], _bend(values, 2)
    return (fine > _VISIBLE * size[2:-2]) & (fine > 0) & (coarse < _SMOOTH * fine)


def _size(looked_at: tuple[Tensor, ...]) -> Tensor:
    """The size [n] that rounding is relative to: a slope may be a difference of numbers as large as the value."""
    return torch.stack(looked_at).abs().sum(0)


def _bend(values: Tensor, stride: int) -> Tensor:
    """The size of the second difference, without the ``stride`` points at either end; 0 where it is NaN."""
    # NaN and infinity, beyond an overflow, are no bends
    return (values[2 * stride :] - 2 * values[stride:-stride] + values[: -2 * stride]).abs().nan_to_num(0.0, 0.0)


def _closed_in(along: Along, which: int, place: float) -> float | None:
    """The kink near ``place``; None if smaller steps show that there is none."""
    step = 2 * _STEP
    while step > _FINEST:
        step /= _ZOOM
        near = place + step * torch.arange(-2 * _ZOOM, 2 * _ZOOM + 1, dtype=torch.float64)
        looked_at = along(near)
        values = looked_at[which]
        index = int(_bend(values, 1)[1:-1].argmax()) + 2
        place = float(near[index])
    inner, size = (numbers[index - 2 : index + 3] for numbers in (values, _size(looked_at)))
    slope = float((inner[3] - inner[1]).abs()) / (2 * step)
    sharp = float(_bend(inner, 1)[1]) / step > _SHARP * (float(inner[2].abs()) + slope)
    return place if sharp and bool(_rough(inner, size)[0]) else None


def _merged(places: Iterator[float]) -> tuple[float, ...]:
    """The places in order, without those that are the same as another."""
    kept: list[float] = []
    for place in sorted(places):
        if not kept or place - kept[-1] > _SAME:
            kept.append(place)
    return tuple(kept)
