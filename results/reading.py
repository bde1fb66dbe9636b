"""The committed results of a spec, read back from its files, without the notes and timings of their run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from klbench.report.reading import read_results
from klbench.results import Results
from klbench.row import Row
from klbench.spec.read import read_spec

HERE = Path(__file__).parent


def committed(name: str) -> Results:
    """The committed results of a spec, which can be measured again: its distributions are those of the spec."""
    results, spec = read_results(HERE / name), read_spec(str(HERE / name / "spec.yaml"))
    cases = zip(results.cases, spec.cases(), strict=True)
    read = tuple(replace(one, case=case, notes=(), seconds=0.0) for one, case in cases)
    return replace(results, spec=spec, cases=read)


def rows_of_values(name: str) -> Iterator[Row]:
    """The committed rows of a spec, in their order; its models and files need not be here."""
    return (row for _, row in read_results(HERE / name).rows())
