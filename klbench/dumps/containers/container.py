"""What a container gives: records with their places, in blocks, so that memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from klbench.dumps.notices import Notices
from klbench.errors import RunError, SpecError

STANDARD_INPUT = Path("-")


@dataclass(frozen=True)
class Record:
    """A part of a file, most often one sequence.

    Args:
        place: where it is: ``run.jsonl:12``, ``run.npz, row 3``.
        value: what is there: most often columns by their names.
        around: what the file says of all its records.
        padded: it is a row of [sequences, tokens] arrays, which only a mask tells the padding of.
    """

    place: str
    value: Any
    around: Mapping[str, Any] = field(default_factory=dict)
    padded: bool = False


@dataclass(frozen=True)
class Unusable:
    """A column that is there and cannot be read, which matters only once it is asked for.

    ``reason`` goes after the column's name: ``is an array of Python objects``.
    """

    reason: str
    help: tuple[str, ...] = ()


@dataclass(frozen=True)
class Container:
    """A kind of file.

    Args:
        name: how it is called: ``.npz``.
        endings: what its names end in.
        records: the records of one file, in order.
        magic: the first bytes of such files, where they tell more than the ending.
    """

    name: str
    endings: tuple[str, ...]
    records: Callable[[Path, Notices], Iterator[Record]]
    magic: bytes = b""


@contextmanager
def from_disk(path: Path) -> Iterator[None]:
    """Around what reads a file.

    Raises:
        SpecError: there is no such file, or it is a folder.
        RunError: the system does not give it.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        help = ["a path from the current folder"]
        raise SpecError(f"there is no file {path}", help=help) from None
    except IsADirectoryError:
        raise SpecError(f"{path} is a folder", help=[f"name the files in it, such as {path}/*.jsonl"]) from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from error


def torn(path: Path, kind: str, why: object) -> SpecError:
    """The error for a file that is not what its ending says, or not all of it."""
    help = ["copy or write it again; a run that was killed while it wrote leaves such files"]
    return SpecError(f"{path} cannot be read as {kind}: {why}", help=help)
