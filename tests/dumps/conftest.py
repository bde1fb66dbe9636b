"""Small dumps, written as the layouts have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from klbench.dumps.read import OpenDump, open_dump
from klbench.dumps.row import Row

Written = Callable[..., Path]


@pytest.fixture
def lines(tmp_path: Path) -> Written:
    """Writes values as lines of a .jsonl."""

    def write(*values: Any, name: str = "run.jsonl", end: str = "\n") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(value) for value in values) + end, encoding="utf-8")
        return path

    return write


def opened(*paths: Path, **columns: str) -> OpenDump:
    return open_dump(paths, columns)


def rows(*paths: Path, **columns: str) -> list[Row]:
    return list(opened(*paths, **columns).rows())


def values(row: Row, role: str) -> list[float | None]:
    return [None if value is None or value != value else float(value) for value in row.log_probs[role]]  # type: ignore[index]


def mask(row: Row) -> list[float] | None:
    return None if row.mask is None else [float(each) for each in row.mask]  # type: ignore[arg-type]
