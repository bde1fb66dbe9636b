"""What an engine is asked for, and what it gives: the sums of blocks, in the order of their numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from klbench.engines.record import Record
from klbench.roads.blocks import Blocks, Told
from klbench.roads.merged import Part
from klbench.stats.mergeable import Mergeable

A = TypeVar("A", bound=Mergeable)
Elsewhere = Callable[[range, bool], tuple[Part[Any], ...]]
"""Measures blocks of these numbers in any process, merged to stretches if it is told to; it pickles."""


@dataclass(frozen=True)
class Work(Generic[A]):
    """The blocks of one sample, to be measured.

    Args:
        blocks: for whoever shares this process's memory.
        elsewhere: for whoever does not.
        in_stretches: whether a whole stretch may come back as one part; not where a run may stop inside it.
    """

    blocks: Blocks[A]
    elsewhere: Elsewhere
    in_stretches: bool


class Engine(ABC):
    """Measures blocks."""

    @abstractmethod
    def parts(
        self, work: Work[A], ranges: Iterable[range], seen: Callable[[], A | None], told: Told
    ) -> Iterator[Part[A]]:
        """The sums of the blocks of these ranges, in their order, as they become known.

        Args:
            work: the sample the blocks are of.
            ranges: the numbers of the blocks, rising; each range is of one block, or begins with a stretch.
            seen: what is known so far, which may save work.
            told: told now and then how many samples are drawn by blocks that are not known yet.

        Raises:
            RunError: the memory does not hold even one block; or no worker can measure them.
            SpecError: a worker cannot use a user's function.
        """

    @abstractmethod
    def record(self) -> Record:
        """What it has done so far."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many blocks it measures at once."""
