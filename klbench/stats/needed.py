"""How many samples an error takes. No torch here."""

from __future__ import annotations

from math import ceil, inf, isfinite, isinf, isnan, nan

_LARGEST_WHOLE = 2.0**53
"""Above this float64 cannot hold every whole number, and a count of samples is not made whole."""


def least_samples(bias: float, stdev: float, within: float) -> float:
    """The least whole n ≥ 1 with bias² + stdev²/n ≤ within², in float64: inf where there is none, NaN where unknown."""
    if isinf(bias) or stdev == inf or abs(bias) > within:
        return inf
    if isnan(bias) or isnan(stdev):
        return nan
    room = (within - abs(bias)) * (within + abs(bias))  # within² − bias² as a product, which rounds less
    if stdev == 0:
        return 1
    if room <= 0 or not isfinite(stdev / room**0.5):
        return inf
    # Python raises where a square overflows, from 1.3e154 on
    needed = (stdev / room**0.5) ** 2 if stdev / room**0.5 < 1e150 else inf
    if not needed < _LARGEST_WHOLE:
        return needed
    # the quotient is rounded: whichever of its neighbours is the least is asked of the inequality itself
    guess = max(1, ceil(needed))
    return next(n for n in (guess - 1, guess, guess + 1) if n >= 1 and (_enough(n, stdev, room) or n > guess))


def _enough(count: int, stdev: float, room: float) -> bool:
    return stdev**2 / count <= room
