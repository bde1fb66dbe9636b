"""An identity in words: what a person is told of an estimator, a sentence for each thing found. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, isfinite

Zone = tuple[float, float]


def of_value(value: str, near: str, stale_value: str) -> str:
    """What the mean estimates."""
    if value == "0":
        return "its value on samples of q is 0: it does not look at p"
    if value == "none":
        second = f", but agrees with {near} while q and p are close" if near else ""
        return f"its mean is none of the divergences klbench knows{second}"
    held = " on samples of q" if stale_value != value else ", on stale samples too"
    return f"its mean is {value}{held}"


def of_gradient(place: str, follows: str) -> str:
    """What the gradient in one place descends."""
    if not follows:
        return f"as {place} it has no gradient"
    if follows == "0":
        return f"as {place} its expected gradient is 0"
    if follows == "none":
        return f"as {place} it follows the gradient of no divergence"
    if follows == "E_q[k]":
        return f"as {place} it follows the gradient of its own expectation"
    return f"as {place} it follows ∇{follows}"


def of_zones(where: Sequence[Zone]) -> str:
    """Intervals of log r: ``log r < −11 or log r > 2.611``."""
    return " or ".join(map(_interval, where))


def _interval(zone: Zone) -> str:
    low, high = zone
    if not isfinite(low):
        return f"log r < {_number(high)}" if isfinite(high) else "every log r"
    return f"log r > {_number(low)}" if high == inf else f"{_number(low)} < log r < {_number(high)}"


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def of_nonfinite(by_dtype: Mapping[str, Sequence[Zone]]) -> Iterator[str]:
    """Where a value or a gradient is infinite or NaN, the dtypes that agree together."""
    groups: dict[str, list[str]] = {}
    for dtype, where in by_dtype.items():
        if where:
            groups.setdefault(of_zones(where), []).append(dtype)
    for where_text, dtypes in groups.items():
        yield f"infinite or NaN, value or gradient, where {where_text} ({', '.join(dtypes)})"
