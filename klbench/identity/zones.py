"""The zones where an estimator differs from its formula: log_ratios at which a clamp is active, a gradient is 0, or the
result is NaN or infinite; and the log_ratios and weights at which a branch makes a kink.

They are found on points along log_ratio, on samples of q, with bisection at every change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf, isfinite

import torch
from torch import Tensor

from klbench.derived.clamps import clamped
from klbench.derived.coefficient import value_and_any_slope
from klbench.errors import SpecError
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Joint, on_samples_of_q
from klbench.estimators.vocabulary import DTYPES
from klbench.identity.identity import Zone, Zones
from klbench.identity.kinks import kinks, kinks_of_weight

# r is 0 or infinite in float64 beyond 746, and its root beyond 1491
FARTHEST = 2000.0
_STEPS = 80_000
# of a step of 0.05 they leave 4e-17
_HALVINGS = 50
_NEVER = 700.0
"""Beyond this log_ratio r is 0 or infinite in float64: a clamp there guards the arithmetic and changes no estimate."""
_FADED = 1e-12
# far above what halving leaves; kinks are told to four places
_BESIDE, _BESIDE_A_KINK = 1e-6, 1e-3

Property = Callable[[Tensor], Tensor]
"""log_ratio [n] -> whether it holds there [n]."""


def zones(estimator: Estimator) -> Zones:
    """The zones of an estimator; only the nonfinite ones if it uses log q itself, not only log r."""
    joint = estimator.term.of_three
    if estimator.looks_at == "absolute":
        return Zones((), (), dict(_nonfinite(joint)))
    held = on_samples_of_q(clamped(joint))
    where_clamped = _where(lambda log_ratio: held(log_ratio) > 0)
    where_stopped = _where(lambda x: _value_and_slope(joint, x)[1] == 0)
    known = Zones(
        clamped=tuple((low, high) for low, high in where_clamped if low < _NEVER and high > -_NEVER),
        stopped=tuple(zone for zone in where_stopped if not _fades(joint, zone)),
        nonfinite=dict(_nonfinite(joint)),
        weight_kinks=kinks_of_weight(estimator),
    )
    return replace(known, kinks=tuple(place for place in kinks(estimator) if not _is_an_end(place, known)))


def _is_an_end(place: float, known: Zones) -> bool:
    """Whether the place is an end of a zone that is reported anyway."""
    told = (*known.clamped, *known.stopped, *known.nonfinite.get("float64", ()))
    return any(abs(place - end) < _BESIDE_A_KINK for zone in told for end in zone)


def _nonfinite(joint: Joint) -> Iterator[tuple[str, tuple[Zone, ...]]]:
    """The nonfinite zones by dtype, without the dtypes in which a user's function cannot be computed."""
    for name in DTYPES:
        try:
            yield name, _where(_unsound(joint, getattr(torch, name)))
        except SpecError:
            continue


def _unsound(joint: Joint, dtype: torch.dtype) -> Property:
    def where(log_ratio: Tensor) -> Tensor:
        value, slope = _value_and_slope(joint, log_ratio.to(dtype))
        return ~(value.isfinite() & slope.isfinite())

    return where


def _value_and_slope(joint: Joint, log_ratio: Tensor) -> tuple[Tensor, Tensor]:
    """The value and the slope on samples of q; a slope of 1 if autograd cannot differentiate it."""
    nothing = torch.zeros_like(log_ratio)
    value, slope = value_and_any_slope(joint, nothing, log_ratio, nothing)
    return value, torch.ones_like(log_ratio) if slope is None else slope


def _fades(joint: Joint, zone: Zone) -> bool:
    """Whether the slope reaches 0 gradually or by rounding, and not by a clamp or a detach."""
    beside = [end + side * _BESIDE for end, side in zip(zone, (-1, 1), strict=True) if isfinite(end)]
    value, slope = _value_and_slope(joint, torch.tensor(beside, dtype=torch.float64))
    return bool(beside) and not bool((slope.abs() > _FADED * (1 + value.abs())).any())


def _where(holds: Property) -> tuple[Zone, ...]:
    """The intervals on which a property holds."""
    # even steps with an irrational offset, so that no point hits a bound of an estimator by chance
    points = torch.linspace(-FARTHEST, FARTHEST, _STEPS, dtype=torch.float64) + 1e-3 * 2**0.5
    inside = holds(points)
    changes = (inside[1:] != inside[:-1]).nonzero().flatten().tolist()
    ends = [_change(holds, float(points[i]), float(points[i + 1]), bool(inside[i])) for i in changes]
    edges = [*([-inf] if bool(inside[0]) else []), *ends, *([inf] if bool(inside[-1]) else [])]
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def _change(holds: Property, low: float, high: float, at_low: bool) -> float:
    """The log_ratio between two others at which the property changes."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        same = bool(holds(torch.tensor([middle], dtype=torch.float64))[0]) == at_low
        low, high = (middle, high) if same else (low, middle)
    return high
