"""Identifying an estimator: what its mean estimates, what its gradient descends in each placement, where it breaks.

Nothing here is typed in: means and gradients are exact sums over the probes, compared with those of a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from klbench.derived.gradient import Placement, Weighting
from klbench.estimators.estimator import Estimator
from klbench.identity.probes import Probe, near, on_policy, stale
from klbench.identity.zones import Zones, zones
from klbench.measure.cells import Cell
from klbench.measure.follows import follows
from klbench.roads.exact import exact_road

_SAME, _SECOND_ORDER = 1e-9, 1e-2
UNKNOWN = "none"

PLACES: Mapping[str, tuple[Placement, Weighting, bool]] = {
    "loss": ("loss", "none", False),
    "reward": ("reward", "none", False),
    "loss, stale samples": ("loss", "none", True),
    "reward, stale samples": ("reward", "none", True),
    "loss × ratio": ("loss", "ratio", True),
    "loss × detached ratio": ("loss", "detached", True),
    "reward × ratio": ("reward", "ratio", True),
}
"""Every place an estimator is looked at in: placement, weighting, and whether the samples are stale."""


@dataclass(frozen=True)
class Identity:
    """What an estimator is.

    Args:
        value: the divergence its mean is on samples of q; ``none`` for none of the list.
        near: the one its mean agrees with to second order, where it is none.
        stale_value: the divergence its mean is on stale samples.
        follows: by place, what its gradient is the gradient of; '' where it has no gradient.
        zones: where a clamp holds, the gradient stops, or a number is none.
    """

    value: str
    near: str
    stale_value: str
    follows: Mapping[str, str]
    zones: Zones


def identify(estimator: Estimator) -> Identity:
    """Measure what an estimator is.

    Raises:
        SpecError: a user's function cannot be called.
    """
    value = _named(_mean(estimator, on_policy()), on_policy().values)
    return Identity(
        value=value,
        near=_near(estimator) if value == UNKNOWN else "",
        stale_value=_named(_mean(estimator, stale()), stale().values),
        follows={name: _follows(estimator, *place) for name, place in PLACES.items()},
        zones=zones(estimator),
    )


def _mean(estimator: Estimator, probe: Probe) -> float:
    (found,) = exact_road(probe.pair.integrand((estimator.term,)))
    return found.mean if found is not None else float("nan")


def _named(mean: float, values: Mapping[str, float]) -> str:
    if abs(mean) < _SAME:
        return "0"
    return next((name for name, value in values.items() if abs(mean - value) <= _SAME * abs(value)), UNKNOWN)


def _near(estimator: Estimator) -> str:
    mean, values = _mean(estimator, near()), near().values
    found = [name for name in ("KL(q‖p)", "2·KL(q‖p)") if abs(mean / values[name] - 1) < _SECOND_ORDER]
    return found[0] if found and isfinite(mean) else ""


def _follows(estimator: Estimator, placement: Placement, weighting: Weighting, is_stale: bool) -> str:
    probe = stale() if is_stale else on_policy()
    cell = Cell(estimator, placement, weighting, "float64")
    if not cell.has_gradient:
        return ""
    gradients = probe.gradients
    found = follows(gradients.under_draws(cell.term), estimator.term, gradients.under_q)
    return found[0] if found else ""
