"""The committed results of a spec, read back from its files, without the notes and timings of their run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from klbench.report.reading import read_results
from klbench.results import Results
from klbench.row import Row

HERE = Path(__file__).parent


def committed(name: str) -> Results:
    """The committed results of a spec."""
    results = read_results(HERE / name)
    return replace(results, cases=tuple(replace(case, notes=(), seconds=0.0) for case in results.cases))


def rows_of_values(name: str) -> Iterator[Row]:
    """The committed rows of a spec, in their order."""
    return (row for _, row in committed(name).rows())
