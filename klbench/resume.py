"""Going on with a run that was cut off: what its store must be of, what is there, and keeping more as it is done."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from klbench.estimators.catalogue import find
from klbench.files import store
from klbench.files.store import Contents, Row, Store, UnreadableError
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
}
"""What a store is of when an entry of its identity is not this run's, in the order it is looked at."""


def identity_of(spec: Spec, device: str) -> Mapping[str, str]:
    """All that decides what the blocks of a run leave behind, for a kind of device."""
    functions = [function.name for name in spec.estimators if isinstance(function := find(name).joint, UserFunction)]
    return {
        "format": f"1, stretches of {STRETCH}",
        "version": __version__,
        "torch": str(torch.__version__),
        "device": device,
        "seed": str(spec.seed),
        "spec": spec.to_yaml(),
        "code": code_of(functions),
    }


@dataclass
class FileKeeper(Keeper):
    """Keeps a run in a store.

    Args:
        identity: what the run is of.
        cases: how many it has.
        store: where more is put.
        blocks: by the number of a case that an earlier run began, how many blocks all its samples have.
        found: what the earlier run has done of each sample, by the numbers of its case and its own.
        failed: told once when no more can be kept, and why.
    """

    identity: Mapping[str, str]
    cases: int
    store: Store
    blocks: dict[int, int]
    found: Mapping[tuple[int, int], Merged[Any]]
    failed: Callable[[str], None]
    _latest: tuple[int, int, Merged[Any]] | None = None
    _put: dict[tuple[int, int], int] = field(default_factory=dict)
    _written: float = field(default_factory=time.perf_counter)
    _works: bool = True

    def __post_init__(self) -> None:
        self._put = {key: merged.blocks for key, merged in self.found.items()}

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
        return f"{done:,} of {counted(total, 'block')} are here, {total - done:,} to run" if done else ""

    def begins(self, case: int, blocks: int) -> None:
        """A case begins, whose samples have so many blocks in all."""
        self.blocks[case] = blocks

    def keep(self, case: int, sample: int, merged: Merged[Any]) -> None:
        """Keep it now, or when it is time to, or when another sample begins."""
        if self._latest is not None and self._latest[:2] != (case, sample):
            self.flush()
        self._latest = (case, sample, merged)
        if time.perf_counter() - self._written > _SECONDS_BETWEEN:
            self.flush()

    def flush(self) -> None:
        """Keep what is waiting for its time."""
        if self._latest is None or not self._works:
            return
        case, sample, merged = self._latest
        try:
            self.store.put(case, self.blocks[case], sample, Row(merged.blocks, to_bytes(merged)))
        except (sqlite3.Error, OSError) as error:
            self._works = False
            self.store.close()
            if not self._put:
                with suppress(OSError):
                    store.remove(self.store.place)
            self.failed(str(error))
            return
        self._put[case, sample] = merged.blocks
        self._latest, self._written = None, time.perf_counter()


@dataclass(frozen=True)
class _Case(Kept):
    keeper: FileKeeper
    number: int

    def begins(self, blocks: Sequence[int]) -> None:
        self.keeper.begins(self.number, sum(blocks))

    def done(self, sample: int) -> Merged[Any] | None:
        return self.keeper.found.get((self.number, sample))

    def keep(self, sample: int, merged: Merged[Any]) -> None:
        self.keeper.keep(self.number, sample, merged)


def keeper_for(
    place: Path,
    identity: Mapping[str, str],
    cases: int,
    *,
    fresh: bool,
    said: Callable[[str], None],
    failed: Callable[[str], None],
) -> FileKeeper:
    """A keeper in a file, with what it holds of this very run; what it holds of another is removed, and ``said``.

    Args:
        fresh: whether whatever it holds is removed.
    """
    contents = Contents()
    why_not: str | None = None
    found: Mapping[tuple[int, int], Merged[Any]] = {}
    if fresh:
        store.remove(place)
    else:
        try:
            there = store.read(place)
            why_not = None if there is None else _why_not(there.identity, identity)
            if there is not None and why_not is None:
                contents, found = there, {key: _sums(row) for key, row in there.samples.items()}
        except UnreadableError as error:
            why_not = str(error)
    if why_not is not None:
        store.remove(place)
        said(f"{place} is not used: {why_not}. The run starts anew")
    return FileKeeper(identity, cases, Store(place, identity), dict(contents.cases), found, failed)


def _why_not(theirs: Mapping[str, str], identity: Mapping[str, str]) -> str | None:
    return next((f"it is of {words}" for name, words in _WORDS.items() if theirs.get(name) != identity[name]), None)


def _sums(row: Row) -> Merged[Any]:
    try:
        merged = from_bytes(row.sums)
    except ValueError as error:
        raise UnreadableError("it is torn") from error
    if merged.blocks != row.blocks:
        raise UnreadableError("it is torn")
    return merged
