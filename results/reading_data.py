"""What a run's log-probabilities say of themselves, read back from checks.csv, positions.csv and worst.csv.

How many sequences and groups there are no file of results says: the dump itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from klbench.measure.data import DataResult
from klbench.measure.data_checks import Check
from klbench.measure.data_tables import Position, Worst
from klbench.spec.cases import Case
from klbench.stats.estimate import Estimate

Line = Mapping[str, str]
Read = Callable[[str], Sequence[Line]]


def data_of(cases: Sequence[Case], read: Read) -> Iterator[DataResult | None]:
    """What is told of each case, None of one that is no data; ``read`` gives the lines of a file."""
    told = {case.pair: case.data.source for case in cases if case.data}
    # what is told of a file once is told of its first comparison
    first = {source: pair for pair, source in reversed(told.items())}
    for case in cases:
        if case.data is None:
            yield None
            continue
        loaded = case.data.source.loaded()
        positions, worst = (_of(case, read(file), alone=len(told) == 1) for file in ("positions.csv", "worst.csv"))
        is_first = first[case.data.source] == case.pair
        checks = _of(case, read("checks.csv"), alone=len(first) == 1) if is_first else []
        yield DataResult(
            loaded.said,
            loaded.packed.sequences,
            loaded.packed.tokens,
            loaded.packed.groups,
            tuple(map(_check, checks)),
            tuple(map(_position, positions)),
            tuple(map(_worst, worst)),
        )


def _of(case: Case, lines: Sequence[Line], *, alone: bool) -> list[Line]:
    return [line for line in lines if alone or line["pair"] == case.pair]


def _check(line: Line) -> Check:
    return Check(line["check"], line["level"], *(_float(line[name]) for name in ("value", "mcse", "z")))


def _position(line: Line) -> Position:
    counts = (int(line[name]) for name in ("decile", "first_position", "last_position", "tokens"))
    return Position(*counts, *(Estimate(_float(line[name]), _float(line[f"{name}_mcse"])) for name in ("k1", "k3")))


def _worst(line: Line) -> Worst:
    place = int(line["position"]) if line["position"] else None
    return Worst(line["what"], int(line["rank"]), line["place"], place, float(line["log_ratio"]), line["text"])


def _float(text: str) -> float:
    return float(text or "nan")
