"""A dump read: its rows cleaned and packed, and what was noticed of them on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from klbench.dumps.clean import Clean, clean
from klbench.dumps.facts import Facts
from klbench.dumps.packed import Packed, Packer
from klbench.dumps.read import open_dump
from klbench.errors import RunError, SpecError
from klbench.wording import counted

if TYPE_CHECKING:
    from klbench.dumps.read import OpenDump
    from klbench.dumps.source import Source


@dataclass(frozen=True)
class Loaded:
    """What the files of a source hold.

    Args:
        packed: the numbers.
        said: what the files are, in a sentence.
        notices: what was noticed while they were read.
        facts: what is known of the numbers, of their precision, their fillers and their groups.
        skipped: why each sequence was left out that could not be used.
    """

    packed: Packed
    said: str
    notices: tuple[str, ...]
    facts: Facts
    skipped: tuple[str, ...]


@dataclass
class _Reading:
    """The rows of a dump, cleaned one by one; what cannot be used is left out where that is asked for."""

    opened: OpenDump
    skip_bad: bool
    facts: Facts = field(default_factory=Facts)
    skipped: list[str] = field(default_factory=list)
    ends_in_zeros: int = 0

    def rows(self) -> Iterator[Clean]:
        for row in self.opened.rows():
            try:
                cleaned = clean(row)
            except SpecError as error:
                if not self.skip_bad:
                    raise
                self.skipped.append(error.message)
                continue
            self.facts.add(cleaned)
            self.ends_in_zeros += row.mask is None and _ends_in_zeros(cleaned)
            yield cleaned


def load(source: Source) -> Loaded:
    """Read all files of a source.

    Raises:
        SpecError: what is wrong with their content.
        RunError: what is wrong with the machine.
    """
    opened = open_dump([Path(path) for path in source.paths], dict(source.columns), source.seed)
    reading = _Reading(opened, source.skip_bad)
    try:
        packed = Packer(opened.roles, opened.known).add(reading.rows())
    except OSError as error:
        # what a file does not give is told where it is read: this is of what is written
        help = ["8 bytes for each log-probability and counted token", "TMPDIR=FOLDER takes another folder"]
        where = f"{gettempdir()} does not hold the numbers of {Path(source.paths[0]).name}"
        raise RunError(f"{where}: {error.strerror or error}", help=help) from error
    if not packed.sequences:
        help = [*reading.skipped[:1], "a row needs a counted token with log-probabilities"]
        raise SpecError(f"{Path(source.paths[0]).name} has no sequence that can be measured", help=help)
    said = opened.said if len(source.paths) == 1 else f"{len(source.paths)} files; {opened.said}"
    notices = [*opened.notices, *([_padding(reading.ends_in_zeros)] if reading.ends_in_zeros else [])]
    return Loaded(packed, said, tuple(notices), reading.facts, tuple(reading.skipped))


def _ends_in_zeros(row: Clean) -> bool:
    """Whether the last few log-probabilities are exactly 0 in every column, as padding is."""
    return len(row.positions) > _FEW and all(not values[-_FEW:].any() for values in row.log_probs.values())


_FEW = 3


def _padding(rows: int) -> str:
    return (
        f"{counted(rows, 'sequence')} without a mask ending in log-probabilities of exactly 0 in every column: if that "
        "is padding, it counts as tokens here. Give a mask: --mask COL."
    )
