"""A CSV file that klbench wrote, read back record by record, with the place of whatever is wrong. No torch here."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from math import isnan

from klbench.errors import Location, SpecError

_LONGEST_CELL = 2**27
"""Characters: a distribution may list the probabilities of every token."""
_QUOTED = 80


@dataclass(frozen=True)
class CsvFile:
    """The text of a CSV file, and the name that errors begin with."""

    name: str
    text: str

    def at(self, line: int) -> Location:
        """The place of a line, counted from 1."""
        lines = self.text.split("\n", line)
        return Location(self.name, line, 1, lines[line - 1].rstrip("\r") if line <= len(lines) else "")

    def records(self, required: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Each record: the line where it starts, and its cells by column.

        Raises:
            SpecError: it is no CSV with the ``required`` columns, located.
        """
        reader, last = csv.reader(StringIO(self.text, newline=""), strict=True), 0
        limit = csv.field_size_limit(_LONGEST_CELL)
        try:
            header = next(reader, [])
            self._check(header, required)
            last = reader.line_num
            for cells in reader:
                line, last = last + 1, reader.line_num
                if len(cells) == len(header):
                    yield line, dict(zip(header, cells, strict=True))
                elif cells:
                    message = f"{len(cells)} cells under a header of {len(header)}"
                    raise SpecError(message, location=self.at(line), help=["is the file cut off?"])
        except csv.Error as error:
            raise SpecError(f"this is not CSV: {error}", location=self.at(last + 1)) from None
        finally:
            csv.field_size_limit(limit)

    def _check(self, header: Sequence[str], required: Sequence[str]) -> None:
        missing = [column for column in required if column not in header]
        if missing:
            help = ["give results folders, or results.csv files, that klbench wrote"]
            raise SpecError(f"not a CSV of klbench: no column {missing[0]!r}", location=self.at(1), help=help)
        twice = [column for column in dict.fromkeys(header) if header.count(column) > 1]
        if twice:
            raise SpecError(f"the column {twice[0]!r} is there twice", location=self.at(1))

    def number(self, column: str, cell: str, line: int) -> float:
        """The number in a cell, which may be infinite; NaN where it is empty.

        Raises:
            SpecError: it is none, located.
        """
        if not cell:
            return float("nan")
        try:
            value = float(cell)
        except ValueError:
            value = float("nan")
        shown = cell[:_QUOTED]
        if isnan(value):
            help = ["a number that does not exist is empty, an infinite one is inf"]
            raise SpecError(f"{column} is {shown!r}, which is no number", location=self.at(line), help=help)
        if column.endswith("mcse") and value < 0:
            raise SpecError(f"{column} is {shown}: an error is not below 0", location=self.at(line))
        return value

    def count(self, column: str, cell: str, line: int) -> int:
        """The whole number in a cell.

        Raises:
            SpecError: it is none, located.
        """
        value = self.number(column, cell, line)
        if not (value.is_integer() and value >= 0):
            raise SpecError(f"{column} is {cell[:_QUOTED]!r}, which is no count", location=self.at(line))
        return int(value)
