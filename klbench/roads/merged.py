"""What blocks have left behind, merged in the order that the format fixes, so that it can stop and go on anywhere.

Sums of floats depend on the order of the additions. So the order is part of the format: blocks are merged one after
another to a stretch of ``STRETCH`` blocks, and stretches one after another to the whole. Whoever has a stretch of its
own, another machine or a shard, can merge it alone and hand over one sum, and every digit is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from klbench.stats.mergeable import Mergeable

STRETCH = 64
"""The blocks of one stretch. Part of the format: changing it changes the last digits of long runs."""

A = TypeVar("A", bound=Mergeable)


@dataclass(frozen=True)
class Part(Generic[A]):
    """Consecutive blocks, measured: one block, or a whole stretch.

    Args:
        first: the number of the first.
        blocks: how many there are, 1 or ``STRETCH``.
        sums: what they have left behind, merged.
    """

    first: int
    blocks: int
    sums: A


@dataclass(frozen=True)
class Merged(Generic[A]):
    """The first ``blocks`` blocks.

    Args:
        blocks: how many there are.
        stretches: those of whole stretches, merged; None before the first stretch is whole.
        rest: those after them, merged; None where there are none.
    """

    blocks: int = 0
    stretches: A | None = None
    rest: A | None = None

    def add(self, sums: A, blocks: int = 1) -> Merged[A]:
        """With the next block, or with the next stretch where the last one is whole."""
        if blocks == STRETCH:
            assert self.rest is None, "a stretch begins where one ends"
            return Merged(self.blocks + blocks, _both(self.stretches, sums))
        blocks, rest = self.blocks + 1, _both(self.rest, sums)
        if blocks % STRETCH:
            return Merged(blocks, self.stretches, rest)
        return Merged(blocks, _both(self.stretches, rest))

    def followed_by(self, other: Merged[A]) -> Merged[A]:
        """With the blocks of ``other``, no more than a stretch, that come next."""
        if other.rest is None:
            return self if other.stretches is None else self.add(other.stretches, other.blocks)
        if other.blocks == 1:
            return self.add(other.rest)
        assert self.rest is None, "a stretch begins where one ends"
        return Merged(self.blocks + other.blocks, self.stretches, other.rest)

    @cached_property
    def left(self) -> A:
        """What all of them have left behind; there must be one."""
        if self.stretches is None or self.rest is None:
            left = self.stretches if self.rest is None else self.rest
            assert left is not None
            return left
        return self.stretches.merge(self.rest)

    @property
    def largest_part(self) -> A | None:
        """What most of them have left, without the work of merging: a hint of what the largest values are."""
        return self.stretches or self.rest

    @property
    def count(self) -> int:
        """The units of all of them."""
        return sum(part.count for part in (self.stretches, self.rest) if part is not None)


def _both(one: A | None, other: A) -> A:
    return other if one is None else one.merge(other)
