"""Writing a run's files: each whole or not at all, and no trace of a run that could not be finished.

Every file is first written beside its place under another name and flushed to the disk; only when all are there do they
take their places, each in one step. A disk that fills, a crash or a kill leaves the old files or the new ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EISDIR
from pathlib import Path
from uuid import uuid4

from klbench.errors import RunError


def write_together(folder: Path, files: Mapping[str, str | None]) -> None:
    """Write every text of ``files`` (name to text, UTF-8) into ``folder``, making it where needed.

    A file whose text is None is taken away: it is of a run before, and would be read as of this one.

    Raises:
        RunError: they cannot be written; nothing is left behind, and what was there before is as it was.
    """
    texts = {name: text for name, text in files.items() if text is not None}
    with _explained(folder), _new_folder(folder), _temporaries(folder, texts) as temporaries:
        for name, text in texts.items():
            _write_flushed(temporaries[name], text)
        for name, temporary in temporaries.items():
            temporary.replace(folder / name)
        for name in files.keys() - texts.keys():
            (folder / name).unlink(missing_ok=True)


def ensure_writable(folder: Path, names: Iterable[str] = ()) -> None:
    """Find out before a long run whether ``write_together`` could write ``names`` there, leaving nothing behind.

    Raises:
        RunError: it could not.
    """
    with _explained(folder), _new_folder(folder, keep=False), _temporaries(folder, ["probe"]) as temporaries:
        _write_flushed(temporaries["probe"], "?")
        for name in names:
            if (folder / name).is_dir():
                raise IsADirectoryError(EISDIR, f"{name} is a folder there")


def write_new(path: Path, text: str) -> bool:
    """Write ``text`` to a file that is not there yet; False, and nothing done, where it is.

    Raises:
        RunError: it cannot be written; nothing is left behind.
    """
    if path.exists():
        return False
    with _explained(path, "give the path of a file in a folder that is there and can be written"):
        try:
            _write_flushed(path, text)
        except OSError:
            path.unlink(missing_ok=True)
            raise
    return True


@contextmanager
def _explained(place: Path, help: str = "--out DIR writes elsewhere") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write to {place}: {error.strerror or error}", help=[help]) from error


@contextmanager
def _new_folder(folder: Path, *, keep: bool = True) -> Iterator[None]:
    """Make ``folder`` with its parents; take away the ones made where the block fails, or where none are to be kept."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    done = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
        done = keep
    finally:
        if not done:
            for each in made:
                with suppress(OSError):
                    each.rmdir()


@contextmanager
def _temporaries(folder: Path, names: Iterable[str]) -> Iterator[dict[str, Path]]:
    """A name of its own beside each file; whatever is still there at the end is taken away."""
    paths = {name: folder / f".{name}.{uuid4().hex}.tmp" for name in names}
    try:
        yield paths
    finally:
        for path in paths.values():
            path.unlink(missing_ok=True)


def _write_flushed(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
