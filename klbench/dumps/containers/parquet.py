"""Columns of a .parquet by pyarrow (extra ``data``): lists of numbers, numbers, text; a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from klbench.dumps.containers.container import Container, Record, from_disk, torn
from klbench.dumps.notices import Notices
from klbench.errors import RunError, SpecError

ROWS = 256
"""Rows decoded at a time."""


def records(path: Path, notices: Notices) -> Iterator[Record]:  # noqa: ARG001
    """The rows of a file, from 0.

    Raises:
        SpecError: it is no .parquet, or torn, or has no rows.
        RunError: pyarrow is not installed.
    """
    try:
        pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        help = ["pip install 'klbench[data]'", "or write .npz or .jsonl, which need nothing more"]
        raise RunError(f"{path} is a .parquet, which needs pyarrow", help=help) from error
    with from_disk(path), path.open("rb") as file:
        try:
            number = 0
            for batch in parquet.ParquetFile(file).iter_batches(batch_size=ROWS):
                columns = {name: _column(batch.column(index)) for index, name in enumerate(batch.schema.names)}
                for row in range(batch.num_rows):
                    yield Record(f"{path}, row {number}", {name: column[row] for name, column in columns.items()})
                    number += 1
        except pyarrow.ArrowMemoryError as error:
            raise MemoryError(str(error)) from error
        except (pyarrow.ArrowException, OSError, ValueError, LookupError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise torn(path, ".parquet", str(error).splitlines()[0]) from None
    if not number:
        raise SpecError(f"{path} has no rows")


def _column(column: Any) -> Any:
    """A column of a batch as something that has an entry for each row."""
    types = import_module("pyarrow.types")
    kind = column.type
    if types.is_list(kind) or types.is_large_list(kind):
        inside = kind.value_type
        if types.is_floating(inside) or (types.is_integer(inside) and not column.values.null_count):
            return _lists(column)
    return column.to_pylist()


def _lists(column: Any) -> list[Any]:
    """Lists of numbers as slices of one array; a null in them is NaN, a null list None."""
    offsets = column.offsets.to_numpy()
    values = column.values.to_numpy(zero_copy_only=False)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    return [values[offsets[row] : offsets[row + 1]] if there[row] else None for row in range(len(column))]


CONTAINER = Container(".parquet", (".parquet",), records)
