"""The figure of estimators: value and gradient coefficient against log r, with the zones where a clamp holds.

Everything is computed by calling the estimator, as ``klbench identify`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from klbench.derived.coefficient import true_coefficient, value_and_any_slope
from klbench.errors import SpecError
from klbench.estimators.divergence import Divergence
from klbench.estimators.estimator import Estimator
from klbench.figures.figure import Axis, Figure, Panel, Rule, Series, Zone, colours
from klbench.identity.identity import Zones
from klbench.identity.words import of_nonfinite, of_zones
from klbench.identity.zones import zones
from klbench.wording import few, joined

LOG_R = "log r = log p − log q"
_NEAR, _FAR = 3.0, 45.0
"""Where the axis ends if nothing happens beyond, and the farthest it goes to show a clamp or a kink."""
_STEPS = 600
_STEEP = 30.0
"""Values beyond this make the axis logarithmic away from 0."""
_MOST = 8
"""Estimators in one figure: as many as there are colours."""
TRUE = -1
"""The colour of what is true."""


@dataclass(frozen=True)
class Curve:
    """One estimator along log r."""

    name: str
    x: tuple[float, ...]
    value: tuple[float, ...]
    coefficient: tuple[float, ...]
    zones: Zones


def of_estimators(estimators: Sequence[Estimator]) -> Figure:
    """The figure of some estimators, ready for a run.

    Raises:
        SpecError: one is no function of log r, or there are too many.
    """
    if len(estimators) > _MOST:
        raise SpecError(f"{len(estimators)} estimators are too many for one figure", help=[f"at most {_MOST}"])
    found = [_told(estimator) for estimator in estimators]
    end = _end(found)
    x = _points(end, found)
    curves = [_curve(estimator, x, known) for estimator, known in zip(estimators, found, strict=True)]
    palette = colours([curve.name for curve in curves])
    targets = list(dict.fromkeys(estimator.target for estimator in estimators))
    value = _panel("value of one sample, nats", curves, palette, "value", [_integrand(t, x) for t in targets])
    slope = _panel(
        "in the loss: what multiplies the score", curves, palette, "coefficient", [_true(t, x) for t in targets]
    )
    name = "-".join(curve.name for curve in curves)
    title = joined([curve.name for curve in curves])
    return Figure(name, title, "on samples of q", (value, slope), 2, _captions(curves))


def _told(estimator: Estimator) -> Zones:
    """Where its clamps hold.

    Raises:
        SpecError: it is no function of log r alone.
    """
    if estimator.whole is not None:
        why = "it is a function of whole distributions, not of the sampled token's log r"
        raise SpecError(f"{estimator.name} has no curve: {why}", help=["klbench explain says what it is"])
    if estimator.control is not None:
        help = ["take a member of the family, with a number in the parentheses: k1_cv(0.5)"]
        raise SpecError(f"{estimator.name} has a coefficient that is fitted to each pair", help=help)
    if estimator.looks_at == "absolute":
        help = ["klbench identify says what it follows"]
        raise SpecError(f"{estimator.name} has no curve: it uses log q itself, not only log r", help=help)
    return zones(estimator)


def _end(found: Sequence[Zones]) -> float:
    """How far the axis goes: past every clamp and kink that is not out of sight."""
    places = [abs(end) for known in found for zone in (*known.clamped, *known.stopped) for end in zone]
    places += [abs(kink) for known in found for kink in known.kinks]
    seen = [place for place in places if place <= _FAR]
    return max([_NEAR, *(1.25 * place for place in seen)])


def _points(end: float, found: Sequence[Zones]) -> tuple[float, ...]:
    """Places along log r, and both sides of every end of a zone, so that a jump is a jump."""
    even = [end * (2 * step / _STEPS - 1) for step in range(_STEPS + 1)]
    ends = [edge for known in found for zone in (*known.clamped, *known.stopped) for edge in zone if abs(edge) < end]
    kinks = [kink for known in found for kink in known.kinks if abs(kink) < end]
    return tuple(sorted({*even, *(place + side for place in (*ends, *kinks) for side in (-1e-6, 1e-6))}))


def _curve(estimator: Estimator, x: tuple[float, ...], known: Zones) -> Curve:
    log_ratio = torch.tensor(x, dtype=torch.float64)
    nothing = torch.zeros_like(log_ratio)
    value, slope = value_and_any_slope(estimator.term.of_three, nothing, log_ratio, nothing)
    if estimator.weighted and slope is not None:
        # on samples of q the weight is 1, and its derivative is 1 as well
        slope = slope + value
    return Curve(estimator.name, x, _numbers(value), () if slope is None else _numbers(slope), known)


def _numbers(values: Tensor) -> tuple[float, ...]:
    return tuple(values.tolist())


def _integrand(target: Divergence, x: tuple[float, ...]) -> Series:
    """f of the target, E_q[f(r)]: what the true value is the mean of."""
    values = target.generator(torch.tensor(x, dtype=torch.float64))
    return Series(f"f of {target.symbol or target.name}", TRUE, "line", x, _numbers(values))


def _true(target: Divergence, x: tuple[float, ...]) -> Series:
    """The coefficient of the target's gradient."""
    values = true_coefficient(target).function(torch.tensor(x, dtype=torch.float64))
    return Series(f"∇{target.symbol or target.name}", TRUE, "line", x, _numbers(values))


def _panel(title: str, curves: Sequence[Curve], palette: dict[str, int], which: str, true: Sequence[Series]) -> Panel:
    held = [(curve, getattr(curve, which)) for curve in curves]
    series = [Series(curve.name, palette[curve.name], "line", curve.x, numbers) for curve, numbers in held if numbers]
    shown = [abs(y) for one in (*series, *true) for y in one.y if isfinite(y)]
    steep = max(shown, default=0.0) > _STEEP
    end = curves[0].x[-1]
    zones = tuple(_shaded(curves, palette))
    rules = (Rule("y", 0.0, is_quiet=True), Rule("x", 0.0, is_quiet=True), *_overflows(curves, end))
    y = Axis("", "asinh" if steep else "linear", threshold=1.0)
    return Panel(title, Axis(LOG_R, limits=(-end, end)), y, (*true, *series), zones, rules)


def _shaded(curves: Sequence[Curve], palette: dict[str, int]) -> Iterator[Zone]:
    for curve in curves:
        for low, high in curve.zones.clamped:
            yield Zone(low, high, "", palette[curve.name] if len(curves) > 1 else -1)


def _overflows(curves: Sequence[Curve], end: float) -> Iterator[Rule]:
    """Where a precision overflows, within the axis: each place once, with the precisions that do."""
    places: dict[float, list[str]] = {}
    for curve in curves:
        for dtype, where in curve.zones.nonfinite.items():
            for edge in (edge for zone in where for edge in zone if abs(edge) < end):
                places.setdefault(round(edge, 1), []).append(dtype)
    for place, dtypes in places.items():
        yield Rule("x", place, f"{', '.join(dict.fromkeys(dtypes))}")


def _captions(curves: Sequence[Curve]) -> tuple[str, ...]:
    said = [
        "Grey: what is true, the integrand of the target and the coefficient of its gradient. A constant adds nothing "
        "to a gradient: the mean score is 0."
    ]
    groups: dict[str, list[str]] = {}
    for curve in curves:
        if curve.zones.clamped:
            groups.setdefault(of_zones(curve.zones.clamped), []).append(curve.name)
    said += [f"Shaded: a clamp of {few(names)} holds, where {where}." for where, names in groups.items()]
    for curve in curves:
        broken = list(of_nonfinite(curve.zones.nonfinite))
        said += [f"{curve.name} or its gradient is infinite or NaN where {', '.join(broken)}."] * bool(broken)
    without = [curve.name for curve in curves if not curve.coefficient]
    said += [f"{few(without)}: no gradient in the loss, autograd finds no path to log q."] * bool(without)
    return tuple(said)
