"""The shards of a run, brought together: each there once, all of the same run; then one run of all their blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from klbench.engines.record import Record
from klbench.errors import SpecError
from klbench.files.store import NAME, Contents, Key, Row, UnreadableError, read
from klbench.keeper import Keeper, Kept
from klbench.measure.shard import Shard, length_of_ranges
from klbench.resume import identity_of, of_another, records_of, sums_of
from klbench.roads.merged import Merged
from klbench.spec.model import Spec
from klbench.spec.read import read_text
from klbench.wording import agreeing, counted, few

_ANEW = ("run that shard again with --shard I/N --fresh",)
S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class _Stored:
    place: Path
    shard: Shard
    contents: Contents


@dataclass(frozen=True)
class ShardsKeeper(Keeper):
    """Knows all that the shards of a run have done; keeps nothing.

    Args:
        spec: of the run.
        device: the kind of device it ran on.
        of: how many shards there are.
        rows: what they hold of each range of blocks.
        history: what the processes that measured them say of themselves.
    """

    spec: Spec
    device: str
    of: int
    rows: Mapping[Key, Row]
    history: Sequence[Record]

    def earlier(self) -> Sequence[Record]:
        """See ``Keeper``."""
        return self.history

    def case(self, number: int) -> Kept:
        """See ``Keeper``."""
        return _Case(self, number, [])


@dataclass(frozen=True)
class _Case(Kept):
    keeper: ShardsKeeper
    number: int
    blocks: list[int]

    def begins(self, blocks: Sequence[int]) -> None:
        self.blocks[:] = blocks

    def done(self, sample: int, first: int) -> Merged[Any] | None:
        """All blocks of a sample, merged in order."""
        assert first == 0, "shards are merged to a whole run"
        merged: Merged[Any] = Merged()
        for start in range(0, self.blocks[sample], length_of_ranges(self.blocks[sample], self.keeper.of)):
            row = self.keeper.rows.get((self.number, sample, start))
            if row is None or merged.blocks != start:
                raise SpecError(f"the shards do not fit: block {merged.blocks:,} of case {self.number + 1} is missing")
            merged = merged.followed_by(_read(sums_of, row))
        return merged


def gathered(folders: Sequence[Path]) -> ShardsKeeper:
    """What all the shards below some folders have done.

    Raises:
        SpecError: a shard is missing, there twice, of another run, or torn; or there is none.
    """
    stored = _all_stored(_places(folders))
    first = stored[0]
    for other in stored[1:]:
        _must_fit(first, other)
    numbers: dict[int, _Stored] = {}
    for one in stored:
        if one.shard.number in numbers:
            twice = numbers[one.shard.number].place
            raise SpecError(f"shard {one.shard} is there twice: {twice} and {one.place}", help=["give one of them"])
        numbers[one.shard.number] = one
    missing = [number for number in range(1, first.shard.of + 1) if number not in numbers]
    if missing:
        are, shards = agreeing(missing, "is", "are"), agreeing(missing, "shard", "shards")
        raise SpecError(
            f"{shards} {few([str(number) for number in missing])} of {first.shard.of} {are} missing",
            help=["give their folders too, or run them with --shard I/N"],
        )
    spec = _spec_of(first)
    device = first.contents.identity["device"]
    why_not = of_another(first.contents.identity, identity_of(spec, device, str(first.shard)))
    if why_not is not None:
        help = ["merge with the versions, and the code of your functions, that the shards were run with"]
        raise SpecError(f"{first.place} cannot be merged here: {why_not}", help=help)
    for one in stored:
        _must_be_finished(one, len(spec.cases()))
    rows = {key: row for one in stored for key, row in one.contents.samples.items()}
    records = [
        replace(record, shard=str(one.shard))
        for one in sorted(stored, key=lambda one: one.shard.number)
        for record in _read(records_of, one.contents)
    ]
    return ShardsKeeper(spec, device, first.shard.of, rows, records)


def _places(folders: Sequence[Path]) -> list[Path]:
    places: dict[Path, Path] = {}
    for folder in folders:
        found = [folder] if folder.name == NAME and folder.is_file() else sorted(folder.rglob(NAME))
        if not found:
            what = "has no shard in it" if folder.is_dir() else "is no folder"
            raise SpecError(f"{folder} {what}", help=[f"a shard is a folder with {NAME}, made by run with --shard I/N"])
        places |= {place.resolve(): place for place in found}
    return list(places.values())


def _all_stored(places: Sequence[Path]) -> list[_Stored]:
    """The shards among some stores: a whole run that was cut off may lie beside them."""
    found = [(place, _contents(place)) for place in places]
    stored = [_Stored(place, Shard.read(it.identity["shard"]), it) for place, it in found if it.identity.get("shard")]
    if not stored:
        help = ["a run that was cut off is no shard: give its command again, and it goes on"]
        raise SpecError(f"{places[0]} is not of a shard", help=help)
    return stored


def _contents(place: Path) -> Contents:
    try:
        contents = read(place)
    except UnreadableError as error:
        raise SpecError(f"{place} cannot be read: {error}", help=_ANEW) from error
    if contents is None:
        raise SpecError(f"{place} cannot be read: it is empty", help=_ANEW)
    return contents


def _must_fit(one: _Stored, other: _Stored) -> None:
    ours, theirs = ({**stored.contents.identity, "shard": ""} for stored in (one, other))
    why_not = of_another(theirs, ours)
    if why_not is None and one.shard.of != other.shard.of:
        why_not = f"it is one of {other.shard.of} shards, not of {one.shard.of}"
    if why_not is not None:
        help = ["give only the folders of one run's shards; what is left of another one can be removed"]
        raise SpecError(f"{other.place} does not go with {one.place}: {why_not}", help=help)


def _spec_of(stored: _Stored) -> Spec:
    try:
        return read_text(stored.contents.identity["spec"])
    except SpecError as error:
        help = ["merge where everything that it names can be found: in the folder that the shards were run in"]
        raise SpecError(f"the spec of {stored.place} cannot be read here: {error.message}", help=help) from error


def _must_be_finished(stored: _Stored, cases: int) -> None:
    done, begun = sum(row.blocks for row in stored.contents.samples.values()), stored.contents.cases
    if done < sum(begun.values()) or len(begun) < cases:
        here = f"{done:,} of {counted(sum(begun.values()), 'block')} of {len(begun)} of {counted(cases, 'case')}"
        help = [f"run it again with --shard {stored.shard}: it goes on where it stopped"]
        raise SpecError(f"shard {stored.shard} is not finished: {stored.place} holds {here}", help=help)


def _read(decoded: Callable[[S], T], stored: S) -> T:
    try:
        return decoded(stored)
    except UnreadableError as error:
        raise SpecError(f"a shard cannot be read: {error}", help=_ANEW) from error
