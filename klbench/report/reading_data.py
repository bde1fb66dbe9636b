"""What log-probabilities of a run say of themselves, read back from checks.csv, positions.csv and worst.csv."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import nan
from typing import TYPE_CHECKING, Any

from klbench.report.csv_file import CsvFile

if TYPE_CHECKING:
    from klbench.measure.data import DataResult


def data_of(
    said: Mapping[str, Any] | None,
    pair: str,
    csv: Callable[[str], CsvFile | None],
    *,
    is_first: bool,
) -> DataResult | None:
    """What is told of a pair of data; None of another pair. ``said`` is what the manifest says of it.

    What is told once of a file that is compared in two ways, and names no pair, is told of the first.
    """
    if said is None:
        return None
    # here, since only a dump's results need them: they import torch
    from klbench.measure.data import DataResult
    from klbench.measure.data_checks import Check
    from klbench.measure.data_tables import Position, Worst
    from klbench.stats.estimate import Estimate

    def own(name: str) -> list[Mapping[str, str]]:
        file = csv(name)
        records = [record for _, record in file.records(())] if file is not None else []
        return [record for record in records if (record["pair"] == pair if "pair" in record else is_first)]

    def estimate(line: Mapping[str, str], name: str) -> Estimate:
        return Estimate(_number(line[name]), _number(line[f"{name}_mcse"]))

    return DataResult(
        said=str(said["said"]),
        sequences=int(said["sequences"]),
        tokens=int(said["tokens"]),
        groups=int(said["groups"]),
        checks=tuple(
            Check(line["check"], line["level"], *(_number(line[name]) for name in ("value", "mcse", "z")))
            for line in own("checks.csv")
        ),
        positions=tuple(
            Position(
                int(line["decile"]),
                int(line["first_position"]),
                int(line["last_position"]),
                int(line["tokens"]),
                estimate(line, "k1"),
                estimate(line, "k3"),
            )
            for line in own("positions.csv")
        ),
        worst=tuple(
            Worst(
                line["what"],
                int(line["rank"]),
                line["place"],
                int(line["position"]) if line["position"] else None,
                float(line["log_ratio"]),
                line["text"],
            )
            for line in own("worst.csv")
        ),
    )


def _number(text: str) -> float:
    return float(text) if text else nan
