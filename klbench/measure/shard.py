"""A shard of a run: every N-th range of its blocks, to be measured by itself and merged with the others later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from klbench.errors import SpecError
from klbench.roads.merged import STRETCH

MOST_SHARDS = 100_000
_STRETCHES_EACH = 4
"""With fewer stretches for each shard than that, shards take single blocks: else one may have twice another's work."""
_WRITTEN = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)


@dataclass(frozen=True)
class Shard:
    """Shard ``number`` of ``of``, counted from 1."""

    number: int
    of: int

    @staticmethod
    def read(text: str) -> Shard:
        """The shard written ``2/8``.

        Raises:
            SpecError: it is not one.
        """
        found = _WRITTEN.fullmatch(text.strip())
        shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
        if not 1 <= shard.number <= shard.of <= MOST_SHARDS:
            help = [f"I/N, both whole numbers, I from 1 to N and N at most {MOST_SHARDS:,}: 2/8 is the second of eight"]
            raise SpecError(f"{text!r} is not a shard", help=help)
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def ranges(self, blocks: int) -> Iterator[range]:
        """The ranges of this shard, of so many blocks: whole stretches, but the last; of few blocks, single ones."""
        length = length_of_ranges(blocks, self.of)
        for first in range((self.number - 1) * length, blocks, self.of * length):
            yield range(first, min(first + length, blocks))


def length_of_ranges(blocks: int, shards: int) -> int:
    """How many blocks are together in one shard. Part of the format of a shard's store."""
    return STRETCH if blocks >= _STRETCHES_EACH * STRETCH * shards else 1
