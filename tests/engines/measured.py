"""All blocks measured by threads, for tests that need nothing of a run but its sums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from klbench.engines.engine import Work
from klbench.engines.threads import Threads
from klbench.roads.blocks import Blocks, Told, unheard
from klbench.roads.merged import Merged, Part


def measured(blocks: Blocks[Any], threads: int, told: Told = unheard) -> Iterator[Merged[Any]]:
    """What all blocks so far have left behind, after each."""
    merged: Merged[Any] = Merged()

    def elsewhere(*_: object) -> Any:
        raise AssertionError("threads measure here")

    def known() -> Any:
        return merged.largest_part

    work, whole = Work(blocks, elsewhere, in_stretches=True), [range(len(blocks))]
    for part in Threads(threads).parts(work, whole, known, told):
        merged = merged.add(part.sums, part.blocks)
        yield merged


def merged_by(parts: Iterable[Part[Any]]) -> Any:
    """What the blocks of parts have left behind, the first of them block 0."""
    merged: Merged[Any] = Merged()
    for part in parts:
        assert part.first == merged.blocks
        merged = merged.add(part.sums, part.blocks)
    return merged.left
