"""running.csv: what a run to a precision had measured at each of its checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from klbench.report.columns import Value, columns_in
from klbench.report.csv_file import CsvFile
from klbench.report.frame import csv_text
from klbench.report.line import Key
from klbench.report.lines import parameter, row_of
from klbench.results import Results
from klbench.row import Row

NAME = "running.csv"
_COLUMNS = (
    *("pair", "estimator", "level", "aggregation", "target", "placement", "weighting", "dtype", "samples"),
    *("mean", "mean_mcse", "bias_over_true", "bias_over_true_mcse", "stdev_over_true", "stdev_over_true_mcse"),
    *("cosine", "cosine_mcse", "khat"),
)
"""Those of results.csv, as far as it has them; the grid parameters stand after the pair."""


def to_running_csv(results: Results) -> str | None:
    """The text of running.csv; None of a run that was not to a precision."""
    written = list(_lines(results))
    return csv_text(written) if written else None


def running_rows(file: CsvFile | None, names: Sequence[str]) -> Mapping[Key, tuple[Row, ...]]:
    """The rows of each case, by its pair and its grid parameters, of which ``names`` are the columns.

    Raises:
        SpecError: the file is broken, located.
    """
    found: dict[Key, list[Row]] = {}
    for number, record in file.records(("pair", "estimator", "samples")) if file is not None else ():
        assert file is not None
        parameters = {name: parameter(name, record[name], number, file) for name in names if record.get(name)}
        key = (record["pair"], tuple(sorted(parameters.items())))
        found.setdefault(key, []).append(row_of(record, number, file))
    return {key: tuple(rows) for key, rows in found.items()}


def _lines(results: Results) -> Iterator[dict[str, Value]]:
    grid = results.spec.grid_parameters()
    columns = [column for column in columns_in(results) if column.name in (*_COLUMNS, *grid)]
    for result in results.cases:
        for row in result.running:
            yield {column.name: column.value(results.spec.name, result.case, row) for column in columns}
