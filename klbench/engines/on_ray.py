"""The engine of Ray: tasks of consecutive blocks on the workers of a cluster, or of a local Ray.

Only plans and numbers travel there and only sums come back. A few tasks for each worker are in flight, so that no more
than that lies in Ray's store, and their sums are taken in the order of the blocks. A task whose worker dies is given to
another one; that costs this task and nothing else.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO, TypeVar

import torch

from klbench.engines.engine import Elsewhere, Engine, Work
from klbench.engines.record import Record
from klbench.engines.tasks import Task, Tasks
from klbench.errors import KlbenchError, RunError, SpecError
from klbench.hardware import processor
from klbench.memory import LESS_MEMORY, is_out_of_memory
from klbench.roads.blocks import Told
from klbench.roads.merged import Part
from klbench.stats.mergeable import Mergeable
from klbench.versions import __version__
from klbench.wording import counted

_IN_FLIGHT = 4
"""Tasks for each worker, running or done: the first of them may be slow without the others having to wait."""
_PATIENCE = 0.1
"""Seconds between two looks at a task that takes longer."""
_TO_LISTEN = 5.0
"""Seconds that a cluster has to answer at its address."""
_WHY_WORKERS_END = (
    "with too little memory: fewer tasks at once, --workers N, or more memory for each",
    "or by a function of yours that ends its process",
)
_TRIES = 5
"""A task that has ended so many workers would end the next one too."""
_RAYS_MARK = "(raylet)"

A = TypeVar("A", bound=Mergeable)


@dataclass(frozen=True)
class Done:
    """What a task comes back with.

    Args:
        parts: the sums of its blocks.
        seconds: how long it took.
        versions: of klbench and torch, where it ran.
        processor: the kind of processor there.
        node: the name of that machine.
    """

    parts: tuple[Part[Any], ...]
    seconds: float
    versions: tuple[str, str]
    processor: str
    node: str


@dataclass
class _Sent:
    task: Task
    answer: Any
    tries: int = 1


def versions() -> tuple[str, str]:
    """What has to be the same on every machine."""
    return __version__, str(torch.__version__)


def measure_task(elsewhere: Elsewhere, task: Task) -> Done:
    """What a worker does with a task."""
    start = time.perf_counter()
    parts = elsewhere(task.numbers, task.whole)
    return Done(parts, time.perf_counter() - start, versions(), processor(), os.uname().nodename)


class OnRay(Engine):
    """Measures blocks on Ray's workers; made by ``on_ray``."""

    def __init__(self, ray: Any, workers: int, gpus_per_task: float) -> None:
        self._ray, self._workers = ray, workers
        # a task is given to another worker by this engine, which counts it, not by Ray
        self._remote = ray.remote(num_cpus=1, num_gpus=gpus_per_task, max_retries=0)(measure_task)
        known = ray.exceptions
        self._lost = (*(known.WorkerCrashedError, known.NodeDiedError, known.ObjectLostError, known.OutOfMemoryError),)
        self._blocks = self._retries = 0
        self._processors: dict[str, None] = {}

    def parts(
        self,
        work: Work[A],
        ranges: Iterable[range],
        seen: Callable[[], A | None],  # noqa: ARG002
        told: Told,
    ) -> Iterator[Part[A]]:
        """See ``Engine``."""
        tasks = Tasks(ranges, self._workers, in_stretches=work.in_stretches)
        elsewhere = self._ray.put(work.elsewhere)
        sent: deque[_Sent] = deque()
        try:
            while True:
                while len(sent) < _IN_FLIGHT * self._workers and (task := next(tasks, None)):
                    sent.append(_Sent(task, self._remote.remote(elsewhere, task)))
                if not sent:
                    return
                done = self._answer(sent[0], elsewhere, lambda: told(0))
                task = sent.popleft().task
                tasks.took(len(task.numbers), done.seconds)
                self._processors[done.processor] = None
                for part in done.parts:
                    self._blocks += part.blocks
                    yield part
        finally:
            for left in sent:
                with suppress(Exception):  # whatever it is about, this task is given up
                    self._ray.cancel(left.answer, force=True)

    def _answer(self, sent: _Sent, elsewhere: Any, waiting: Callable[[], None]) -> Done:
        """What a task comes back with, from another worker if one dies."""
        while True:
            if not self._ray.wait([sent.answer], timeout=_PATIENCE)[0]:
                waiting()
                continue
            try:
                done: Done = self._ray.get(sent.answer)
            except self._ray.exceptions.RayTaskError as error:
                _raise_from_worker(error)
            except self._lost as error:
                self._retries += 1
                _refuse_to_go_on(sent, error)
                sent.tries += 1
                sent.answer = self._remote.remote(elsewhere, sent.task)
                continue
            _must_be_alike(done)
            return done

    def record(self) -> Record:
        """See ``Engine``."""
        return Record("ray", self._workers, self._blocks, self._retries, tuple(self._processors))

    @property
    def workers(self) -> int:
        """See ``Engine``."""
        return self._workers


@contextmanager
def on_ray(address: str | None, workers: int | None, gpus_per_task: float) -> Iterator[OnRay]:
    """Ray's workers, at an address, or RAY_ADDRESS, or else of this machine; inside they measure, afterwards none runs.

    Raises:
        RunError: Ray is not installed, or no cluster is at the address, or it has nothing for a task.
    """
    ray = _ray()
    at = address or os.environ.get("RAY_ADDRESS") or None
    _must_listen(at)
    with _signals_as_they_were():
        try:
            there = {} if at else _local(workers)
            ray.init(address=at, log_to_driver=False, logging_level=logging.ERROR, **there)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise _no_ray(at, error) from error
    try:
        with redirect_stdout(_WithoutRaysLines(sys.stdout)):
            yield OnRay(ray, _workers(ray.cluster_resources(), workers, gpus_per_task), gpus_per_task)
    finally:
        with _signals_as_they_were():
            ray.shutdown()


def _must_listen(address: str | None) -> None:
    """Look whether anybody is at HOST:PORT: Ray itself waits for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_TO_LISTEN).close()
        except (OSError, OverflowError) as error:
            raise _no_ray(address, error) from error


def _no_ray(address: str | None, error: BaseException) -> RunError:
    where = f"at {address}" if address else "here"
    help = [
        "start a cluster with: ray start --head; --address, or RAY_ADDRESS, is auto or HOST:PORT",
        "a cluster that asks for a token needs RAY_AUTH_MODE=token and its ~/.ray/auth_token here",
        "without --address and RAY_ADDRESS klbench starts a Ray of its own",
    ]
    return RunError(f"no Ray {where}: {_first_line(error)}", help=help)


def _ray() -> Any:
    # without this Ray warns of what it will do with GPUs in a later version
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise RunError("--engine ray needs Ray", help=["pip install 'klbench[ray]'"]) from error
    return ray


def _local(workers: int | None) -> dict[str, Any]:
    """How a Ray of this machine is started: for this run alone."""
    return {"num_cpus": workers or len(os.sched_getaffinity(0)), "include_dashboard": False}


def _workers(there: dict[str, float], asked: int | None, gpus_per_task: float) -> int:
    most = int(there.get("CPU", 0))
    if gpus_per_task:
        most = min(most, int(there.get("GPU", 0) / gpus_per_task))
    if most < 1:
        has = f"{there.get('CPU', 0):g} cores and {there.get('GPU', 0):g} GPUs"
        help = ["take a cluster that has more, or less for a task: --gpus-per-task, such as 0.5"]
        raise RunError(f"Ray has {has}; a task takes 1 core and a GPU share of {gpus_per_task:g}", help=help)
    return min(most, asked or most)


def _refuse_to_go_on(sent: _Sent, error: BaseException) -> None:
    if sent.tries == _TRIES:
        numbers = sent.task.numbers
        message = f"a task of {counted(len(numbers), 'block')}, from block {numbers[0]:,} on, ended {_TRIES} workers"
        raise RunError(message, help=[_first_line(error), *_WHY_WORKERS_END]) from error


def _must_be_alike(done: Done) -> None:
    if done.versions != versions():
        there, here = (f"klbench {klbench} and torch {torch_}" for klbench, torch_ in (done.versions, versions()))
        help = ["the numbers would not be the same: install the same versions on every machine"]
        raise RunError(f"{done.node} has {there}, this machine has {here}", help=help)


def _raise_from_worker(error: Any) -> NoReturn:
    """What a worker's error is to the user."""
    cause = error.cause
    if is_out_of_memory(cause):
        raise RunError("out of memory, on a worker of Ray, in one block of samples", help=LESS_MEMORY) from error
    if isinstance(cause, SpecError):
        on_workers = "on a worker of Ray: a function travels by its module, which must be importable on every machine"
        cause.help = (*cause.help, on_workers)
        raise cause from error
    if isinstance(cause, KlbenchError):
        raise cause from error
    raise error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class _WithoutRaysLines(io.TextIOBase):
    """A stream without what Ray prints of workers that die, pages of it: klbench counts them itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._dropped = stream, False

    def write(self, text: str) -> int:
        """Write what is not Ray's, the end of whose line comes by itself."""
        dropped, self._dropped = self._dropped, _RAYS_MARK in text
        if not self._dropped and not (dropped and text == "\n"):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


@contextmanager
def _signals_as_they_were() -> Iterator[None]:
    """Ray takes SIGTERM for itself; klbench's own handlers are put back."""
    try:
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        yield
    finally:
        with suppress(ValueError):  # not in the main thread, which alone has handlers
            for number, handler in before.items():
                signal.signal(number, handler)
