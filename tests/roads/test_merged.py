"""What blocks leave behind: the order of merging, and the way to bytes and back."""

from __future__ import annotations

import random
from dataclasses import fields, is_dataclass
from functools import reduce
from typing import Any

import pytest
import torch
from torch import Tensor

from klbench.roads.merged import STRETCH, Merged
from klbench.roads.stored import from_bytes, to_bytes
from tests.engines.measured import measured
from tests.measure.test_plan import SPECS, planned


class Words(str):
    """A sum that remembers every pair of brackets it was made with."""

    __slots__ = ()
    count = 1

    def merge(self, other: str) -> Words:
        return Words(f"({self}{other})")


def merged(count: int) -> Merged[Any]:
    return reduce(lambda so_far, number: so_far.add(Words(f"[{number}]")), range(count), Merged())


def in_order(parts: list[str]) -> str:
    return reduce(lambda one, other: f"({one}{other})", parts)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 127, 128, 129, 200, 641])
def test_blocks_make_stretches_and_stretches_the_whole(count: int) -> None:
    numbers = [f"[{number}]" for number in range(count)]
    stretches = [in_order(numbers[start : start + STRETCH]) for start in range(0, count, STRETCH)]
    assert merged(count).left == in_order(stretches)


def test_up_to_a_stretch_blocks_are_merged_one_by_one() -> None:
    assert merged(STRETCH).left == in_order([f"[{number}]" for number in range(STRETCH)])


def test_stopping_anywhere_changes_no_bracket() -> None:
    whole, stop = merged(200), random.Random(1).randrange(200)
    again = reduce(lambda so_far, number: so_far.add(Words(f"[{number}]")), range(stop, 200), merged(stop))
    assert again.left == whole.left


@pytest.mark.parametrize("count", [1, 63, 64, 65, 130, 200, 320])
def test_stretches_that_are_merged_elsewhere_change_no_bracket(count: int) -> None:
    """As tasks and shards do: stretches come back as one part, or as what is there from their first block on."""
    parts = [range(start, min(start + STRETCH, count)) for start in range(0, count, STRETCH)]
    alone = [reduce(lambda so_far, n: so_far.add(Words(f"[{n}]")), numbers, Merged[Any]()) for numbers in parts]
    assert reduce(lambda one, other: one.followed_by(other), alone, Merged[Any]()).left == merged(count).left
    of_blocks = [Merged[Any]().add(Words(f"[{n}]")) for n in range(count)]
    assert reduce(lambda one, other: one.followed_by(other), of_blocks, Merged[Any]()).left == merged(count).left
    as_parts = [(one.stretches, STRETCH) if one.stretches else (one.rest, 0) for one in alone if one.blocks]
    whole: Merged[Any] = Merged()
    for sums, blocks in as_parts:
        whole = whole.add(sums, blocks) if blocks else whole.followed_by(alone[-1])
    assert whole.left == merged(count).left


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return one.dtype == other.dtype and torch.equal(one.nan_to_num(7), other.nan_to_num(7))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        return type(one) is type(other) and all(same(getattr(one, name), getattr(other, name)) for name in names)
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("name", SPECS)
def test_what_is_stored_comes_back_to_the_bit(name: str) -> None:
    _, passes = planned(SPECS[name])
    for drawn in passes:
        for so_far in measured(drawn.blocks, 2):
            assert same(from_bytes(to_bytes(so_far)), so_far)


@pytest.mark.parametrize("stored", [b"", b"no", to_bytes(merged(0))[:-40], b"\x80\x04c__builtin__\nprint\n(tR."])
def test_bytes_that_are_none_of_ours_are_refused(stored: bytes) -> None:
    with pytest.raises(ValueError, match="not what blocks leave behind"):
        from_bytes(stored)


def test_no_other_type_is_made_of_bytes(tmp_path: Any) -> None:
    file = tmp_path / "x"
    torch.save({"type": "Path", "count": 1}, file)
    with pytest.raises(ValueError, match="not what blocks leave behind"):
        from_bytes(file.read_bytes())
