"""Where a distribution lives: an interval, a lattice of integers, or a named space."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nextafter
from sys import float_info


@dataclass(frozen=True)
class Interval:
    """The real numbers from ``low`` to ``high``; ``closed`` says whether the finite ends belong to it."""

    low: float = -inf
    high: float = inf
    closed: bool = True

    @property
    def is_the_line(self) -> bool:
        """Whether every number belongs to it."""
        return self.low == -inf and self.high == inf

    @property
    def interior(self) -> tuple[float, float]:
        """The numbers next to the ends, where a density may be 0 or infinite; at 0 the smallest normal one, since
        those below it have fewer digits."""
        return float_info.min if self.low == 0 else nextafter(self.low, inf), nextafter(self.high, -inf)

    def covers(self, other: Support) -> bool:
        """Whether this holds all of ``other`` up to a null set (so the ends do not matter)."""
        return isinstance(other, Interval) and self.low <= other.low and other.high <= self.high

    def __str__(self) -> str:
        left, right = ("[", "]") if self.closed else ("(", ")")
        return f"{left if self.low > -inf else '('}{self.low:g}, {self.high:g}{right if self.high < inf else ')'}"


@dataclass(frozen=True)
class Lattice:
    """The integers from ``low`` to ``high``, both included where finite."""

    low: float = 0
    high: float = inf

    def covers(self, other: Support) -> bool:
        """Whether every integer of ``other`` is one of these."""
        return isinstance(other, Lattice) and self.low <= other.low and other.high <= self.high

    def __str__(self) -> str:
        return "{" + f"{self.low:g}, ..., {self.high:g}" + "}"


@dataclass(frozen=True)
class Space:
    """A support of more than one dimension, known by its description; equal descriptions are equal supports."""

    description: str

    def covers(self, other: Support) -> bool:
        """Whether the two are the same space by name."""
        return self == other

    def __str__(self) -> str:
        return self.description


Support = Interval | Lattice | Space


def hull(supports: list[Support]) -> Support:
    """The smallest support of the same sort that holds all of them; spaces that differ are only named together."""
    first = supports[0]
    if all(support == first for support in supports):
        return first
    intervals = [support for support in supports if isinstance(support, Interval)]
    if len(intervals) == len(supports):
        return Interval(
            min(support.low for support in intervals),
            max(support.high for support in intervals),
            closed=any(support.closed for support in intervals),
        )
    lattices = [support for support in supports if isinstance(support, Lattice)]
    if len(lattices) == len(supports):
        return Lattice(min(support.low for support in lattices), max(support.high for support in lattices))
    return Space(" or ".join(sorted({str(support) for support in supports})))
