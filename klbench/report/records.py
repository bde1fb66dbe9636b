"""Records for other programs: mappings of names to values, and their JSON, CSV and Markdown.

JSON has every value as it is, null where there is none. A cell of CSV and Markdown is text: a list is joined by commas,
a mapping is ``loss: KL(q‖p); reward: 0``, nothing is empty.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO

from klbench.report.escaping import escaped

Value = object
Record = Mapping[str, Value]


def as_json(records: Record | Sequence[Record]) -> str:
    """The text of one object, or of a list of them; strict JSON."""
    return json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False, default=list) + "\n"


def as_csv(records: Sequence[Record]) -> str:
    r"""A header and a line for each record, which end in ``\n``; a value that a record lacks is empty."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = _columns(records)
    writer.writerow(columns)
    writer.writerows([cell(record.get(column)) for column in columns] for record in records)
    return text.getvalue()


def as_markdown(records: Sequence[Record]) -> str:
    """A table with a row for each record."""
    columns = _columns(records)
    rows = [columns, ["---"] * len(columns), *([cell(record.get(column)) for column in columns] for record in records)]
    return "".join(f"{line}\n" for line in _lines(rows))


def as_markdown_card(record: Record) -> str:
    """The fields of one record, a line each; empty ones are left out."""
    facts = [[name, text] for name, value in record.items() if (text := cell(value))]
    return "".join(f"{line}\n" for line in _lines([["", ""], ["---", "---"], *facts]))


def cell(value: Value) -> str:
    """A value as text: ``yes`` and ``no`` for truth values."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return "; ".join(f"{name}: {cell(part)}" for name, part in value.items())
        case list() | tuple():
            apart = "; " if any(isinstance(part, Mapping) for part in value) else ", "
            return apart.join(map(_item, value))
        case _:
            return str(value)


def _item(value: Value) -> str:
    return " ".join(filter(None, map(cell, value.values()))) if isinstance(value, Mapping) else cell(value)


def _columns(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record))


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    header, sides, *others = rows
    yield from ("|" + "|".join(f" {escaped(text)} " for text in header) + "|", "|" + "|".join(sides) + "|")
    yield from ("|" + "|".join(f" {escaped(text)} " for text in row) + "|" for row in others)
