"""Writing one file, with an error that says why it cannot be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from klbench.errors import RunError

ELSEWHERE = "--out DIR writes elsewhere"


def write_new(path: Path, text: str) -> bool:
    """Write ``text`` to a new file; False, with nothing written, if the file exists.

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


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, in place of one that is there; a link stays.

    Raises:
        RunError: it cannot be written; what was there is as it was.
    """
    place = Path(os.path.realpath(path))
    new = place.with_name(f".{place.name}.{uuid4().hex}.new")
    with explained(path, "give the path of a file in a folder that is there and can be written"):
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        try:
            _write_flushed(new, content)
            new.replace(place)
        finally:
            new.unlink(missing_ok=True)
        flush_folder(place.parent)


def write_flushed(path: Path, text: str) -> None:
    """Write a new file in UTF-8, with the line ends unchanged, and flush it to the disk.

    Raises:
        OSError: the file exists, or cannot be written.
    """
    _write_flushed(path, text.encode())


def _write_flushed(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk, if the system can flush a folder (Windows cannot)."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextmanager
def explained(place: Path, *help: str) -> Iterator[None]:
    """Turn the system's error about writing into an error about ``place``.

    Raises:
        RunError: in place of an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write to {place}: {error.strerror or error}", help=help) from error
