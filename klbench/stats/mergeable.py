"""What samples leave behind: sums that merge by addition, and beside them the largest sizes of what was summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from torch import Tensor

from klbench.stats.tail import Largest, above, none_yet


class Mergeable(Protocol):
    """What samples leave behind."""

    @property
    def count(self) -> int:
        """Of how many units: samples, or batches of them."""

    def merge(self, other: Self) -> Self:
        """What both leave behind."""


S = TypeVar("S", bound=Mergeable)


@dataclass(frozen=True)
class SumsAndTails(Generic[S]):
    """Sums over samples of several things, numbers or vectors, and the largest sizes of each."""

    sums: S
    largest: tuple[Largest, ...]

    @staticmethod
    def of(sums: S, sizes: Sequence[Tensor], units: int, seen: SumsAndTails[S] | None) -> SumsAndTails[S]:
        """Of some samples: their sums, and of the sizes [n] of each thing those that may still be among the largest.

        Args:
            units: how many there will be in all, which decides how many of the largest are kept.
            seen: what others have left; what cannot enter their largest any more is not kept.
        """
        largest = seen.largest if seen else (none_yet(units),) * len(sizes)
        return SumsAndTails(sums, tuple(above(size, kept) for size, kept in zip(sizes, largest, strict=True)))

    @property
    def count(self) -> int:
        """The number of units."""
        return self.sums.count

    def merge(self, other: SumsAndTails[S]) -> SumsAndTails[S]:
        """Both samples together."""
        largest = tuple(mine.merge(theirs) for mine, theirs in zip(self.largest, other.largest, strict=True))
        return SumsAndTails(self.sums.merge(other.sums), largest)
