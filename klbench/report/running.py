"""running.csv: what a run to a precision had measured at each of its checkpoints."""

from __future__ import annotations

from collections.abc import Iterator

from klbench.report.columns import Value, columns_in
from klbench.report.frame import csv_text
from klbench.results import Results

NAME = "running.csv"
_COLUMNS = (
    *("pair", "estimator", "level", "aggregation", "target", "placement", "weighting", "dtype", "samples"),
    *("mean", "mean_mcse", "bias_over_true", "bias_over_true_mcse", "stdev_over_true", "stdev_over_true_mcse"),
    *("cosine", "cosine_mcse", "khat"),
)
"""Those of results.csv, as far as it has them; the grid parameters stand after the pair."""


def to_running_csv(results: Results) -> str | None:
    """The text of running.csv; None of a run that was not to a precision."""
    lines = list(_lines(results))
    return csv_text(lines) if lines else None


def _lines(results: Results) -> Iterator[dict[str, Value]]:
    grid = results.spec.grid_parameters()
    columns = [column for column in columns_in(results) if column.name in (*_COLUMNS, *grid)]
    for result in results.cases:
        for row in result.running:
            yield {column.name: column.value(results.spec.name, result.case, row) for column in columns}
