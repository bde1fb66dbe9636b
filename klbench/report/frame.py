"""Results as data: a data frame for notebooks, and the text of results.csv and of ``--format json``.

Floats are Python's repr, the shortest text that reads back to the same float. Infinite is ``inf``. What does not exist
is empty in CSV (missing in the data frame, null in JSON). JSON has no infinity: there it is the string ``"inf"``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from klbench.report.columns import Value, columns_in
from klbench.report.numbers import in_json
from klbench.results import Results
from klbench.row import ColumnKind

if TYPE_CHECKING:
    import pandas as pd

PANDAS_DTYPES: dict[ColumnKind, str] = {"text": "object", "count": "Int64", "number": "float64"}
"""The dtype in a data frame for each kind of column."""


def records(results: Results) -> Iterator[dict[str, Value]]:
    """One mapping of column name to value per row of results.csv, in its order; missing is None."""
    columns = columns_in(results)
    for case, row in results.rows():
        yield {column.name: column.value(results.spec.name, case, row) for column in columns}


def to_frame(results: Results) -> pd.DataFrame:
    """The rows of results.csv with its columns, and a dtype for each kind of column."""
    import pandas as pd

    dtypes = {column.name: PANDAS_DTYPES[column.kind] for column in columns_in(results)}
    return pd.DataFrame(list(records(results)), columns=list(dtypes)).astype(dtypes)


def to_csv(results: Results) -> str:
    r"""The text of results.csv: the same bytes for the same numbers, lines ending in ``\n``."""
    return csv_text(list(records(results)))


def csv_text(rows: Sequence[Mapping[str, Value]]) -> str:
    r"""A header and a line for each of some rows with the same columns, at least one; lines end in ``\n``."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return text.getvalue()


def to_json(results: Results) -> str:
    """A list of one object per row, strict JSON."""
    rows = [{name: in_json(value) for name, value in record.items()} for record in records(results)]
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
