"""A lock on a path: the kernel gives it to one process at a time, and releases it when the process ends.

The lock is on an open file, so a process that is killed leaves at most the file, which locks nothing. Whoever has the
lock removes the file at the end. Because of that a lock counts only while the file that is locked is still the one of
that name: a process that opened the file just before it was removed looks again.
"""

from __future__ import annotations

import errno
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}
_LONGEST_OWNER = 200
"""In bytes; more than a process number, the name of a machine and a time need."""
_MADE = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_TRIES = 1000
"""A try fails only if another process removes the file between two system calls, never so often in a row."""


class Locked(Exception):  # noqa: N818
    """Another process has the lock. ``owner`` says which, and since when, if that is known."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on ``path`` inside; its folder is made if it is missing.

    On a file system without locks nothing is locked, and two runs at once are not kept apart.

    Raises:
        Locked: another process has it.
        OSError: the file cannot be made.
    """
    file = _locked(path)
    try:
        yield
    finally:
        insisting(lambda: _release(path, file))


def insisting(action: Callable[[], None]) -> None:
    """Finish an action that may be done twice, in spite of one interrupt; a second interrupt stops it."""
    try:
        action()
    except KeyboardInterrupt:
        action()
        raise


def _locked(path: Path) -> IO[bytes]:
    for _ in range(_TRIES):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # the last owner of the lock has removed the file, or the folder too
            file = os.fdopen(os.open(path, _MADE, 0o666), "r+b", buffering=0)
            try:
                _lock(file.fileno())
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    _sign(file.fileno())
                    return file
            except BaseException:
                file.close()
                raise
            file.close()
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))


def _lock(file: int) -> None:
    try:
        _lock_now(file)
    except (BlockingIOError, PermissionError):  # the error for a locked file on Linux, and on Windows
        raise Locked(os.read(file, _LONGEST_OWNER).decode(errors="replace").strip()) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


if sys.platform == "win32":
    import msvcrt

    def _lock_now(file: int) -> None:
        os.lseek(file, 2**30, os.SEEK_SET)  # locked bytes cannot be read, so the lock is far behind the owner's text
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(file, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock_now(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sign(file: int) -> None:
    """Write the owner into the file, so that another process can tell its user who has the lock."""
    since = datetime.now().astimezone().isoformat(" ", timespec="seconds")
    os.ftruncate(file, 0)
    os.write(file, f"process {os.getpid()} on {platform.node()}, since {since}\n".encode())


def _release(path: Path, file: IO[bytes]) -> None:
    if file.closed:
        return
    with suppress(OSError):
        if sys.platform != "win32" and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            path.unlink()
    file.close()
    if sys.platform == "win32":
        with suppress(OSError):  # Windows removes no open file; if another process has it open, that one removes it
            path.unlink()
