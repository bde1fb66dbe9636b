"""Dumps measured: by the library, and by the command line in this process."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import klbench
import klbench.cli
from klbench.results import Results
from klbench.row import Row


@dataclass(frozen=True)
class Done:
    """What a command ended with."""

    status: int
    out: str
    err: str


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> Done:
    """``klbench ARGUMENTS`` in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        klbench.cli.main(arguments)
    told = capsys.readouterr()
    return Done(int(ended.value.code or 0), told.out, told.err)


def table(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def spec_of(
    files: str | Sequence[str], estimators: Sequence[str], pair: dict[str, Any] | None = None, **keys: Any
) -> str:
    """A spec with one pair of data, as text."""
    one = {"name": "run", "data": files if isinstance(files, str) else list(files), **(pair or {})}
    given = {"name": "mine", "estimators": list(estimators), **keys, "pairs": [one]}
    return yaml.safe_dump(given, sort_keys=False)


def run_of(text: str) -> Results:
    """A spec run by the library."""
    return klbench.run(klbench.read_text(text, "spec.yaml"))


Cell = tuple[str, str, str, str]


def by_cell(results: Results) -> dict[Cell, Row]:
    """Rows by pair, estimator, level and aggregation."""
    return {
        (result.case.pair, row.estimator, row.level, row.aggregation): row
        for result in results.cases
        for row in result.rows
    }
