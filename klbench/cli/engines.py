"""The options that say who measures: which of them go together, and the engine they name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from klbench.engines.engine import Engine


class EngineName(StrEnum):
    """Who measures."""

    THREADS = "threads"
    RAY = "ray"


@dataclass(frozen=True)
class Engines:
    """What a command says of engines; None for what it does not say."""

    name: EngineName = EngineName.THREADS
    threads: int | None = None
    address: str | None = None
    workers: int | None = None
    gpus_per_task: float | None = None

    def refuse_what_does_not_fit(self) -> None:
        """Refuse options of another engine.

        Raises:
            typer.BadParameter: there are some.
        """
        of_ray = {"--address": self.address, "--workers": self.workers, "--gpus-per-task": self.gpus_per_task}
        given = [option for option, value in of_ray.items() if value is not None]
        if self.name is EngineName.THREADS and given:
            raise typer.BadParameter("is for --engine ray; threads of this process have -j", param_hint=given[0])
        if self.name is EngineName.RAY and self.threads is not None:
            raise typer.BadParameter("is for --engine threads; Ray has --workers", param_hint="-j")

    @contextmanager
    def running(self) -> Iterator[Engine]:
        """The engine, ready to measure inside; it leaves nothing running.

        Raises:
            RunError: it cannot be had.
        """
        if self.name is EngineName.THREADS:
            from klbench.runner import threads_for

            yield threads_for(self.threads)
            return
        from klbench.engines.on_ray import on_ray

        with on_ray(self.address, self.workers, self.gpus_per_task or 0) as engine:
            yield engine
