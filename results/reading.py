"""The committed results of a spec, read back from its files: rows of values or of gradients, without notes and timings.

results.csv and components.csv do not hold a gradient's KL; that is computed, as a run computes it.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from klbench.engines.record import Record
from klbench.estimators.divergence import REVERSE_KL
from klbench.measure.truth import Truth, true_of
from klbench.problems.build import build_pair
from klbench.results import CaseResult, Results
from klbench.row import Components, Row, held_to_exact
from klbench.spec.cases import Case
from klbench.spec.model import Spec
from klbench.spec.read import read_spec

HERE = Path(__file__).parent

Line = Mapping[str, str]

_READ: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": lambda text: float(text or "nan"),
    "tuple[str, ...]": lambda text: tuple(text.split(", ")),
}
_ONE_COMPONENT = {"parameter": str, "index": int}
_LEVEL = ("level", "aggregation")
"""Of sequences only."""


def committed(name: str) -> Results:
    """The committed results of a spec."""
    spec = read_spec(str(HERE / name / "spec.yaml"))
    rows = list(_gradients(spec) if "gradient" in spec.measure else rows_of_values(name))
    cases = spec.cases()
    count = len(rows) // len(cases)
    groups = [tuple(rows[first : first + count]) for first in range(0, len(rows), count)]
    read = tuple(_case(case, group) for case, group in zip(cases, groups, strict=True))
    return Results(spec, read, device="cpu", engines=(Record("threads", 1),), seconds=0.0)


def rows_of_values(name: str) -> Iterator[Row]:
    """The committed rows of a spec of values, whose models and files need not be here."""
    return map(_value, _records(name, "results.csv"))


def _records(name: str, file: str) -> list[Line]:
    with (HERE / name / file).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def _value(record: Line) -> Row:
    return held_to_exact(Row(**_read(record)))


def _gradients(spec: Spec) -> Iterator[Row]:
    """The rows of a gradient spec, each with the lines of components.csv that are its own."""
    columns = [
        "pair",
        *spec.grid_parameters(),
        "estimator",
        *_LEVEL,
        "placement",
        "weighting",
        *["dtype"][: len(spec.dtype) - 1],
    ]
    lines: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in _records(spec.name, "components.csv"):
        lines[_key(line, columns)].append(line)
    for record in _records(spec.name, "results.csv"):
        components = _components(lines[_key(record, columns)])
        yield held_to_exact(Row(**_read(record), components=components))


def _key(record: Line, columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(record.get(column, "") for column in columns)


def _components(lines: Sequence[Line]) -> Components | None:
    if not lines:
        return None
    exactly = {name: tuple(read(line[name]) for line in lines) for name, read in _ONE_COMPONENT.items()}
    numbers = {
        name: np.array([_READ["float"](line[name]) for line in lines])
        for name in ("true", "mean", "mean_mcse", "exact", "stdev")
    }
    return Components(**exactly, **numbers)


def _read(record: Line) -> dict[str, Any]:
    """The fields of a row; a column that its file does not have keeps its default."""
    named = {field.name: str(field.type) for field in fields(Row)}
    return {name: _READ[named[name]](text) for name, text in record.items() if name in named}


def _case(case: Case, rows: tuple[Row, ...]) -> CaseResult:
    kl = _kl(case, rows)
    return CaseResult(case, kl.value, kl.road, rows, notes=(), seconds=0.0)


def _kl(case: Case, rows: Sequence[Row]) -> Truth:
    for row in rows:
        if not row.is_gradient and row.target == REVERSE_KL.name and row.aggregation in ("", "seq-mean-token-sum"):
            return Truth(row.true, row.true_from)
    return true_of(build_pair(case), REVERSE_KL)
