"""Identifying an estimator: what its mean is, what its gradient follows in each place, where it breaks.

Nothing here is typed in: means and gradients are exact sums over the probes, compared with those of a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, nan

from klbench.estimators.estimator import Estimator
from klbench.estimators.vocabulary import Placement, Weighting
from klbench.identity.identity import PLACES, UNKNOWN, Identity
from klbench.identity.probes import Probe, near, on_policy, stale
from klbench.identity.zones import zones
from klbench.measure.follows import follows
from klbench.measure.place import Place
from klbench.measure.quantity import Quantity
from klbench.roads.exact import exact

# exact means are known to 1e-9; on the near pair what agrees to second order differs by some 1e-5
_SAME, _SECOND_ORDER = 1e-9, 1e-2


def identify(estimator: Estimator) -> Identity:
    """The identity of an estimator, measured; a user's function must be ``ready``.

    Raises:
        UserError: a user's function raises.
    """
    value = _named(_mean(estimator, on_policy()), on_policy().values)
    return Identity(
        value=value,
        near=_near(estimator) if value == UNKNOWN else "",
        stale_value=_named(_mean(estimator, stale()), stale().values),
        follows=_follows(estimator, on_policy()),
        stale_follows=_follows(estimator, stale()),
        zones=zones(estimator),
        looks_at_log_q=estimator.looks_at == "absolute",
    )


def _mean(estimator: Estimator, probe: Probe) -> float:
    moments = exact(probe.pair, estimator.term)
    return moments.mean if moments is not None else nan


def _named(mean: float, values: Mapping[str, float]) -> str:
    if abs(mean) < _SAME:
        return "0"
    return next((name for name, value in values.items() if abs(mean - value) <= _SAME * abs(value)), UNKNOWN)


def _near(estimator: Estimator) -> str:
    mean, values = _mean(estimator, near()), near().values
    close = [name for name in ("KL(q‖p)", "2·KL(q‖p)") if abs(mean / values[name] - 1) < _SECOND_ORDER]
    return close[0] if close and isfinite(mean) else ""


def _follows(estimator: Estimator, probe: Probe) -> dict[str, str]:
    return {name: _follows_in(estimator, probe, *place) for name, place in PLACES.items()}


def _follows_in(estimator: Estimator, probe: Probe, placement: Placement, weighting: Weighting) -> str:
    quantity = Quantity(estimator, place=Place(placement, weighting))
    if not quantity.exists:
        return ""
    gradients = probe.gradients
    names = follows(gradients.under_draws(quantity.term), estimator.term, gradients.under_q)
    return names[0] if names else UNKNOWN
