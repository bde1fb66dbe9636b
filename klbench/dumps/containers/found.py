"""Which container a file is: by its first bytes, else by what its name ends in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import klbench.dumps.containers
from klbench.dumps.containers.container import STANDARD_INPUT, Container, from_disk
from klbench.errors import SpecError
from klbench.wording import joined


@cache
def containers() -> tuple[Container, ...]:
    """Every container that a module of this package declares as ``CONTAINER``."""
    package = klbench.dumps.containers
    modules = (import_module(f"{package.__name__}.{module.name}") for module in iter_modules(package.__path__))
    return tuple(module.CONTAINER for module in modules if hasattr(module, "CONTAINER"))


def endings() -> tuple[str, ...]:
    """What names of files may end in."""
    return tuple(sorted(ending for container in containers() for ending in container.endings))


def container_of(path: Path) -> Container:
    """The container of a file.

    Raises:
        SpecError: there is no such file, it is a folder, it is empty, or nobody knows its ending.
        RunError: the system does not let it be read.
    """
    if path == STANDARD_INPUT:
        return next(container for container in containers() if ".jsonl" in container.endings)
    first = _first_bytes(path)
    for container in containers():
        if container.magic and first.startswith(container.magic):
            return container
    for container in _by_ending(path):
        if not first:
            help = ["a run that was killed before it wrote leaves such files"]
            raise SpecError(f"{path} is empty", help=help)
        return container
    help = [f"names end in {joined(endings(), 'or')}; a logits file of llama.cpp may have any name"]
    raise SpecError(f"{path} is no kind of file that log-probabilities are read from", help=help)


def _by_ending(path: Path) -> Iterator[Container]:
    name = path.name.lower()
    return (container for container in containers() if name.endswith(container.endings or ("\0",)))


def _first_bytes(path: Path) -> bytes:
    try:
        with from_disk(path), path.open("rb") as file:
            return file.read(16)
    except ValueError:
        raise SpecError(f"{str(path)!r} is no path of a file") from None
