"""Arrays of NumPy in a .npz, read as a stream: never a pickle, and memory does not grow with what is packed."""

from __future__ import annotations

import errno
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from klbench.dumps.containers.arrays import Column
from klbench.dumps.containers.arrays import records as rows_of
from klbench.dumps.containers.container import Container, Record, Unusable, from_disk, torn
from klbench.dumps.notices import Notices

_KINDS = "biufU"
"""NumPy's kinds of numbers, truth values and text."""
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, KeyError)
_OF_ARCHIVE = (None, errno.EINVAL)
"""What an OSError says where a place in the archive is none; any other comes from the disk."""


def records(path: Path, notices: Notices) -> Iterator[Record]:  # noqa: ARG001
    """The rows of the arrays, from 0.

    Raises:
        SpecError: it is no .npz, it is torn, or there is nothing in it that can be read.
    """
    with from_disk(path):
        with _readable(path):
            archive = zipfile.ZipFile(path)
        with archive:
            columns = {}
            for member in archive.infolist():
                if member.filename.endswith(".npy"):
                    columns[member.filename.removesuffix(".npy")] = _column(path, archive, member)
            yield from rows_of(path, columns)


def _column(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Column | Unusable:
    name = member.filename.removesuffix(".npy")
    with _readable(path, f"array {name}: "):
        file = archive.open(member)
        shape, by_columns, dtype = _header(file)
    if dtype.hasobject:
        help = (
            "numpy.savez of lists makes such an array; save numbers as float64 and text as str, padded to one length",
        )
        return Unusable("is an array of Python objects, which NumPy keeps as a pickle; klbench opens none", help)
    if dtype.kind not in _KINDS or (dtype.itemsize > 8 and dtype.kind != "U"):
        return Unusable(f"has the dtype {dtype}", ("numbers: float16, float32, float64, integers or bool",))
    size = dtype.itemsize
    for length in shape:
        size *= length
    there = member.file_size - file.tell()
    if there != size:
        raise torn(path, ".npz", f"array {name} has {there:,} bytes, and {shape} {dtype} takes {size:,}")
    whole = by_columns and len(shape) > 1
    return Column(shape, _whole(path, file, shape, dtype) if whole else _stream(path, file, shape, dtype))


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, Any]:
    from numpy.lib import format as layout

    version = layout.read_magic(file)
    read = {(1, 0): layout.read_array_header_1_0, (2, 0): layout.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"version {version} of the format")
    shape, by_columns, dtype = read[version](file)
    return shape, by_columns, dtype


def _stream(path: Path, file: IO[bytes], shape: tuple[int, ...], dtype: Any) -> Callable[[int, int], Any]:
    """Rows in order, from where the last ones ended."""

    def block(start: int, stop: int) -> Any:
        import numpy as np

        inside = shape[1:]
        size = (stop - start) * int(np.prod(inside, dtype=np.int64)) * dtype.itemsize
        return np.frombuffer(_bytes(path, file, size), dtype).reshape(stop - start, *inside)

    return block


def _whole(path: Path, file: IO[bytes], shape: tuple[int, ...], dtype: Any) -> Callable[[int, int], Any]:
    """Rows of an array that is stored column by column, for which all of it is needed."""
    kept: list[Any] = []

    def block(start: int, stop: int) -> Any:
        import numpy as np

        if not kept:
            size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            kept.append(np.frombuffer(_bytes(path, file, size), dtype).reshape(shape, order="F"))
        return np.ascontiguousarray(kept[0][start:stop])

    return block


@contextmanager
def _readable(path: Path, what: str = "") -> Iterator[None]:
    """Around what reads the archive.

    Raises:
        SpecError: it is torn, or no archive.
    """
    try:
        yield
    except _FAULTS as error:
        raise torn(path, ".npz", f"{what}{error}") from None
    except OSError as error:
        if error.errno not in _OF_ARCHIVE:
            raise
        raise torn(path, ".npz", f"{what}{error}") from None


def _bytes(path: Path, file: IO[bytes], size: int) -> bytes:
    with _readable(path):
        found = file.read(size)
        if len(found) == size and not file.peek(1):  # type: ignore[attr-defined]
            file.read(1)  # at the end zipfile holds the checksum
    if len(found) < size:
        raise torn(path, ".npz", "it ends too early")
    return found


CONTAINER = Container(".npz", (".npz",), records)
