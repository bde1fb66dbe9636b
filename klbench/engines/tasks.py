"""Cutting ranges of blocks into tasks: long enough to be worth sending, short enough for all workers to have some."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil

from klbench.roads.merged import STRETCH

SHORTEST = 0.5
"""Seconds that a task takes, about, and at least: sending it and fetching its sums takes milliseconds."""
_ROUNDS = 4
"""A whole stretch is one task where each worker has so many to come; else one would work while the others wait."""


@dataclass(frozen=True)
class Task:
    """Blocks to be measured together; ``whole`` if they are whole stretches, each to come back as one part."""

    numbers: range
    whole: bool


class Tasks:
    """Cuts ranges into tasks, one after another, by how long a block takes, which is told as it becomes known.

    Args:
        ranges: the numbers of blocks, rising; each range is within a stretch, or begins with one.
        workers: how many tasks run at once.
        in_stretches: whether whole stretches may come back as one part.
    """

    def __init__(self, ranges: Iterable[range], workers: int, *, in_stretches: bool) -> None:
        self._ranges = deque(one for one in ranges if one)
        self._left = sum(map(len, self._ranges))
        self._workers, self._in_stretches = workers, in_stretches
        self._seconds: float | None = None

    def took(self, blocks: int, seconds: float) -> None:
        """So many blocks took so long."""
        self._seconds = seconds / blocks

    def __iter__(self) -> Iterator[Task]:
        return self

    def __next__(self) -> Task:
        if not self._ranges:
            raise StopIteration
        numbers = self._ranges.popleft()
        count, whole = self._size(numbers)
        if count < len(numbers):
            self._ranges.appendleft(numbers[count:])
        self._left -= count
        return Task(numbers[:count], whole)

    def _size(self, numbers: range) -> tuple[int, bool]:
        """How many of these blocks the next task has, and whether they are whole stretches."""
        if self._seconds is None:
            return 1, False  # how long a block takes is not known yet
        wanted = max(1, ceil(SHORTEST / max(self._seconds, 1e-9)))
        to_boundary = STRETCH - numbers.start % STRETCH
        fair = max(1, self._left // (_ROUNDS * self._workers))
        stretches = min(len(numbers), max(wanted, STRETCH)) // STRETCH
        if self._in_stretches and to_boundary == STRETCH and stretches and fair >= STRETCH:
            return stretches * STRETCH, True
        return min(wanted, to_boundary, len(numbers)), False
