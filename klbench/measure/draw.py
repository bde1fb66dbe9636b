"""Drawing the samples of a case: all of them, or those of one shard, by whatever engine, from where they were left."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from klbench.engines.engine import Engine, Work
from klbench.keeper import KEPT_NOWHERE, Kept
from klbench.measure.plan import Key, Pass, Sample
from klbench.measure.shard import Shard
from klbench.roads.blocks import Told, unheard
from klbench.roads.merged import Merged, Part

Enough = Callable[[Pass, Sample, int], bool]
"""Whether a pass may end after so many of its blocks."""


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn of a case, and how.

    Args:
        passes: those of the case, in order.
        elsewhere: measures blocks of a pass, by its number, in any process.
        engine: who measures blocks.
        kept: what is done already, and where more is kept.
        told: told now and then of how many samples are drawn.
    """

    passes: Sequence[Pass]
    elsewhere: Callable[..., tuple[Part[Any], ...]]
    engine: Engine
    kept: Kept = KEPT_NOWHERE
    told: Told = unheard

    def whole(self, on_block: Callable[[Sample, int], None], enough: Enough | None = None) -> Sample:
        """Draw all passes, one after another.

        ``on_block`` is told after each part how many samples are done. A pass ends when ``enough`` says so.

        Raises:
            RunError: the memory does not hold even one block.
            SpecError: a user's function cannot be used where the blocks are measured.
        """
        places: dict[Key, tuple[Pass, Merged[Any]]] = {}
        self.kept.begins([len(drawn.blocks) for drawn in self.passes])
        for number, drawn in enumerate(self.passes):
            before = number * drawn.blocks.samples
            for merged in self._measured(number, [range(len(drawn.blocks))], before, in_stretches=enough is None):
                places.update(dict.fromkeys(drawn.places, (drawn, merged)))
                on_block(Sample(places), (before + drawn.blocks.samples_in(merged)) // len(self.passes))
                if enough is not None and enough(drawn, Sample(places), merged.blocks):
                    break
        return Sample(places)

    def shard(self, shard: Shard) -> None:
        """Draw what a shard has of all passes; ``kept`` has it then.

        Raises:
            RunError, SpecError: as for the whole.
        """
        ranges = [list(shard.ranges(len(drawn.blocks))) for drawn in self.passes]
        self.kept.begins([sum(map(len, of_pass)) for of_pass in ranges])
        before = 0
        for number, (drawn, of_pass) in enumerate(zip(self.passes, ranges, strict=True)):
            deque(self._measured(number, of_pass, before, in_stretches=True), maxlen=0)
            before += sum(map(drawn.blocks.samples_of, of_pass))

    def _measured(
        self, number: int, ranges: Sequence[range], before: int, *, in_stretches: bool
    ) -> Iterator[Merged[Any]]:
        """What a range of a pass has so far: first what is kept of each, then after each of its parts."""
        blocks = self.passes[number].blocks
        done = {one.start: self.kept.done(number, one.start) or Merged() for one in ranges}
        yield from (merged for merged in done.values() if merged.blocks)
        # of one range it is what is done; of many, whatever order serves, as it only saves work
        seen = done[ranges[0].start] if len(ranges) == 1 else Merged()
        drawn = sum(map(blocks.samples_in, done.values()))

        def known() -> Any:
            return seen.largest_part

        def told(more: int) -> None:
            self.told((before + drawn + more) // len(self.passes))

        work = Work(blocks, partial(self.elsewhere, number), in_stretches)
        left = [one[done[one.start].blocks :] for one in ranges]
        for part in self.engine.parts(work, left, known, told):
            start = ranges[bisect_right(ranges, part.first, key=lambda one: one.start) - 1].start
            merged = done[start] = done[start].add(part.sums, part.blocks)
            seen = merged if len(ranges) == 1 else seen.add(part.sums)
            drawn += part.sums.count * blocks.accumulator.unit
            self.kept.keep(number, start, merged)
            told(0)
            yield merged
