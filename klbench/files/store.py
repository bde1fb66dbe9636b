"""blocks.sqlite: what a run has done, kept beside its results until these are written.

A store holds, for each sample of each case, one row: what its blocks have left behind, merged. So its size does not
grow with the number of blocks. SQLite writes a row whole or not at all, whenever the process is killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

NAME = "blocks.sqlite"
NAMES = (NAME, f"{NAME}-wal", f"{NAME}-shm")
"""The files of a store: SQLite has two more while it is in use, and after a kill."""
_OURS = 0x6B6C6264
"""SQLite's application_id: ``klbd``."""
_TABLES = """
CREATE TABLE identity (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE cases (number INTEGER PRIMARY KEY, blocks INTEGER NOT NULL);
CREATE TABLE samples (
  case_number INTEGER NOT NULL, sample INTEGER NOT NULL, blocks INTEGER NOT NULL, sums BLOB NOT NULL,
  PRIMARY KEY (case_number, sample)
);
"""


@dataclass(frozen=True)
class Row:
    """What is kept of one sample: how many of its blocks, and what they left behind, as bytes."""

    blocks: int
    sums: bytes


@dataclass(frozen=True)
class Contents:
    """All that a store holds.

    Args:
        identity: what the run is of, by name; its words are the caller's.
        cases: by the number of a case that was begun, how many blocks all its samples have.
        samples: by the numbers of a case and of its sample, what is kept of it.
    """

    identity: Mapping[str, str] = field(default_factory=dict)
    cases: Mapping[int, int] = field(default_factory=dict)
    samples: Mapping[tuple[int, int], Row] = field(default_factory=dict)


class UnreadableError(Exception):
    """A file that is no store, or a torn one."""


def read(place: Path) -> Contents | None:
    """What a store holds; None where there is none.

    Raises:
        UnreadableError: it is no store of klbench, or torn.
    """
    if not place.exists():
        return None
    try:
        with closing(sqlite3.connect(place)) as database:
            if not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return None  # a kill came between the file and its first transaction
            if database.execute("PRAGMA application_id").fetchone() != (_OURS,):
                raise UnreadableError("it is no store of klbench")
            if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise UnreadableError("it is torn")
            return Contents(
                dict(database.execute("SELECT name, value FROM identity")),
                dict(database.execute("SELECT number, blocks FROM cases")),
                {
                    (case, sample): Row(int(blocks), bytes(sums))
                    for case, sample, blocks, sums in database.execute("SELECT * FROM samples")
                },
            )
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise UnreadableError("it is torn, or no store") from error


class Store:
    """A store that is written to. It is made when there is something to keep.

    Raises:
        sqlite3.Error, OSError: by ``begin`` and ``put``, where nothing can be written.
    """

    def __init__(self, place: Path, identity: Mapping[str, str]) -> None:
        self.place, self._identity = place, identity
        self._database: sqlite3.Connection | None = None

    def put(self, case: int, blocks_of_case: int, sample: int, row: Row) -> None:
        """Keep ``row`` of a sample, in place of what was kept of it."""
        database = self._open()
        with database:
            database.execute("INSERT OR REPLACE INTO cases VALUES (?, ?)", (case, blocks_of_case))
            database.execute("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?)", (case, sample, row.blocks, row.sums))

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self) -> sqlite3.Connection:
        if self._database is not None:
            return self._database
        self.place.parent.mkdir(parents=True, exist_ok=True)
        # other threads never use it at the same time: a run keeps from one of them
        database = sqlite3.connect(self.place, isolation_level="DEFERRED")
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            if database.execute("PRAGMA application_id").fetchone() != (_OURS,):
                # all in one transaction: a kill leaves a whole store or none
                database.executescript(f"BEGIN; PRAGMA application_id = {_OURS}; {_TABLES}")
                with database:
                    database.executemany("INSERT INTO identity VALUES (?, ?)", self._identity.items())
        except BaseException:
            database.close()
            raise
        self._database = database
        return database


def remove(place: Path) -> None:
    """Remove a store, if there is one."""
    for name in NAMES:
        with suppress(FileNotFoundError):
            place.with_name(name).unlink()
