"""The files beside results.csv: what data say of themselves, number by number, and the components of gradients.

Components are not judged one by one: the error bar of a rare token is too uncertain for that, and there are many. The
farthest is told of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan, nan

from klbench.compare.difference import Difference
from klbench.compare.draws import Draws, draws_of, error_of_difference
from klbench.compare.judged import ROUNDING, Reading, judged
from klbench.compare.side import CHECKS, COMPONENTS, POSITIONS, Side
from klbench.errors import SpecError
from klbench.report.csv_file import CsvFile
from klbench.report.field import SURPRISE
from klbench.report.line import Key, Line
from klbench.report.numbers import fixed, plain_number
from klbench.wording import counted


@dataclass(frozen=True)
class Kind:
    """A file of data: what its records are matched by, and its numbers with their errors."""

    file: str
    key: tuple[str, ...]
    numbers: Mapping[str, str]


KINDS = (
    Kind(CHECKS, ("check", "level"), {"value": "mcse"}),
    Kind(POSITIONS, ("decile",), {"k1": "k1_mcse", "k3": "k3_mcse"}),
)
_PLACES = ("pair", "estimator", "level", "aggregation", "placement", "weighting", "dtype")


def of_data(a: Side, b: Side, within: float) -> Iterator[Difference]:
    """Every number of the files of data that both have.

    Raises:
        SpecError: such a file is broken, located.
    """
    for kind in KINDS:
        first, second = a.file(kind.file), b.file(kind.file)
        if first is not None and second is not None:
            here, there = _readings(first, kind), _readings(second, kind)
            for key in here:
                if key in there:
                    yield from _data_difference(kind, key, here[key], there[key], within)


def _readings(file: CsvFile, kind: Kind) -> dict[Key, tuple[Reading, Mapping[str, object]]]:
    found: dict[Key, tuple[Reading, Mapping[str, object]]] = {}
    for line, record in file.records((*kind.key, *kind.numbers, *kind.numbers.values())):
        for column, error in kind.numbers.items():
            labels = {"pair": record.get("pair") or None, **{name: record[name] for name in kind.key}}
            key = (*labels.values(), column)
            if key in found:
                raise SpecError(f"two rows of {', '.join(map(str, filter(None, key)))}", location=file.at(line))
            value = file.number(column, record[column], line)
            found[key] = Reading(value, file.number(error, record[error], line)), labels
    return found


def _data_difference(
    kind: Kind,
    key: Key,
    a: tuple[Reading, Mapping[str, object]],
    b: tuple[Reading, Mapping[str, object]],
    within: float,
) -> Iterator[Difference]:
    (first, labels), (second, _) = a, b
    if isnan(first.value) and isnan(second.value):
        return
    pair, *rest, column = map(str, key)
    found = judged(first, second, Draws.INDEPENDENT, within=within)
    where = kind.file if pair == "None" else f"{pair}, {kind.file}"
    number = column if kind.file == POSITIONS else "value"
    labels = {"pair": labels["pair"], "file": kind.file, "row": ", ".join(rest)}
    called = " ".join([*kind.key[:1], *rest]) if kind.file == POSITIONS else ", ".join(rest)
    yield Difference(labels, where, called, number, column, first, second, found, Draws.INDEPENDENT)


@dataclass(frozen=True)
class Components:
    """How two files of components differ.

    Args:
        both, only_a, only_b: how many components there are in both, and in one alone.
        different, far: how many of those in both are other numbers, and how many of these by more than 5 errors.
        largest, where: the z of the farthest, NaN where none has an error, and which it is.
    """

    both: int
    only_a: int
    only_b: int
    different: int
    far: int
    largest: float
    where: str

    @property
    def sentence(self) -> str:
        """What a person is told."""
        said = [f"{COMPONENTS}: {self.different:,} of {counted(self.both, 'component')} differ"]
        if not isnan(self.largest):
            said.append(f"{self.far:,} by more than {SURPRISE:g} errors")
            said.append(f"the farthest by z = {fixed(self.largest, 1, sign='+')} ({self.where})")
        lacking = ((self.only_a, "first"), (self.only_b, "second"))
        return ", ".join([*said, *(f"{count:,} only in the {which}" for count, which in lacking if count)])


def components(a: Side, b: Side, pairs: Mapping[Key, tuple[Line, Line]], *, same_streams: bool) -> Components | None:
    """How the components differ; None where one has none, or all are the same.

    Raises:
        SpecError: such a file is broken, located.
    """
    first, second = a.file(COMPONENTS), b.file(COMPONENTS)
    if first is None or second is None or first.text == second.text:
        return None
    here, there = _components(first), _components(second)
    both = [key for key in here if key in there]
    # they name the precision only where there are several
    rows = {key[:-1] + last: pair for key, pair in pairs.items() for last in (key[-1:], ("",))}
    scores = {key: _score(here[key], there[key], rows.get(key[:-2]), same_streams) for key in both}
    different = [key for key, z in scores.items() if z != 0]
    judged_ones = {key: abs(scores[key]) for key in different if not isnan(scores[key])}
    farthest = max(judged_ones, key=judged_ones.__getitem__) if judged_ones else None
    lacking = len(here) - len(both), len(there) - len(both)
    if not different and not any(lacking):
        return None
    far = sum(z > SURPRISE for z in judged_ones.values())
    largest, where = (nan, "") if farthest is None else (scores[farthest], ", ".join(_names(farthest)))
    return Components(len(both), *lacking, len(different), far, largest, where)


def _score(a: Reading, b: Reading, pair: tuple[Line, Line] | None, same_streams: bool) -> float:
    """By how many errors a component differs: 0 where it is the same, NaN where it has no error."""
    off = b.value - a.value
    if abs(off) <= ROUNDING * max(abs(a.value), abs(b.value)) or (isnan(a.value) and isnan(b.value)):
        return 0.0
    draws = draws_of(*pair, same_streams=same_streams) if pair else Draws.INDEPENDENT
    samples = (pair[0].row.samples, pair[1].row.samples) if pair else (1, 1)
    error = error_of_difference(a.error, b.error, draws, *samples)
    return off / error if error > 0 else nan


def _components(file: CsvFile) -> dict[Key, Reading]:
    found: dict[Key, Reading] = {}
    for line, record in file.records(("pair", "estimator", "parameter", "index", "mean", "mean_mcse")):
        columns = list(record)
        grid = columns[columns.index("pair") + 1 : columns.index("estimator")]
        parameters = {name: file.number(name, record[name], line) for name in grid if record[name]}
        places = [record.get(name, "") for name in _PLACES]
        key: Key = (places[0], tuple(sorted(parameters.items())), *places[1:], record["parameter"], record["index"])
        found[key] = Reading(*(file.number(name, record[name], line) for name in ("mean", "mean_mcse")))
    return found


def _names(key: Key) -> Iterator[str]:
    for part in key:
        if isinstance(part, tuple):
            yield from (f"{name} = {plain_number(value)}" for name, value in part)
        elif part not in ("", "none"):
            yield str(part)
