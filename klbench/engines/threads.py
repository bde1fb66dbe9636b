"""The engine of this process: blocks measured by threads, in order, a few at once.

Memory does not grow with the number of samples: a window of blocks is in flight, and only their sums remain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import chain
from typing import TypeVar

import torch

from klbench.engines.engine import Engine, Work
from klbench.engines.record import Record
from klbench.errors import RunError
from klbench.hardware import processor
from klbench.memory import LESS_MEMORY, is_out_of_memory, out_of_memory
from klbench.roads.blocks import Told
from klbench.roads.merged import Part
from klbench.stats.mergeable import Mergeable

_PATIENCE = 0.1
"""Seconds between two looks at blocks that take longer."""

T = TypeVar("T")
A = TypeVar("A", bound=Mergeable)


class Threads(Engine):
    """Measures so many blocks at once, each on one core."""

    def __init__(self, count: int) -> None:
        self._count, self._measured = count, 0

    def parts(
        self, work: Work[A], ranges: Iterable[range], seen: Callable[[], A | None], told: Told
    ) -> Iterator[Part[A]]:
        """See ``Engine``: a block is a part."""
        at_work = AtWork()

        def measure(number: int) -> Callable[[], Part[A]]:
            known, drawn = seen(), at_work.begin(number)
            return lambda: Part(number, 1, work.blocks.block(number, known, drawn))

        def waiting() -> None:
            told(at_work.drawn)

        for part in in_order(measure, chain.from_iterable(ranges), self._count, waiting):
            at_work.end(part.first)
            self._measured += 1
            yield part

    def record(self) -> Record:
        """See ``Engine``."""
        return Record("threads", self._count, self._measured, processors=(processor(),))

    @property
    def workers(self) -> int:
        """See ``Engine``."""
        return self._count


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
    task: Callable[[int], Callable[[], T]],
    numbers: Iterable[int],
    in_flight: int,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[T]:
    """The results of the tasks of these numbers in order, at most ``in_flight`` of them running at once.

    ``waiting`` is called now and then while the next result is awaited.

    ``task(number)`` is called in order, right before its result may start to be computed. Where memory runs out, the
    machine's or the device's, fewer are in flight from then on, and the task is done again: its result is the same.

    Raises:
        RunError: one task alone does not fit.
    """
    left, again = iter(numbers), deque[int]()

    def upcoming() -> Iterator[int]:
        while again:
            yield again.popleft()
        yield from left

    while True:
        running: deque[tuple[int, Future[T]]] = deque()
        try:
            yield from _in_order(task, upcoming(), in_flight, waiting, running)
            return
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if in_flight == 1:
                raise RunError(
                    f"{out_of_memory(error)}, in one block of samples",
                    help=[*LESS_MEMORY, "--device cpu, where a GPU is full"],
                ) from error
            in_flight //= 2
            again.extendleft(number for number, _ in reversed(running))
            torch.cuda.empty_cache()


def _in_order(
    task: Callable[[int], Callable[[], T]],
    numbers: Iterator[int],
    in_flight: int,
    waiting: Callable[[], None],
    running: deque[tuple[int, Future[T]]],
) -> Iterator[T]:
    """The results in order; ``running`` are those that were begun and not yielded, should one of them fail."""
    pool = block_threads(in_flight)
    try:
        for number in numbers:
            running.append((number, _begun(pool, task, number)))
            if len(running) > in_flight:
                yield _first(running, waiting)
        while running:
            yield _first(running, waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _begun(pool: ThreadPoolExecutor, task: Callable[[int], Callable[[], T]], number: int) -> Future[T]:
    """A task begun. One that cannot begin, because no thread can be had, fails in its turn as any other: it is not
    lost."""
    try:
        return pool.submit(task(number))
    except (MemoryError, RuntimeError) as error:
        failed: Future[T] = Future()
        failed.set_exception(error)
        return failed


def _first(running: deque[tuple[int, Future[T]]], waiting: Callable[[], None]) -> T:
    _, future = running[0]
    while not wait([future], timeout=_PATIENCE).done:
        waiting()
    result = future.result()
    running.popleft()
    return result


def block_threads(count: int) -> ThreadPoolExecutor:
    """Threads that measure blocks, each on one core."""
    # torch's limit holds where it is set: a new thread multiplies matrices on all cores, and sums differ with them
    return ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
