"""Tensors in a .safetensors: the length of a header, the header in JSON, numbers. Read a block of rows at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any, TypeGuard

from klbench.dumps.containers.arrays import Column
from klbench.dumps.containers.arrays import records as rows_of
from klbench.dumps.containers.container import Container, Record, Unusable, from_disk, torn
from klbench.dumps.notices import Notices

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "BOOL": "|b1",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
}
_LONGEST_HEADER = 100_000_000
"""Bytes, which is the format's own limit."""


def records(path: Path, notices: Notices) -> Iterator[Record]:  # noqa: ARG001
    """The rows of the tensors, from 0.

    Raises:
        SpecError: it is no .safetensors, or it is torn.
    """
    with from_disk(path):
        header, start = _header(path)
        size = path.stat().st_size - start
        around = header.pop("__metadata__", None)
        columns = {name: _column(path, name, about, start, size) for name, about in header.items()}
        yield from rows_of(path, columns, around if isinstance(around, dict) else {})


def _header(path: Path) -> tuple[dict[str, Any], int]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(_LONGEST_HEADER, path.stat().st_size - 8):
            raise torn(path, ".safetensors", f"its header would have {length:,} bytes")
        try:
            header = json.loads(file.read(length).decode())
        except (ValueError, RecursionError) as error:
            raise torn(path, ".safetensors", f"its header is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise torn(path, ".safetensors", "its header is not an object")
    return header, 8 + length


def _column(path: Path, name: str, about: Any, start: int, size: int) -> Column | Unusable:
    shape, begin, end = _place(path, name, about)
    dtype = about.get("dtype")
    if dtype not in _DTYPES:
        return Unusable(f"has the dtype {dtype}", (f"one of {', '.join(_DTYPES)}",))
    wanted = prod(shape) * int(_DTYPES[dtype][-1])
    if end - begin != wanted:
        raise torn(
            path, ".safetensors", f"tensor {name} has {end - begin:,} bytes, and {shape} {dtype} takes {wanted:,}"
        )
    if end > size:
        raise torn(path, ".safetensors", f"tensor {name} ends {end - size:,} bytes after the file")
    return Column(shape, _block(path, start + begin, shape, dtype))


def _place(path: Path, name: str, about: Any) -> tuple[tuple[int, ...], int, int]:
    shape, offsets = (about.get("shape"), about.get("data_offsets")) if isinstance(about, dict) else (None, None)
    if not _whole_numbers(shape) or not _whole_numbers(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise torn(path, ".safetensors", f"tensor {name} has no shape and place")
    return tuple(shape), offsets[0], offsets[1]


def _whole_numbers(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(each) is int and each >= 0 for each in value)


def _block(path: Path, offset: int, shape: tuple[int, ...], dtype: str) -> Callable[[int, int], Any]:
    def block(start: int, stop: int) -> Any:
        import numpy as np

        inside = shape[1:]
        a_row = prod(inside) * int(_DTYPES[dtype][-1])
        with path.open("rb") as file:
            file.seek(offset + start * a_row)
            found = file.read((stop - start) * a_row)
        if len(found) < (stop - start) * a_row:
            raise torn(path, ".safetensors", "it became shorter while it was read")
        numbers = np.frombuffer(found, _DTYPES[dtype]).reshape(stop - start, *inside)
        return _from_bfloat16(numbers) if dtype == "BF16" else numbers

    return block


def _from_bfloat16(numbers: Any) -> Any:
    """The upper halves of float32 numbers as those numbers."""
    import numpy as np

    return (numbers.astype(np.uint32) << 16).view(np.float32)


CONTAINER = Container(".safetensors", (".safetensors",), records)
