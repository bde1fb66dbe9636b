"""Who keeps what a run has done, so that it can go on: the core hands over sums, the keeper sees to the files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from klbench.engines.record import Record
    from klbench.roads.merged import Merged


class Kept:
    """What is kept of one case; nothing by default. A case has a sample for each time that its draws are made;
    a whole run has its blocks from 0 on, a shard has many ranges of them."""

    def begins(self, blocks: Sequence[int]) -> None:
        """The case begins, whose samples have so many blocks."""

    def done(self, sample: int, first: int) -> Merged[Any] | None:
        """The blocks of a sample, by its number, from block ``first`` on that are done; None where there are none."""

    def keep(self, sample: int, first: int, merged: Merged[Any]) -> None:
        """More blocks of a sample are done: ``merged`` is all of them from block ``first`` on."""


KEPT_NOWHERE = Kept()


class Keeper:
    """Keeps what is done of a run; nothing by default."""

    def earlier(self) -> Sequence[Record]:
        """What the engines of earlier processes have done of the run."""
        return ()

    def case(self, number: int) -> Kept:  # noqa: ARG002
        """What is kept of the case of this number, from 0."""
        return KEPT_NOWHERE


NOTHING_KEPT = Keeper()
