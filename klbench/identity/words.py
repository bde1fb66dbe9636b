"""An identity in words: one sentence for each fact about the estimator. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, isfinite
from typing import TYPE_CHECKING

from klbench.estimators.vocabulary import DTYPES
from klbench.identity.identity import Identity, Zone, Zones
from klbench.wording import few, joined

if TYPE_CHECKING:
    from klbench.identity.likeness import Likeness


def paragraph(identity: Identity) -> str:
    """The identity of an estimator, in one paragraph."""
    return " ".join(_sentence(finding) for finding in _findings(identity))


def _findings(identity: Identity) -> Iterator[str]:
    yield of_value(identity)
    yield of_gradients(identity)
    yield from of_breaks(identity)


def of_value(identity: Identity) -> str:
    """A clause on the divergence that the mean is."""
    if identity.value == "0":
        return "its value on samples of q is 0: it does not use p"
    if identity.value == "none":
        near = f", but agrees with {identity.near} while q and p are close" if identity.near else ""
        return f"its mean is none of the divergences klbench knows{near}"
    is_held = identity.stale_value == identity.value
    return f"its mean is {identity.value} on samples of q" + (", and on stale samples too" if is_held else "")


def of_gradients(identity: Identity) -> str:
    """A clause on what the gradient follows in the loss, in the reward, and in the loss × ratio."""
    follows, stale = identity.follows, identity.stale_follows
    if not identity.is_differentiable:
        loss = "in the loss it has no gradient, because autograd finds no path from log_q to the value"
        return f"{loss}; in the reward it follows {of_gradient(follows['reward'])}"
    text = f"in the loss it follows {of_gradient(follows['loss'])}, in the reward {of_gradient(follows['reward'])}"
    if follows["loss"] == follows["reward"]:
        text = f"in the loss and in the reward it follows {of_gradient(follows['loss'])}"
    weighted = f"× ratio, differentiated, the loss follows {of_gradient(follows['loss × ratio'])}"
    return f"{text}; {weighted}{_on_stale(follows, stale)}"


def _on_stale(follows: Mapping[str, str], stale: Mapping[str, str]) -> str:
    """A clause on which of the three still hold on stale samples."""
    names = {"loss": "the loss", "reward": "the reward", "loss × ratio": "the loss × ratio"}
    held = [text for key, text in names.items() if stale[key] == follows[key] and follows[key] != "none"]
    if not held:
        return "; on stale samples none of this holds"
    return f"; on stale samples that still holds of {' and '.join(held)}" + ("" if len(held) == 3 else " alone")


def of_gradient(follows: str) -> str:
    """The object of ``follows``: the gradient of a divergence, or nothing."""
    match follows:
        case "":
            return "nothing: there is no gradient"
        case "0":
            return "nothing: its mean gradient is 0"
        case "none":
            return "the gradient of no divergence"
        case "E_q[k]":
            return "the gradient of its own mean"
        case _ if follows.endswith("E_q[k]"):
            return f"the gradient of {follows}, a multiple of its own mean"
        case _:
            return f"the gradient of {follows}"


def of_breaks(identity: Identity) -> Iterator[str]:
    """Clauses on where clamps are active, the gradient is 0, kinks are, and results are not finite."""
    zones = identity.zones
    if identity.looks_at_log_q:
        yield "it uses log q itself, not only log r, so klbench cannot say at which log r it is clamped or has a kink"
    if zones.clamped:
        stops = ", and its gradient in the loss is 0 there" if zones.stopped == zones.clamped else ""
        yield f"a clamp is active where {of_zones(zones.clamped)}{stops}"
    if zones.stopped and zones.stopped != zones.clamped and identity.follows["loss"] != "0":
        yield f"its gradient in the loss is 0 where {of_zones(zones.stopped)}"
    bent = list(of_kinks(zones))
    if bent:
        yield f"it has a kink (a branch or a bound) at {' and at '.join(bent)}"
    broken = list(of_nonfinite(zones.nonfinite))
    if broken:
        yield f"its value or gradient is infinite or NaN where {', '.join(broken)}"
    refused = [dtype for dtype in DTYPES if dtype not in zones.nonfinite]
    if refused:
        yield f"it cannot be computed in {' or '.join(refused)}"


def of_kinks(zones: Zones) -> Iterator[str]:
    """Where value or slope bends or jumps: ``log r = −1.5 and 1.5``, ``q/sampler = 2``."""
    for name, places in (("log r", zones.kinks), ("q/sampler", zones.weight_kinks)):
        if places:
            yield f"{name} = {few([_number(place) for place in places])}"


def of_likeness(likeness: Likeness) -> str:
    """A sentence on the estimators that it is like."""
    if likeness.same:
        return f"It is identical to {joined(likeness.same)}."
    value, gradient = likeness.value_of, likeness.gradient_of
    if value and value == gradient:
        return f"Where no clamp is active it is identical to {value}; elsewhere it matches no other estimator."
    if value and gradient:
        return (
            f"No other estimator is the same. Where no clamp is active its value equals that of {value}, "
            f"its derivative that of {gradient}."
        )
    if value:
        return (
            f"No other estimator is the same. Where no clamp is active its value equals that of {value}; its "
            "derivative matches none."
        )
    if gradient:
        return (
            f"No other estimator is the same. Where no clamp is active its derivative equals that of {gradient}; its "
            "value matches none."
        )
    return "It matches no estimator that klbench knows."


def of_zones(where: Sequence[Zone]) -> str:
    """Intervals of log r: ``log r < −11 or log r > 2.611``."""
    return " or ".join(map(_interval, where))


def of_nonfinite(by_dtype: Mapping[str, Sequence[Zone]]) -> Iterator[str]:
    """The zones where a value or a gradient is infinite or NaN, with the dtypes that have them."""
    groups: dict[str, list[str]] = {}
    for dtype, where in by_dtype.items():
        if where:
            groups.setdefault(of_zones(where), []).append(dtype)
    for zones, dtypes in groups.items():
        yield f"{zones} in {' and '.join(dtypes)}"


def _interval(zone: Zone) -> str:
    low, high = zone
    if not isfinite(low):
        return f"log r < {_number(high)}" if isfinite(high) else "log r is anything"
    return f"log r > {_number(low)}" if high == inf else f"{_number(low)} < log r < {_number(high)}"


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
