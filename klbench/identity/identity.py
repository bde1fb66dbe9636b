"""An identity: what an estimator really is, as data. No torch here, so that ``klbench explain`` can read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from klbench.estimators.vocabulary import Placement, Weighting, placed

Zone = tuple[float, float]
"""From one log_ratio to another; an end is infinite if the zone reaches the farthest point that is examined."""

UNKNOWN = "none"

PLACES: Mapping[str, tuple[Placement, Weighting]] = {
    "loss": ("loss", "none"),
    "loss × ratio": ("loss", "ratio"),
    "loss × detached": ("loss", "detached"),
    "reward": ("reward", "none"),
    "reward × ratio": ("reward", "ratio"),
}
"""Every place in which an estimator is examined, with its placement and weighting. In the reward a ratio is not
differentiated, so × detached is the same there."""


def place(placement: str, weighting: str) -> str:
    """The key of a placement and a weighting in ``PLACES``: of one token a weight that is its sequence's is its own."""
    in_reward = placement == "reward" and weighting != "none"
    return placed(placement, "ratio" if in_reward else weighting.partition("-")[0])


@dataclass(frozen=True)
class Zones:
    """Intervals and points of log_ratio, in order, and points of q/sampler.

    Args:
        clamped: where a clamp is active.
        stopped: where the gradient of the loss is 0 (single points left out).
        nonfinite: where the value, or the gradient of the loss, is infinite or NaN, in each dtype it can be computed
            in.
        kinks: the log_ratios, not an end of any of these, at which value or slope bends or jumps.
        weight_kinks: the values of q/sampler at which they do.
    """

    clamped: tuple[Zone, ...]
    stopped: tuple[Zone, ...]
    nonfinite: Mapping[str, tuple[Zone, ...]]
    kinks: tuple[float, ...] = ()
    weight_kinks: tuple[float, ...] = ()


@dataclass(frozen=True)
class Identity:
    """The identity of an estimator.

    Args:
        value: the divergence its mean is on samples of q; ``none`` for none of the list.
        near: if it is none, the divergence that its mean agrees with to second order.
        stale_value: the divergence its mean is on stale samples.
        follows: by place, what its gradient is the gradient of on samples of q; '' where it has no gradient.
        stale_follows: the same on stale samples.
        zones: where a clamp is active, the gradient is 0 or has a kink, or the result is NaN or infinite; of one that
            uses log q itself only the last, at log q = 0.
        looks_at_log_q: whether it is more than a function of differences of log-probabilities.
    """

    value: str
    near: str
    stale_value: str
    follows: Mapping[str, str]
    stale_follows: Mapping[str, str]
    zones: Zones
    looks_at_log_q: bool = False

    @property
    def is_differentiable(self) -> bool:
        """Whether autograd can differentiate the estimator."""
        return bool(self.follows["loss"])

    def to_json(self) -> dict[str, Any]:
        """The fields for JSON: zones to six digits, their infinite ends as None."""
        written = asdict(self)
        written["zones"] = {
            "clamped": _written(self.zones.clamped),
            "stopped": _written(self.zones.stopped),
            "nonfinite": {dtype: _written(where) for dtype, where in self.zones.nonfinite.items()},
            "kinks": list(self.zones.kinks),
            "weight_kinks": list(self.zones.weight_kinks),
        }
        return written

    @staticmethod
    def from_json(written: Mapping[str, Any]) -> Identity:
        """The identity that ``to_json`` has written; other fields are ignored."""
        zones = written["zones"]
        read = Zones(
            _read(zones["clamped"]),
            _read(zones["stopped"]),
            {dtype: _read(where) for dtype, where in zones["nonfinite"].items()},
            tuple(zones["kinks"]),
            tuple(zones["weight_kinks"]),
        )
        mine = {field.name: written[field.name] for field in fields(Identity)}
        return Identity(**{**mine, "zones": read})


# places too: an end at 0 is found to some 1e-17, of which six digits would be kept
_DIGITS, _PLACES = 6, 9
_INFINITE = float("inf")


def _written(where: Sequence[Zone]) -> list[list[float | None]]:
    return [
        [None if abs(end) == _INFINITE else round(float(f"{end:.{_DIGITS}g}"), _PLACES) for end in zone]
        for zone in where
    ]


def _read(where: Sequence[Sequence[float | None]]) -> tuple[Zone, ...]:
    return tuple((-_INFINITE if low is None else low, _INFINITE if high is None else high) for low, high in where)
