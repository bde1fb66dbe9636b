"""The block loop: numbered blocks of samples, measured and merged in block order, whatever runs them.

A block is the unit of work and part of the format: its size is fixed, its samples are decided by the seed, the problem
and its number, and what blocks leave behind is merged in the order of the numbers, so that the bytes are the same
whatever runs the blocks and however many at once. Memory does not grow with the number of samples: a window of blocks
is in flight, and only what they leave behind remains.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Generic, TypeVar

import torch
from torch import Tensor

from klbench.errors import RunError
from klbench.memory import LESS_MEMORY, is_out_of_memory, out_of_memory
from klbench.problems.problem import Problem
from klbench.roads.merged import Merged
from klbench.stats.mergeable import Mergeable

if TYPE_CHECKING:
    from klbench.stats.lengths import SampledVector
    from klbench.stats.moments import SampledValue

BLOCK = {"cpu": 2**18, "cuda": 2**20}
"""The samples of one block, by the kind of device. Part of the format: changing it changes every number."""

PILOT = 2**40
"""The number of the pilot's stream, beyond every block's."""

_CHUNK_NUMBERS = 2**19
"""So many numbers are at work at once: a few MiB, which the caches and the allocator like."""
_PATIENCE = 0.1
"""Seconds between two looks at blocks that take longer."""

T = TypeVar("T")
Told = Callable[[int], None]
"""Is told how many samples are drawn."""


def unheard(drawn: int) -> None:
    """Tell nobody."""


A = TypeVar("A", bound=Mergeable)


class Accumulator(ABC, Generic[A]):
    """What is kept of samples: sums of numbers, sums of vectors, or counts.

    Attributes:
        unit: how many samples make one unit, such as a batch that shares a baseline.
        numbers: how many numbers one sample is while it is measured.
    """

    unit = 1
    numbers: int

    @abstractmethod
    def measure(self, problem: Problem, x: Tensor, seen: A | None) -> A:
        """What the samples x leave behind. ``seen``, what others have left, may save work; it changes no result."""

    @abstractmethod
    def sampled(self, whole: A, index: int) -> SampledValue | SampledVector:
        """One of the quantities, as sampled."""


@dataclass(frozen=True)
class Blocks(Generic[A]):
    """The blocks of a number of samples.

    Args:
        problem: where the samples come from.
        seed: which of its samples.
        samples: how many are asked for; what does not fill a unit is left out.
        accumulator: what is kept of them.
    """

    problem: Problem
    seed: int
    samples: int
    accumulator: Accumulator[A]

    @property
    def total(self) -> int:
        """How many samples are drawn, in whole units."""
        unit = self.accumulator.unit
        there = self.samples if self.problem.units is None else min(self.samples, self.problem.units)
        return there // unit * unit

    @property
    def size(self) -> int:
        """How many samples a full block has, in whole units."""
        unit = self.accumulator.unit
        # a batch is never cut in two by the end of a block
        return max(BLOCK[self.problem.device.type] // unit, 1) * unit

    def __len__(self) -> int:
        return -(-self.total // self.size)

    def block(self, number: int, seen: A | None = None, told: Told = unheard) -> A:
        """What block ``number`` leaves behind."""
        draw = self.problem.block(self.seed, number)
        count = min(self.size, self.total - number * self.size)
        sizes = _heard(chunks(count, self.accumulator.numbers, self.accumulator.unit), told)
        # merged one by one: if all were kept, they would lie between their freed draws and keep these from reuse
        parts = (self.accumulator.measure(self.problem, draw(size), seen) for size in sizes)
        return reduce(lambda one, other: one.merge(other), parts)

    def run(self, in_flight: int, told: Told = unheard, done: Merged[A] | None = None) -> Iterator[Merged[A]]:
        """Measure ``in_flight`` blocks at once, and yield what all so far have left behind after each block.

        In between, ``told`` is told now and then how many samples are drawn, those of blocks at work with them.
        ``done`` are the first blocks, where they were measured before: the run goes on after them.

        Raises:
            RunError: the memory does not hold even one block.
        """
        merged: Merged[A] = done or Merged()
        at_work = AtWork()

        def measure(number: int) -> Callable[[], A]:
            seen, drawn = merged.largest_part, at_work.begin(number)
            return lambda: self.block(number, seen, drawn)

        def waiting() -> None:
            told(merged.count * self.accumulator.unit + at_work.drawn)

        numbers = range(merged.blocks, len(self))
        for number, block in zip(numbers, in_order(measure, numbers, in_flight, waiting), strict=True):
            at_work.end(number)
            merged = merged.add(block)
            yield merged


class AtWork:
    """How many samples the blocks at work have drawn: a thread writes of its own block, whoever waits reads of all."""

    def __init__(self) -> None:
        self._drawn: dict[int, int] = {}

    def begin(self, number: int) -> Told:
        """A block begins, or begins again; what is returned is told of its draws."""
        self._drawn[number] = 0

        def told(drawn: int) -> None:
            self._drawn[number] = drawn

        return told

    def end(self, number: int) -> None:
        """A block is done, and counted elsewhere."""
        del self._drawn[number]

    @property
    def drawn(self) -> int:
        """The samples of all blocks at work."""
        return sum(list(self._drawn.values()))


def in_order(
    task: Callable[[int], Callable[[], T]], numbers: range, in_flight: int, waiting: Callable[[], None] = lambda: None
) -> Iterator[T]:
    """The results of the tasks of these numbers in order, at most ``in_flight`` of them running at once.

    ``waiting`` is called now and then while the next result is awaited.

    ``task(number)`` is called in order, right before its result may start to be computed. Where memory runs out, the
    machine's or the device's, fewer are in flight from then on, and the task is done again: its result is the same.

    Raises:
        RunError: one task alone does not fit.
    """
    while numbers:
        try:
            for result in _in_order(task, numbers, in_flight, waiting):
                numbers = numbers[1:]
                yield result
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if in_flight == 1:
                raise RunError(
                    f"{out_of_memory(error)}, in one block of samples",
                    help=[*LESS_MEMORY, "--device cpu, where a GPU is full"],
                ) from error
            in_flight //= 2
            torch.cuda.empty_cache()


def _in_order(
    task: Callable[[int], Callable[[], T]], numbers: range, in_flight: int, waiting: Callable[[], None]
) -> Iterator[T]:
    running: deque[Future[T]] = deque()
    pool = block_threads(in_flight)
    try:
        for number in numbers:
            if len(running) > in_flight:
                yield _awaited(running.popleft(), waiting)
            running.append(pool.submit(task(number)))
        while running:
            yield _awaited(running.popleft(), waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def block_threads(count: int) -> ThreadPoolExecutor:
    """Threads that measure blocks, each on one core."""
    # torch's limit holds where it is set: a new thread multiplies matrices on all cores, and sums differ with them
    return ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))


def _awaited(future: Future[T], waiting: Callable[[], None]) -> T:
    while not wait([future], timeout=_PATIENCE).done:
        waiting()
    return future.result()


def chunks(count: int, numbers: int, unit: int = 1) -> Iterator[int]:
    """The sizes of pieces of ``count`` samples, in whole units, that are small where each sample is many numbers."""
    most = max(1, _CHUNK_NUMBERS // (max(1, numbers) * unit)) * unit
    for start in range(0, count, most):
        yield min(most, count - start)


def _heard(sizes: Iterable[int], told: Told) -> Iterator[int]:
    """The same sizes; ``told`` is told of those that are drawn when the next one is asked for."""
    drawn = 0
    for size in sizes:
        yield size
        drawn += size
        told(drawn)
