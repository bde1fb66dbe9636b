"""The sampling road: blocks of draws, each from its own numbered stream, merged in block order.

A block is the unit of work and part of the format: its size is fixed, its stream is derived from the seed, the case
and its number, and its moments are merged in the order of the numbers, so that the bytes are the same whatever runs
the blocks and however many at once. Memory does not grow with the number of samples: a window of blocks is in flight,
and only their moments and the tail's largest values remain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import TypeVar

import torch
from torch import Tensor

from klbench.distributions.stream import Stream
from klbench.errors import RunError
from klbench.memory import LESS_MEMORY, is_out_of_memory, out_of_memory
from klbench.roads.integrand import Integrand
from klbench.stats import moments
from klbench.stats.moments import Moments
from klbench.stats.tail import Largest, all_above, all_merged, none_yet

BLOCK = {"cpu": 2**18, "cuda": 2**20}
"""The samples of one block, by the kind of device. Part of the format: changing it changes every number."""

PILOT = 2**40
"""The number of the pilot's stream, beyond every block's."""

_CHUNK_NUMBERS = 2**19
_PATIENCE = 0.1
"""Seconds between two looks at blocks that take longer."""
T = TypeVar("T")

Told = Callable[[int], None]
"""Is told how many samples are drawn."""


def unheard(drawn: int) -> None:
    """Tell nobody."""


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


@dataclass(frozen=True)
class Sample:
    """What is left of the samples of K values: their moments and the largest |values| of each."""

    moments: Moments
    largest: tuple[Largest, ...]

    def merge(self, other: Sample) -> Sample:
        """Both samples together."""
        return Sample(self.moments.merge(other.moments), all_merged(self.largest, other.largest))


@dataclass(frozen=True)
class Sampling:
    """How to draw and measure the blocks of one case.

    Args:
        integrand: K terms, the first ``controls`` of which the others are regressed on.
        stream: the numbered stream of a block.
        shift: what the moments are taken about [K].
        controls: how many of the terms are controls.
    """

    integrand: Integrand
    stream: Callable[[int], Stream]
    shift: Tensor
    controls: int

    def block(self, number: int, count: int, seen: tuple[Largest, ...], told: Told = unheard) -> Sample:
        """The first ``count`` draws of block ``number``, measured; of the tails only what may still enter ``seen``."""
        stream = self.stream(number)
        sizes = heard(chunks(count, self._numbers), told)
        # merged one by one: if all were kept, they would lie between their freed draws and keep these from reuse
        return reduce(Sample.merge, (self._chunk(stream, size, seen) for size in sizes))

    def values(self, number: int, count: int) -> list[Tensor]:
        """The first ``count`` values of each term in block ``number``, on the CPU: K tensors [count]."""
        stream, base = self.stream(number), self.integrand.base
        whole = [torch.empty(count, dtype=torch.float64) for _ in self.integrand.terms]
        start = 0
        for size in chunks(count, self._numbers):
            for values, part in zip(whole, self.integrand.values(base.draw(stream, size)), strict=True):
                values[start : start + size] = part
            start += size
        return whole

    @property
    def _numbers(self) -> int:
        """How many numbers one draw is."""
        return prod(self.integrand.base.event_shape)

    def _chunk(self, stream: Stream, count: int, seen: tuple[Largest, ...]) -> Sample:
        values = self.integrand.values(self.integrand.base.draw(stream, count))
        tails = all_above(values, seen)
        return Sample(moments.of(values, self.shift, self.controls), tails)

    def run(self, samples: int, in_flight: int, told: Told = unheard) -> Iterator[Sample]:
        """Draw ``samples``, ``in_flight`` blocks at once, and yield the whole so far after each block.

        In between, ``told`` is told now and then how many are drawn, those of blocks at work with them.

        Raises:
            RunError: the device's memory does not hold even one block.
        """
        size = BLOCK[self.integrand.base.device.type]
        whole = Sample(self._nothing(), tuple(none_yet(samples) for _ in self.integrand.terms))
        at_work = AtWork()

        def measure(number: int) -> Callable[[], Sample]:
            seen, count, drawn = whole.largest, min(size, samples - number * size), at_work.begin(number)
            return lambda: self.block(number, count, seen, drawn)

        def waiting() -> None:
            told(whole.moments.count + at_work.drawn)

        for number, block in enumerate(in_order(measure, -(-samples // size), in_flight, waiting)):
            at_work.end(number)
            whole = whole.merge(block)
            yield whole

    def _nothing(self) -> Moments:
        count = len(self.integrand.terms)
        sums = torch.zeros(moments.POWERS + self.controls, count, dtype=torch.float64)
        return Moments(0, self.shift.cpu(), sums, torch.zeros(2, count, dtype=torch.int64))


def in_order(
    task: Callable[[int], Callable[[], T]], count: int, in_flight: int, waiting: Callable[[], None] = lambda: None
) -> Iterator[T]:
    """The results of ``count`` tasks in order, at most ``in_flight`` of them running at once.

    ``waiting`` is called now and then while the next result is awaited.

    ``task(number)`` is called in order, right before its result may start to be computed. Where memory runs out, the
    machine's or the device's, fewer are in flight from then on, and the task is done again: its result is the same.

    Raises:
        RunError: one task alone does not fit.
    """
    number = 0
    while number < count:
        try:
            for result in _in_order(task, number, count, in_flight, waiting):
                number += 1
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
    task: Callable[[int], Callable[[], T]], start: int, count: int, in_flight: int, waiting: Callable[[], None]
) -> Iterator[T]:
    running: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(in_flight)
    try:
        for number in range(start, count):
            if len(running) > in_flight:
                yield _awaited(running.popleft(), waiting)
            running.append(pool.submit(task(number)))
        while running:
            yield _awaited(running.popleft(), waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _awaited(future: Future[T], waiting: Callable[[], None]) -> T:
    while not wait([future], timeout=_PATIENCE).done:
        waiting()
    return future.result()


def chunks(count: int, numbers: int, unit: int = 1) -> Iterator[int]:
    """The sizes of pieces of ``count`` samples, in whole units, that are small where each sample is many numbers."""
    most = max(1, _CHUNK_NUMBERS // (max(1, numbers) * unit)) * unit
    for start in range(0, count, most):
        yield min(most, count - start)


def heard(sizes: Iterable[int], told: Told) -> Iterator[int]:
    """The same sizes; ``told`` is told of those that are drawn when the next one is asked for."""
    drawn = 0
    for size in sizes:
        yield size
        drawn += size
        told(drawn)
