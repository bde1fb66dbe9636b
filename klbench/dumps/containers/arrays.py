"""Columns of one length as records, row by row: [sequences, tokens] arrays, numbers a sequence, lists of lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from klbench.dumps.containers.container import Record, Unusable
from klbench.errors import SpecError
from klbench.wording import few

NUMBERS = 2**20
"""So many numbers of a column are read at a time: 8 MiB."""
LONGEST_ROW = 2**26
"""Numbers in one row: a sequence of 67 million tokens."""


@dataclass(frozen=True)
class Column:
    """One column of a file.

    Args:
        shape: of an array; of a list its length alone.
        block: the rows from one number to another, as something that can be indexed. Asked for in order.
    """

    shape: tuple[int, ...]
    block: Callable[[int, int], Any]


def records(
    path: Path, columns: Mapping[str, Column | Unusable], around: Mapping[str, Any] | None = None
) -> Iterator[Record]:
    """The rows of columns, from 0, a block of rows at a time.

    A column with another number of rows is there as ``Unusable``, and matters only once it is asked for.

    Raises:
        SpecError: there are no columns, or a row is too long.
    """
    rows = _rows(path, columns)
    whole = {name: _usable(column, rows) for name, column in columns.items()}
    unusable: dict[str, Any] = {name: column for name, column in whole.items() if isinstance(column, Unusable)}
    usable = {name: column for name, column in whole.items() if isinstance(column, Column)}
    widest = max((_size(column.shape[1:]) for column in usable.values()), default=1)
    padded = any(len(column.shape) > 1 for column in usable.values())
    at_once = max(1, NUMBERS // max(widest, 1))
    for start in range(0, rows, at_once):
        stop = min(start + at_once, rows)
        blocks = {name: column.block(start, stop) for name, column in usable.items()}
        for row in range(stop - start):
            value = unusable | {name: plain(block[row]) for name, block in blocks.items()}
            yield Record(f"{path}, row {start + row}", value, around or {}, padded)


def plain(value: Any) -> Any:
    """A number of NumPy as Python's own; anything else as it is."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def _rows(path: Path, columns: Mapping[str, Column | Unusable]) -> int:
    """How many rows there are: what most of the arrays with the most dimensions have."""
    shapes = [column.shape for column in columns.values() if isinstance(column, Column) and column.shape]
    if not shapes:
        bad = {name: column for name, column in columns.items() if isinstance(column, Unusable)}
        said = [f"{name} {column.reason}" for name, column in bad.items()]
        help = [*few(said, "and").splitlines(), "[sequences, tokens] arrays log_q, log_p, log_sampler, mask"]
        advice = next((column.help for column in bad.values() if column.help), ())
        raise SpecError(f"{path} has no arrays of log-probabilities", help=[*help, *advice])
    shapes = [shape for shape in shapes if len(shape) > 1] or shapes
    longest = max(_size(shape[1:]) for shape in shapes)
    if longest > LONGEST_ROW:
        raise SpecError(f"{path}: a row has {longest:,} numbers; at most {LONGEST_ROW:,} can be read")
    return Counter(shape[0] for shape in shapes).most_common(1)[0][0]


def _usable(column: Column | Unusable, rows: int) -> Column | Unusable:
    if isinstance(column, Unusable) or (column.shape and column.shape[0] == rows):
        return column
    if not column.shape:
        return Unusable("is a single number", ("a row a sequence",))
    return Unusable(f"has {column.shape[0]:,} rows, other columns have {rows:,}", ("a row a sequence in every array",))


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
