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
        help = ["a row needs a counted token with log-probabilities"]
        raise SpecError(f"{Path(source.paths[0]).name} has no sequence that can be measured", help=help)
    return Loaded(packed, opened.said, tuple(opened.notices), reading.facts, tuple(reading.skipped))
