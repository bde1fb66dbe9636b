"""The rule by which two numbers are the same, differ by chance, or differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import copysign, inf, isfinite, isnan, nan

from klbench.compare.draws import Draws, error_of_difference
from klbench.report.field import SURPRISE

NOTICED = 3.0
"""Up to this |z| a difference is chance: it is beyond it once in 370 times."""
ROUNDING = 1e-6
"""Two numbers that differ by this share of the larger are one."""
ROUNDING_OF_ERROR = 0.02
"""So are, of the same draws, two that differ by this share of their error: nobody would read them otherwise."""
EXACT_ROUNDING = 1e-9
"""Exact shares of a true value that differ by less are one: they are known to that (``tolerances.ACCURACY``)."""


class Verdict(StrEnum):
    """What is to be thought of two numbers."""

    SAME = "same"
    CHANCE = "within chance"
    UNCLEAR = "perhaps different"
    DIFFERENT = "different"
    CHANGED = "the same draws: what is computed has changed"
    EXACT = "the exact value differs"
    NO_ERROR = "no error bar"
    ONLY_A = "only in the first"
    ONLY_B = "only in the second"
    CROSSED = "of another kind"
    UNJUDGED = "not judged"


AGREEING = frozenset((Verdict.SAME, Verdict.CHANCE))


@dataclass(frozen=True)
class Reading:
    """A number with its error, NaN where there is none, and the tail index of what is averaged."""

    value: float
    error: float = nan
    tail: float = -inf


@dataclass(frozen=True)
class Judged:
    """b - a, its error, how many of them it is, and the verdict; NaN where there is no such number.

    ``tolerated``: whether it is within what was allowed besides.
    """

    verdict: Verdict
    difference: float = nan
    error: float = nan
    z: float = nan
    tolerated: bool = False


def judged(
    a: Reading,
    b: Reading,
    draws: Draws,
    samples: tuple[int, int] = (1, 1),
    *,
    within: float = 0.0,
    is_share: bool = False,
) -> Judged:
    """What is to be thought of two measured numbers.

    Args:
        draws, samples: how their samples hang together, and how large they are.
        within: a difference that is tolerated: of a share (``is_share``) itself, of others as a share of the larger.
    """
    if one_is_missing := _missing(a.value, b.value):
        return Judged(one_is_missing)
    if a.value == b.value:
        return Judged(Verdict.SAME, 0.0, error_of_difference(a.error, b.error, draws, *samples), 0.0)
    difference, size = b.value - a.value, max(abs(a.value), abs(b.value))
    if not isfinite(difference):
        return Judged(Verdict.NO_ERROR, difference)
    tolerated = within > 0 and abs(difference) <= within * (1.0 if is_share else size)
    error = error_of_difference(a.error, b.error, draws, *samples)
    same_draws = draws is Draws.SAME
    unseen = ROUNDING_OF_ERROR * max(a.error, b.error) if same_draws and isfinite(error) else 0.0
    is_rounding = abs(difference) <= max(ROUNDING * size, unseen)
    z = nan if isnan(error) else _z(difference, error, is_rounding)
    if is_rounding and (same_draws or not abs(z) > NOTICED):
        verdict = Verdict.SAME
    elif same_draws:
        verdict = Verdict.CHANGED
    else:
        verdict = Verdict.NO_ERROR if isnan(z) else _by_size(z)
    return Judged(verdict, difference, error, z, tolerated)


def judged_exact(a: float, b: float, *, within: float = 0.0, is_share: bool = False) -> Judged:
    """What is to be thought of two numbers without an error: beyond rounding they differ by infinitely many."""
    if one_is_missing := _missing(a, b):
        return Judged(one_is_missing)
    difference, size = b - a, max(abs(a), abs(b))
    if a == b or abs(difference) <= max(ROUNDING * size, EXACT_ROUNDING * is_share) < inf:
        return Judged(Verdict.SAME, 0.0 if a == b else difference, 0.0, 0.0)
    tolerated = within > 0 and abs(difference) <= within * (1.0 if is_share else size) < inf
    return Judged(Verdict.EXACT, difference, 0.0, copysign(inf, difference), tolerated)


def _missing(a: float, b: float) -> Verdict | None:
    """Which of two, at least one of which is there, is not."""
    return Verdict.ONLY_B if isnan(a) else Verdict.ONLY_A if isnan(b) else None


def _z(difference: float, error: float, is_rounding: bool) -> float:
    if error > 0:
        return difference / error
    return 0.0 if is_rounding else copysign(inf, difference)


def _by_size(z: float) -> Verdict:
    if abs(z) > SURPRISE:
        return Verdict.DIFFERENT
    return Verdict.UNCLEAR if abs(z) > NOTICED else Verdict.CHANCE
