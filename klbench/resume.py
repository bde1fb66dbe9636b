"""Going on with a run that was cut off: what its store must be of, what is there, and keeping more as it is done."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch

from klbench.distributions.named_files import digest
from klbench.engines.record import Record
from klbench.estimators.catalogue import find
from klbench.files import store
from klbench.files.store import Contents, Key, Row, Store, UnreadableError
from klbench.keeper import Keeper, Kept
from klbench.roads.merged import STRETCH, Merged
from klbench.roads.stored import from_bytes, to_bytes
from klbench.spec.model import Spec
from klbench.users.code import code_of
from klbench.users.estimator import UserFunction
from klbench.versions import __version__
from klbench.wording import counted

_SECONDS_BETWEEN = 0.5
"""A store is written so often at most; what was done since is lost by a kill, as is what is in flight."""
_WORDS = {
    "format": "another form",
    "version": "another version of klbench",
    "torch": "another version of torch",
    "device": "another device",
    "seed": "another seed",
    "spec": "another spec",
    "code": "other code of your functions",
    "files": "another content of the files that the spec names",
    "data": "other files of log-probabilities, or they have changed",
    "shard": "another shard",
}
"""What a store is of when an entry of its identity is not this run's, in the order it is looked at."""


def identity_of(spec: Spec, device: str, shard: str = "") -> Mapping[str, str]:
    """All that decides what the blocks of a run leave behind, or of a shard of it, for a kind of device."""
    functions = [function.name for name in spec.estimators if isinstance(function := find(name).joint, UserFunction)]
    return {
        "format": f"2, stretches of {STRETCH}",
        "version": __version__,
        "torch": str(torch.__version__),
        "device": device,
        "seed": str(spec.seed),
        "spec": spec.to_yaml(),
        "code": code_of(functions),
        "files": digest(spec.files()),
        "data": str([source.stamps() for source in spec.sources()]),
        "shard": shard,
    }


@dataclass
class FileKeeper(Keeper):
    """Keeps a run, or a shard of one, in a store.

    Args:
        cases: how many it has.
        store: where more is put.
        blocks: by the number of a case that an earlier process began, how many blocks all its samples have.
        found: what is done of each range of blocks, by the numbers of its case, its sample and its first block.
        history: what earlier processes have to say of themselves.
        record: what this one says.
        failed: told once when no more can be kept, and why.
    """

    cases: int
    store: Store
    blocks: dict[int, int]
    found: Mapping[Key, Merged[Any]]
    history: Sequence[Record]
    record: Callable[[], Record]
    failed: Callable[[str], None]
    _process: str = field(default_factory=lambda: uuid4().hex)
    _waiting: dict[Key, Merged[Any]] = field(default_factory=dict)
    _put: dict[Key, int] = field(default_factory=dict)
    _written: float = field(default_factory=time.perf_counter)
    _works: bool = True

    def __post_init__(self) -> None:
        self._put = {key: merged.blocks for key, merged in self.found.items()}

    def earlier(self) -> Sequence[Record]:
        """See ``Keeper``."""
        return self.history

    def case(self, number: int) -> Kept:
        """See ``Keeper``."""
        return _Case(self, number)

    @property
    def progress(self) -> tuple[int, int]:
        """How many blocks are kept, and how many there are in all, as far as can be told."""
        begun = list(self.blocks.values())
        return sum(self._put.values()), sum(begun) + (self.cases - len(begun)) * (begun[-1] if begun else 0)

    @property
    def here(self) -> str:
        """``312 of 1,000 blocks are here, 688 to run``; empty where none are."""
        done, total = self.progress
        are = "is" if total == 1 else "are"
        return f"{done:,} of {counted(total, 'block')} {are} here, {total - done:,} to run" if done else ""

    def begins(self, case: int, blocks: int) -> None:
        """A case begins, whose samples have so many blocks in all."""
        self.blocks[case] = blocks

    def keep(self, key: Key, merged: Merged[Any]) -> None:
        """Keep it now, or when it is time to."""
        self._waiting[key] = merged
        if time.perf_counter() - self._written > _SECONDS_BETWEEN:
            self.flush()

    def flush(self, *, anyway: bool = False) -> None:
        """Keep what is waiting for its time; ``anyway`` leaves a store even where nothing is."""
        if not (self._waiting or anyway) or not self._works:
            return
        rows = {key: Row(merged.blocks, to_bytes(merged)) for key, merged in self._waiting.items()}
        try:
            self.store.put(self.blocks, rows, self._process, json.dumps(asdict(self.record())))
        except (sqlite3.Error, OSError) as error:
            self._works = False
            self.store.close()
            if not self._put:
                with suppress(OSError):
                    store.remove(self.store.place)
            self.failed(str(error))
            return
        self._put |= {key: row.blocks for key, row in rows.items()}
        self._waiting, self._written = {}, time.perf_counter()


@dataclass(frozen=True)
class _Case(Kept):
    keeper: FileKeeper
    number: int

    def begins(self, blocks: Sequence[int]) -> None:
        self.keeper.begins(self.number, sum(blocks))

    def done(self, sample: int, first: int) -> Merged[Any] | None:
        return self.keeper.found.get((self.number, sample, first))

    def keep(self, sample: int, first: int, merged: Merged[Any]) -> None:
        self.keeper.keep((self.number, sample, first), merged)


def keeper_for(
    place: Path,
    identity: Mapping[str, str],
    cases: int,
    record: Callable[[], Record],
    *,
    fresh: bool,
    said: Callable[[str], None],
    failed: Callable[[str], None],
) -> FileKeeper:
    """A keeper in a file, with what it holds of this very run; what it holds of another is removed, and ``said``.

    Args:
        fresh: whether whatever it holds is removed.
    """
    contents, history = Contents(), tuple[Record, ...]()
    why_not: str | None = None
    found: Mapping[Key, Merged[Any]] = {}
    if fresh:
        store.remove(place)
    else:
        try:
            there = store.read(place)
            why_not = None if there is None else of_another(there.identity, identity)
            if there is not None and why_not is None:
                found, history = {key: sums_of(row) for key, row in there.samples.items()}, records_of(there)
                contents = there
        except UnreadableError as error:
            why_not = str(error)
    if why_not is not None:
        store.remove(place)
        said(f"{place} is not used: {why_not}. The run starts anew")
    return FileKeeper(cases, Store(place, identity), dict(contents.cases), found, history, record, failed)


def of_another(theirs: Mapping[str, str], identity: Mapping[str, str]) -> str | None:
    """Why a store of the one identity is not of the other: ``it is of another seed``; None if it is."""
    return next((f"it is of {words}" for name, words in _WORDS.items() if theirs.get(name) != identity[name]), None)


def records_of(contents: Contents) -> tuple[Record, ...]:
    """What the processes that wrote a store have said of themselves.

    Raises:
        UnreadableError: it is torn.
    """
    try:
        said = [json.loads(record) for record in contents.records]
        return tuple(Record(**{**record, "processors": tuple(record["processors"])}) for record in said)
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableError("it is torn") from error


def sums_of(row: Row) -> Merged[Any]:
    """What is kept in a row of a store.

    Raises:
        UnreadableError: it is torn.
    """
    try:
        merged = from_bytes(row.sums)
    except ValueError as error:
        raise UnreadableError("it is torn") from error
    if merged.blocks != row.blocks:
        raise UnreadableError("it is torn")
    return merged
