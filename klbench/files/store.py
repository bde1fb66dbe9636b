"""blocks.sqlite: what a run has done, kept beside its results until these are written.

A store holds, for each sample of each case, one row: what its blocks have left behind, merged. So its size does not
grow with the number of blocks. A shard has a row for each of its ranges of blocks instead: these are merged when those
of the other shards are there. SQLite writes a row whole or not at all, whenever the process is killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
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
  case_number INTEGER NOT NULL, sample INTEGER NOT NULL, first INTEGER NOT NULL, blocks INTEGER NOT NULL,
  sums BLOB NOT NULL, PRIMARY KEY (case_number, sample, first)
);
CREATE TABLE records (process TEXT PRIMARY KEY, record TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Row:
    """What is kept of some blocks of a sample: how many they are, and what they left behind, as bytes."""

    blocks: int
    sums: bytes


Key = tuple[int, int, int]
"""The numbers of a case, of its sample and of the first block."""


@dataclass(frozen=True)
class Contents:
    """All that a store holds.

    Args:
        identity: what the run is of, by name; its words are the caller's.
        cases: by the number of a case that was begun, how many blocks all its samples have.
        samples: what is kept of each range of blocks.
        records: what each process that wrote here has to say of itself, in the order they began.
    """

    identity: Mapping[str, str] = field(default_factory=dict)
    cases: Mapping[int, int] = field(default_factory=dict)
    samples: Mapping[Key, Row] = field(default_factory=dict)
    records: Sequence[str] = ()


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
        with closing(_to_read(place)) as database:
            if not place.stat().st_size or not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return None  # a kill came between the file and its first transaction
            if database.execute("PRAGMA application_id").fetchone() != (_OURS,):
                raise UnreadableError("it is no store of klbench")
            if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise UnreadableError("it is torn")
            return Contents(
                dict(database.execute("SELECT name, value FROM identity")),
                dict(database.execute("SELECT number, blocks FROM cases")),
                {
                    (case, sample, first): Row(int(blocks), bytes(sums))
                    for case, sample, first, blocks, sums in database.execute("SELECT * FROM samples")
                },
                [str(record) for (record,) in database.execute("SELECT record FROM records ORDER BY rowid")],
            )
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise UnreadableError("it is torn, or no store") from error


def _to_read(place: Path) -> sqlite3.Connection:
    """A connection that asks for no right to write: a store that its process has closed may lie where there is none."""
    log = place.with_name(NAMES[1])
    if log.exists() and log.stat().st_size:
        return sqlite3.connect(place)  # a process was killed, or is at work: SQLite sees to its log
    return sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


class Store:
    """A store that is written to. It is made when there is something to keep.

    Raises:
        sqlite3.Error, OSError: by ``begin`` and ``put``, where nothing can be written.
    """

    def __init__(self, place: Path, identity: Mapping[str, str]) -> None:
        self.place, self._identity = place, identity
        self._database: sqlite3.Connection | None = None

    def put(self, cases: Mapping[int, int], rows: Mapping[Key, Row], process: str, record: str) -> None:
        """Keep rows, each in place of what was kept of its range, all of them or none.

        Args:
            cases: by the numbers of cases, how many blocks all their samples have.
            rows: what is kept.
            process: who writes, a name of its own.
            record: what it says of itself, in place of what it said before.
        """
        database = self._open()
        with database:
            database.executemany("INSERT OR REPLACE INTO cases VALUES (?, ?)", cases.items())
            values = [(*key, row.blocks, row.sums) for key, row in rows.items()]
            database.executemany("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?)", values)
            database.execute(
                "INSERT INTO records VALUES (?, ?) ON CONFLICT (process) DO UPDATE SET record = excluded.record",
                (process, record),
            )

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
