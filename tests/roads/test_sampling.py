"""The sampling road: blocks in order whatever runs them, fewer in flight when memory is short, bounded memory."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
import torch

from klbench.distributions.build import build
from klbench.engines.threads import AtWork, in_order
from klbench.errors import RunError
from klbench.estimators.catalogue import find
from klbench.problems.pair import Pair
from klbench.problems.problem import BLOCK
from klbench.roads.blocks import Blocks
from klbench.roads.value_sums import ValueAccumulator, ValueSums, pilot, shift_of
from klbench.spec.expression import parse
from tests.engines.measured import measured


def pair_of(q: str, p: str) -> Pair:
    return Pair(build(parse(q)), build(parse(p)))


def blocks(q: str, p: str, samples: int, names: tuple[str, ...] = ("k1", "k3", "k2")) -> Blocks[ValueSums]:
    """The blocks of some estimators, of which the first but one are controls."""
    pair, terms = pair_of(q, p), tuple(find(name).term for name in names)
    shift = shift_of(pilot(pair, 7, terms))
    return Blocks(pair, 7, samples, ValueAccumulator(terms, shift, len(terms) - 1, samples, pair.numbers))


def sampled(q: str, p: str, samples: int, in_flight: int) -> ValueSums:
    return list(measured(blocks(q, p, samples), in_flight))[-1].left


@pytest.mark.parametrize(
    "pair", [("N(0, 1)", "N(0.1, 1)"), ("Gamma(2, 1)", "Gamma(3, 1)"), ("N(0, 1)**3", "N(0.1, 1)**3")]
)
def test_the_number_of_threads_changes_no_bit(pair: tuple[str, str]) -> None:
    samples = 5 * BLOCK["cpu"] + 17
    alone = sampled(*pair, samples, in_flight=1)
    for in_flight in (2, 5):
        together = sampled(*pair, samples, in_flight)
        assert torch.equal(alone.sums.powers, together.sums.powers)
        assert torch.equal(alone.sums.cross, together.sums.cross)
        assert [x.limit for x in alone.largest] == [x.limit for x in together.largest]


def test_more_samples_begin_with_the_same_ones() -> None:
    block = BLOCK["cpu"]
    one, two = sampled("N(0, 1)", "N(1, 1)", block, 1), sampled("N(0, 1)", "N(1, 1)", 2 * block, 1)
    second = two.sums.powers - one.sums.powers
    assert one.sums.count == block
    assert not torch.equal(second, one.sums.powers)


def test_results_come_in_order_and_no_more_run_than_allowed() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def task(number: int) -> Callable[[], int]:
        def work() -> int:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.002 * (number % 3))
            with lock:
                running -= 1
            return number

        return work

    assert list(in_order(task, range(40), 4)) == list(range(40))
    assert most <= 4


@pytest.mark.parametrize("fits", [1, 2, 3])
def test_short_memory_makes_fewer_in_flight_and_the_same_results(fits: int) -> None:
    """A device that holds ``fits`` blocks at once: more of them raise what CUDA raises."""
    running, lock = 0, threading.Lock()

    def task(number: int) -> Callable[[], int]:
        def work() -> int:
            nonlocal running
            with lock:
                running += 1
                full = running > fits
            time.sleep(0.002)
            with lock:
                running -= 1
            if full:
                raise torch.cuda.OutOfMemoryError("no memory for another block")
            return number * number

        return work

    assert list(in_order(task, range(30), 8)) == [number * number for number in range(30)]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
@pytest.mark.parametrize("count", [1, 30])
def test_a_task_that_no_thread_can_be_had_for_is_not_lost(count: int, error: Exception) -> None:
    """It was: its number was taken and nobody had it, so a block was missing and nothing said so."""
    refused: list[int] = []

    def task(number: int) -> Callable[[], int]:
        if number % 7 == 0 and number not in refused:
            refused.append(number)
            raise error
        return lambda: number

    assert list(in_order(task, range(count), 32)) == list(range(count))
    assert refused


def test_a_block_that_does_not_fit_at_all_is_said_to_the_user() -> None:
    def task(_: int) -> Callable[[], int]:
        def work() -> int:
            raise torch.cuda.OutOfMemoryError("not even one")

        return work

    with pytest.raises(RunError, match="out of memory, in one block of samples"):
        list(in_order(task, range(3), 4))


def test_an_error_in_a_block_is_raised_and_nothing_runs_on() -> None:
    started: list[int] = []

    def task(number: int) -> Callable[[], int]:
        def work() -> int:
            started.append(number)
            if number == 3:
                raise ValueError("block 3")
            return number

        return work

    with pytest.raises(ValueError, match="block 3"):
        list(in_order(task, range(1000), 2))
    assert len(started) < 20


def test_wide_draws_are_measured_in_chunks_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    wide = blocks("N(0, 1)**1000", "N(0.01, 1)**1000", 3000, ("k1",))
    draw = wide.problem.base.draw  # type: ignore[attr-defined]

    def watched(stream, count):  # type: ignore[no-untyped-def]
        seen.append(count)
        return draw(stream, count)

    monkeypatch.setattr(wide.problem.base, "draw", watched)  # type: ignore[attr-defined]
    whole = list(measured(wide, 1))[-1].left
    assert whole.sums.count == 3000
    assert max(seen) * 1000 <= 2**19


def test_a_long_block_is_told_of_while_it_runs() -> None:
    told: list[int] = []
    for _ in measured(blocks("N(0, 1)**500", "N(0, 1)**500", BLOCK["cpu"] // 2, ("k1",)), 1, told.append):
        told.append(-1)
    assert told[-1] == -1
    assert told.count(-1) == 1
    within = told[:-1]
    assert len(within) > 1
    assert within == sorted(within)
    assert 0 < max(within) < BLOCK["cpu"] // 2


def test_blocks_at_work_are_counted_until_they_are_done() -> None:
    at_work = AtWork()
    first, second = at_work.begin(0), at_work.begin(1)
    first(10)
    second(5)
    first(20)
    assert at_work.drawn == 25
    at_work.end(0)
    assert at_work.drawn == 5
    at_work.begin(1)
    assert at_work.drawn == 0


PEAK = """
import resource, sys
from klbench.runner import run
from klbench.spec.read import read_text
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pair = "pairs: [{q: '%s', p: '%s'}]" % tuple(sys.argv[1:])
run(read_text(chr(10).join(["name: m", "samples: 50000", "estimators: [k1, k2, k3]", pair])))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in KiB on Linux only")
@pytest.mark.parametrize(
    ("q", "p"),
    [("N(0, 1)**1000", "N(0.01, 1)**1000"), ("Categorical([0.5, 0.3, 0.2])**200", "Categorical([0.5, 0.2, 0.3])**200")],
)
def test_samples_of_many_numbers_take_little_memory(q: str, p: str) -> None:
    """MiB beyond the imports; 750 where what is kept of each chunk pins its freed draws."""
    done = subprocess.run([sys.executable, "-c", PEAK, q, p], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 300
