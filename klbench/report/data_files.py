"""The files that only log-probabilities of a run have: checks.csv, positions.csv, worst.csv."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isnan
from typing import TYPE_CHECKING

from klbench.report.columns import Value
from klbench.report.frame import csv_text
from klbench.results import Results

if TYPE_CHECKING:
    from klbench.measure.data import DataResult

Record = dict[str, Value]


def to_data_files(results: Results) -> Mapping[str, str | None]:
    """The text of each file by its name; None for one that this run does not have."""
    return {
        "checks.csv": _text(results, _checks, once=True),
        "positions.csv": _text(results, _positions),
        "worst.csv": _text(results, _worst),
    }


NAMES = ("checks.csv", "positions.csv", "worst.csv")


def _text(results: Results, records: Callable[[DataResult], Iterator[Record]], *, once: bool = False) -> str | None:
    """The lines of all cases, with the name of the pair in front where there are several.

    ``once``: a file that is compared in two ways has the lines of the first.
    """
    told = [(result.case, result.data) for result in results.cases if result.data]
    if once:
        # results that were read back have it of the first comparison alone, and no source
        there = [(case, data) for case, data in told if data.checks]
        by_source = {case.data.source if case.data else case.pair: (case, data) for case, data in reversed(there)}
        told = list(by_source.values())[::-1]
    lines = [
        {**({"pair": case.pair} if len(told) > 1 else {}), **record} for case, data in told for record in records(data)
    ]
    return csv_text(lines) if lines else None


def _checks(data: DataResult) -> Iterator[Record]:
    for check in data.checks:
        yield {
            "check": check.check,
            "level": check.level,
            "value": _number(check.value),
            "mcse": _number(check.mcse),
            "z": _number(check.z),
        }


def _positions(data: DataResult) -> Iterator[Record]:
    for one in data.positions:
        yield {
            "decile": one.decile,
            "first_position": one.first,
            "last_position": one.last,
            "tokens": one.tokens,
            "k1": _number(one.k1.value),
            "k1_mcse": _number(one.k1.mcse),
            "k3": _number(one.k3.value),
            "k3_mcse": _number(one.k3.mcse),
        }


def _worst(data: DataResult) -> Iterator[Record]:
    for one in data.worst:
        yield {
            "what": one.what,
            "rank": one.rank,
            "place": one.place,
            "position": one.position,
            "log_ratio": one.log_ratio,
            "text": one.text,
        }


def _number(value: float) -> float | None:
    return None if isnan(value) else value
