"""Running a spec: build each case, answer it exactly where a road exists, sample it, and set the two side by side."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike

import torch

from klbench.engines.engine import Engine
from klbench.engines.threads import Threads
from klbench.errors import RunError, SpecError, UserError
from klbench.keeper import NOTHING_KEPT, Keeper
from klbench.measure.case import measure, measure_shard
from klbench.measure.crossings import crossing_notes, noise_crossings
from klbench.measure.reach import hold_to_reach
from klbench.measure.setting import Machine
from klbench.measure.shard import Shard
from klbench.observer import SILENT, Observer
from klbench.results import CaseResult, Crossing, Results
from klbench.roads.memory import keep_freed_memory
from klbench.spec.cases import Case
from klbench.spec.model import Spec
from klbench.spec.overrides import as_overrides
from klbench.spec.read import resolved

_MOST_PER_CORE = 4

__all__ = ["SILENT", "Observer", "resolve_device", "run"]


def run(
    spec: Spec | str | PathLike[str],
    *,
    samples: float | str | None = None,
    seed: int | None = None,
    overrides: Mapping[str, object] | Sequence[str] = (),
    device: str = "auto",
    threads: int | None = None,
    engine: Engine | None = None,
    observer: Observer = SILENT,
    keeper: Keeper = NOTHING_KEPT,
    folder: str | None = None,
) -> Results:
    """Run every case of a spec.

    Args:
        spec: what to measure: a ``Spec``, the name of a built-in one, or the path of a YAML file.
        samples: per case, in place of the spec's; ``1e6`` or ``"10M"``.
        seed: in place of the spec's.
        overrides: put over the spec, ``{"pairs.0.p": "N(0.2, 1)"}`` or ``["pairs.0.p=N(0.2, 1)"]`` as on the command
            line.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: blocks sampled at once; one per available core by default, a few at most. Changes no number.
        engine: who measures blocks, in place of threads of this process. Changes no number.
        observer: told of the progress.
        keeper: keeps what is done, and knows what an earlier run of the same has done.
        folder: where what checkpoints draw and score is kept, sequence by sequence; nowhere by default.

    Raises:
        RunError: no such device, or its memory does not hold one block; or the engine cannot go on.
        SpecError: the spec cannot be found or something in it is wrong, located; or a user's function cannot be used.
    """
    spec = resolved(spec, as_overrides(overrides, samples=samples, seed=seed))
    machine = Machine(resolve_device(device), engine or threads_for(threads), folder)
    start = time.perf_counter()
    results = []
    with _each_case(spec, observer) as cases:
        for number, case in enumerate(cases):
            results.append(measure(spec, case, machine, observer, keeper.case(number)))
            observer.finished(results[-1])
        crossings = noise_crossings(spec, results)
        results = _with_notes(results, crossings)
    records = (*keeper.earlier(), machine.engine.record())
    return Results(spec, tuple(results), str(machine.device), records, time.perf_counter() - start, crossings)


def run_shard(
    spec: Spec, shard: Shard, *, device: str, engine: Engine, observer: Observer = SILENT, keeper: Keeper
) -> None:
    """Measure what a shard has of every case of a spec, for a keeper; ``klbench.shards`` makes results of all shards.

    Raises:
        SpecError, RunError: as of a whole run; or the run is to a precision, which no shard can know.
    """
    refuse_precision(spec)
    machine = Machine(resolve_device(device), engine)
    with _each_case(spec, observer) as cases:
        for number, case in enumerate(cases):
            measure_shard(spec, case, machine, observer, keeper.case(number), shard)


def refuse_precision(spec: Spec) -> None:
    """Refuse a spec that no shard can run.

    Raises:
        SpecError: it is to a precision.
    """
    if spec.precision is not None:
        raise SpecError(
            "a shard cannot run to a precision: it does not know what the others have",
            help=["leave precision out and say how many samples, or run it with --engine ray"],
        )


@contextmanager
def _each_case(spec: Spec, observer: Observer) -> Iterator[Sequence[Case]]:
    """The cases of a spec, to be measured inside; each can be, or nothing is."""
    with one_torch_thread():
        hold_to_reach(spec)
    cases = spec.cases()
    observer.started(spec, cases)
    keep_freed_memory()
    with one_torch_thread(), _naming(spec):
        yield cases


def threads_for(count: int | None) -> Threads:
    """The engine of this process with so many threads: one per available core by default, a few at most.

    Raises:
        SpecError: ``count`` is below 1.
    """
    if count is not None and count < 1:
        raise SpecError(f"threads is {count}", help=["a whole number from 1 on, or None for one per core"])
    return Threads(min(count or available_cores(), _MOST_PER_CORE * available_cores()))


def _with_notes(results: Sequence[CaseResult], crossings: Sequence[Crossing]) -> list[CaseResult]:
    """The same, with a note in every case of a pair on its crossings."""

    def notes(pair: str) -> tuple[str, ...]:
        return crossing_notes([crossing for crossing in crossings if crossing.pair == pair])

    return [replace(result, notes=(*result.notes, *notes(result.case.pair))) for result in results]


@contextmanager
def _naming(spec: Spec) -> Iterator[None]:
    """Say of a user's function that cannot be used where the spec names it."""
    try:
        yield
    except UserError as error:
        place = spec.place_of(error.name)
        if place is None:
            raise
        raise error.named_at(place) from error


def resolve_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` is CUDA where there is one.

    Raises:
        RunError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    count = torch.cuda.device_count() if kind == "cuda" else 0
    if name != "cpu" and not (
        kind == "cuda" and count and (not number or (number.isdecimal() and int(number) < count))
    ):
        there = ", ".join(["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))])
        raise RunError(f"no device {name!r} here", help=[f"there is: {there}", "--device auto takes the best there is"])
    return torch.device(name)


def available_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Keep torch to one thread per call: the cores are used over blocks, and a sum's last digits stay the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
