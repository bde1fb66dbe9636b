"""Cutting blocks into tasks: every block once and in order, stretches whole where they may be, all workers at work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klbench.engines.tasks import SHORTEST, Task, Tasks
from klbench.measure.shard import Shard
from klbench.roads.merged import STRETCH


def cut(ranges: list[range], workers: int, seconds: float, *, in_stretches: bool = True) -> list[Task]:
    tasks = Tasks(ranges, workers, in_stretches=in_stretches)
    found = []
    for task in tasks:
        found.append(task)
        tasks.took(len(task.numbers), seconds * len(task.numbers))
    return found


@given(
    st.integers(0, 3000),
    st.integers(1, 20),
    st.floats(1e-4, 20),
    st.booleans(),
    st.tuples(st.integers(1, 9), st.integers(0, 8)),
)
def test_every_block_is_in_one_task_in_order(
    blocks: int, workers: int, seconds: float, in_stretches: bool, shard: tuple[int, int]
) -> None:
    of, number = shard[0], shard[1] % shard[0] + 1
    ranges = list(Shard(number, of).ranges(blocks))
    tasks = cut(ranges, workers, seconds, in_stretches=in_stretches)
    assert [n for task in tasks for n in task.numbers] == [n for one in ranges for n in one]
    for task in tasks:
        assert len(task.numbers) >= 1
        if task.whole:
            assert in_stretches
            assert task.numbers.start % STRETCH == len(task.numbers) % STRETCH == 0
        else:  # what is not whole is no part of two stretches: the next may be
            assert task.numbers[0] // STRETCH == task.numbers[-1] // STRETCH


def test_a_run_that_was_cut_off_goes_on_inside_a_stretch() -> None:
    tasks = cut([range(70, 1000)], 1, 0.1)
    assert tasks[0].numbers == range(70, 71)
    assert next(task for task in tasks if task.whole).numbers.start == 2 * STRETCH


def test_tasks_take_half_a_second_or_more() -> None:
    for seconds in (0.001, 0.01, 0.03):
        tasks = cut([range(100_000)], 2, seconds)
        longest = [len(task.numbers) * seconds for task in tasks[2:] if task.whole]
        assert min(longest) >= min(SHORTEST, STRETCH * seconds)
        assert len(tasks) < 100_000 * seconds / SHORTEST * 2 + 200


def test_slow_blocks_are_shared_out() -> None:
    tasks = cut([range(64)], 8, 10.0)
    assert all(len(task.numbers) == 1 for task in tasks)


def test_where_a_run_may_stop_inside_a_stretch_no_stretch_is_whole() -> None:
    assert not any(task.whole for task in cut([range(5000)], 2, 0.001, in_stretches=False))


@pytest.mark.parametrize("blocks", [0, 1, 5, 63, 64, 255, 256, 300, 511, 512, 5000])
@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_shards_have_every_block_once(blocks: int, of: int) -> None:
    shards = [[n for one in Shard(number, of).ranges(blocks) for n in one] for number in range(1, of + 1)]
    assert sorted(n for numbers in shards for n in numbers) == list(range(blocks))
    assert max(map(len, shards)) <= 1.25 * min(map(len, shards)) + STRETCH
    if blocks >= of:
        assert min(map(len, shards)) >= 0.6 * blocks / of
