"""Writing one file, and saying why it cannot be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from klbench.errors import RunError

ELSEWHERE = "--out DIR writes elsewhere"


def write_new(path: Path, text: str) -> bool:
    """Write ``text`` to a file that is not there yet; False, and nothing done, where it is.

    Raises:
        RunError: it cannot be written; nothing is left behind.
    """
    if os.path.lexists(path):
        return False
    with explained(path, "give the path of a file in a folder that is there and can be written"):
        try:
            write_flushed(path, text)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return True


def write_flushed(path: Path, text: str) -> None:
    """Write a file that is not there yet, in UTF-8 with the line ends as they are, down to the disk.

    Raises:
        OSError: it is there, or cannot be written.
    """
    with path.open("x", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Make the entries of a folder last, where the system lets a folder be flushed (Windows does not)."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextmanager
def explained(place: Path, *help: str) -> Iterator[None]:
    """Turn what the system says of writing into an error about ``place``.

    Raises:
        RunError: in place of an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write to {place}: {error.strerror or error}", help=help) from error
