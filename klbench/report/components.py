"""The components of gradients: the text of components.csv, and the same as a data frame.

A softmax over a vocabulary has a component per token, so both are made a row's columns at a time and not cell by cell.
A row whose gradient does not exist has no components, and no lines.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import fields
from io import StringIO
from itertools import repeat
from typing import TYPE_CHECKING, Any

from klbench.report.columns import Column, Value, component_columns_in
from klbench.report.frame import PANDAS_DTYPES
from klbench.results import Results
from klbench.row import Components, Row
from klbench.spec.cases import Case

if TYPE_CHECKING:
    import pandas as pd

_PER_COMPONENT = {field.name for field in fields(Components)}


def to_components_csv(results: Results) -> str:
    r"""The text of components.csv: floats as in results.csv, lines ending in ``\n``."""
    columns = component_columns_in(results)
    lines = [",".join(column.name for column in columns)]
    for case, row, components in _with_components(results):
        cells = (_texts(column, components, _shared(results, column, case, row)) for column in columns)
        lines += map(",".join, zip(*cells, strict=False))  # the cells that all lines share are repeated for each line
    return "\n".join([*lines, ""])


def to_components_frame(results: Results) -> pd.DataFrame:
    """One row per component of each gradient, with the columns of components.csv; none where values were measured."""
    import pandas as pd

    columns = component_columns_in(results)
    dtypes = {column.name: PANDAS_DTYPES[column.kind] for column in columns}
    parts = [
        pd.DataFrame(
            {column.name: _held(column, components, _shared(results, column, case, row)) for column in columns},
            index=range(len(components.index)),
        ).astype(dtypes)
        for case, row, components in _with_components(results)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(dtypes)).astype(dtypes)


def _with_components(results: Results) -> Iterator[tuple[Case, Row, Components]]:
    for case, row in results.rows():
        if row.components is not None:
            yield case, row, row.components


def _shared(results: Results, column: Column, case: Case, row: Row) -> Value:
    """The value that all lines of a row share in this column; None if each component has its own."""
    return None if column.name in _PER_COMPONENT else column.value(results.spec.name, case, row)


def _texts(column: Column, components: Components, shared: Value) -> Iterable[str]:
    """A row's cells in one column as text; the csv module would take as long as everything else together."""
    if column.name not in _PER_COMPONENT:
        return repeat(_quoted(shared))
    held = getattr(components, column.name)
    return ["" if x != x else repr(x) for x in held.tolist()] if column.kind == "number" else map(str, held)


def _quoted(value: Value) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="").writerow([value])
    return text.getvalue() if value is not None else ""


def _held(column: Column, components: Components, shared: Value) -> Any:
    return getattr(components, column.name) if column.name in _PER_COMPONENT else shared
