"""Reading results.csv back: each line as the ``Row`` it was written from. Nothing here imports torch.

A CSV alone is enough: its header says what is measured, and what stands between ``pair`` and ``q`` are grid parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from klbench.errors import SpecError
from klbench.report.csv_file import CsvFile
from klbench.report.line import Key, Line
from klbench.row import About, Row, columns_of

REQUIRED = ("pair", "q", "p", "estimator", "samples", "seed")
"""Without these columns a file is no results.csv."""
_COLUMNS = columns_of(Row)
_MATCHED = "rows are matched by pair, grid parameters, estimator, level, aggregation, placement, weighting and dtype"


def lines(file: CsvFile) -> tuple[Line, ...]:
    """The rows of a results.csv, in its order.

    Raises:
        SpecError: it is none, a number is broken, or two rows are of the same thing; located.
    """
    found: dict[Key, Line] = {}
    for number, record in file.records(REQUIRED):
        line = _line(number, record, file)
        first = found.setdefault(line.key, line)
        if first is not line:
            message = f"two rows of {line.label}: lines {first.number} and {number}"
            raise SpecError(message, location=file.at(number), help=[_MATCHED])
    if not found:
        raise SpecError("there is no row under the header", location=file.at(1))
    return tuple(found.values())


def _line(number: int, record: Mapping[str, str], file: CsvFile) -> Line:
    columns = list(record)
    parameters = {
        column: parameter(column, record[column], number, file)
        for column in columns[columns.index("pair") + 1 : columns.index("q")]
        if record[column]
    }
    distributions = record["q"], record["p"], record.get("sampler", "")
    return Line(record["pair"], row_of(record, number, file), parameters, *distributions, number=number)


def row_of(record: Mapping[str, str], number: int, file: CsvFile) -> Row:
    """The row in a record; a column that the file does not have keeps its default.

    Raises:
        SpecError: a number is broken, located.
    """
    values: dict[str, Any] = {
        column: _value(_COLUMNS[column], cell, number, file)
        for column, cell in record.items()
        if column in _COLUMNS and cell
    }
    return Row(**values)


def _value(about: About, cell: str, line: int, file: CsvFile) -> object:
    if about.name == "parameters":
        return tuple(cell.split(", "))
    if about.kind == "text":
        return cell
    return (file.count if about.kind == "count" else file.number)(about.name, cell, line)


def parameter(name: str, cell: str, line: int, file: CsvFile) -> float:
    """The value of a grid parameter; a whole number, which is written without a point, stays one.

    Raises:
        SpecError: it is no number, located.
    """
    value = file.number(name, cell, line)
    return int(cell) if cell.lstrip("-").isdecimal() else value
