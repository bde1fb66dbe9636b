"""The files of a run read back as results: what ``to_files`` writes.

Nothing that a spec names is opened or imported. What a file of an earlier release lacks keeps its default: its notes,
for one, and then the KL of a case of gradients, which no row has, is not known.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from io import StringIO
from math import nan
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from klbench.distributions.expression import Reference
from klbench.engines.record import Record
from klbench.errors import SpecError
from klbench.estimators.vocabulary import REVERSE_KL
from klbench.report.reading_data import data_of
from klbench.results import CaseResult, Crossing, Results
from klbench.row import Components, Row, held_to_exact
from klbench.spec.cases import Case
from klbench.spec.recorded import RecordedSpec, recorded

Line = Mapping[str, str]
Read = Callable[[str], str | None]
"""The text of a file in the folder by its name; None of one that is not there."""

_READ: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "int": lambda text: int(text or 0),
    "float": lambda text: float(text or "nan"),
    "tuple[str, ...]": lambda text: tuple(filter(None, text.split(", "))),
}
_TYPES = {field.name: str(field.type) for field in fields(Row)}
_PER_COMPONENT = ("parameter", "index", "true", "mean", "mean_mcse", "exact", "stdev")
_NEEDED = ("pair", "q", "p", "sampler", "estimator")


@dataclass(frozen=True)
class Kept:
    """The manifest of a run, as far as results need it."""

    said: Mapping[str, Any]

    def case(self, pair: str, parameters: Mapping[str, float]) -> Mapping[str, Any]:
        """What is said of a case; empty where nothing is."""
        for case in self.said.get("cases", ()):
            if case.get("pair") == pair and case.get("parameters") == dict(parameters):
                return dict(case)
        return {}


def read_results(folder: str | PathLike[str]) -> Results:
    """The results of a run from the folder that it wrote, or from its results.csv.

    Raises:
        SpecError: there is no such folder, or it does not hold results.
    """
    place = Path(folder)
    place = place.parent if place.name == "results.csv" else place
    if not place.is_dir():
        raise SpecError(f"there is no folder {str(folder)!r}", help=["name what klbench run has written: results/NAME"])

    def read(name: str) -> str | None:
        try:
            return (place / name).read_bytes().decode()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"{place / name} cannot be read: {error}") from error

    return from_files(read, str(place))


def from_files(read: Read, where: str) -> Results:
    """The results of a run from its files; ``where`` names their folder in errors.

    Raises:
        SpecError: files are missing, or are not what klbench writes.
    """
    texts = {name: read(name) for name in ("results.csv", "spec.yaml")}
    for name, text in texts.items():
        if text is None:
            help = ["a folder that klbench run has written has results.csv and spec.yaml"]
            raise SpecError(f"there is no {name} in {where}", help=help)
    spec = recorded(str(texts["spec.yaml"]), f"{where}/spec.yaml")
    kept = Kept(_manifest(read("manifest.json"), where))
    try:
        lines = lines_of(str(texts["results.csv"]), f"{where}/results.csv")
        components = _components(lines_of(read("components.csv") or "", ""), spec)
        cases = tuple(_cases(lines, components, spec, kept, read))
    except (ValueError, KeyError, TypeError) as error:
        help = [f"{type(error).__name__}: {error}", "run the spec again"]
        raise SpecError(f"{where} does not hold results as klbench writes them", help=help) from error
    crossings = tuple(Crossing(**{**each, **_numbers(each)}) for each in kept.said.get("crossings", ()))
    threads = Record("threads", int(kept.said.get("threads") or 1))
    return Results(
        spec, cases, str(kept.said.get("device", "cpu")), (threads,), float(kept.said.get("seconds", 0.0)), crossings
    )


def lines_of(text: str, where: str) -> list[Line]:
    """The lines of a CSV by their columns.

    Raises:
        SpecError: a line has more or fewer cells than the header.
    """
    reader = csv.DictReader(StringIO(text, newline=""))
    lines: list[Line] = []
    for line in reader:
        if None in line or None in line.values():
            raise SpecError(f"{where}:{reader.line_num} has not as many cells as the header", help=["run it again"])
        lines.append(line)
    return lines


def _manifest(text: str | None, where: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text or "{}")
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise SpecError(f"{where}/manifest.json is not JSON as klbench writes it", help=["run the spec again"])
    return said


def _numbers(said: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among the values, where JSON has a text or null for infinity and NaN."""
    names = ("value", "kl", "size")
    return {name: _float(said.get(name)) for name in names}


def _float(said: Any) -> float:
    return nan if said is None else float(said)


def _cases(
    lines: Sequence[Line],
    components: Mapping[tuple[str, ...], list[Line]],
    spec: RecordedSpec,
    kept: Kept,
    read: Read,
) -> Iterator[CaseResult]:
    """The cases in the order of the rows: those that follow one another with one pair and parameters are a case's."""
    names = spec.grid_parameters()
    missing = {*_NEEDED, *names} - {*(lines[0] if lines else ())}
    if missing:
        raise KeyError(f"no column {', '.join(sorted(missing))}")
    running = _by_case(lines_of(read("running.csv") or "", "running.csv"), names)
    for number, (key, own) in enumerate(_by_case(lines, names).items()):
        case = _case(own[0], names)
        rows = tuple(_row(line, components.get(_key(line, spec), [])) for line in own)
        said = kept.case(case.pair, case.parameters)
        kl, kl_from = _kl(rows)
        yield CaseResult(
            case,
            _float(said["kl"]) if "kl" in said else kl,
            str(said.get("kl_from", kl_from)),
            rows,
            tuple(map(str, said.get("notes", ()))),
            float(said.get("seconds", 0.0)),
            data_of(said.get("data"), case.pair, read, lines_of, is_first=number == 0),
            tuple(_row(line, []) for line in running.get(key, ())),
        )


def _by_case(lines: Sequence[Line], names: Sequence[str]) -> Mapping[tuple[str, ...], list[Line]]:
    """The lines of each case, by its pair and parameters."""
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault((line["pair"], *(line[name] for name in names)), []).append(line)
    return groups


def _case(line: Line, names: Sequence[str]) -> Case:
    roles = {role: Reference(line[role]) for role in ("q", "p", "sampler") if line[role]}
    parameters = {name: _parameter(line[name]) for name in names if line[name]}
    return Case(line["pair"], roles["q"], roles["p"], roles.get("sampler"), parameters)


def _parameter(text: str) -> float:
    """A whole number stays one: it is written without a point."""
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _row(line: Line, components: Sequence[Line]) -> Row:
    """The row of a line; a column that its file does not have keeps its default."""
    known = {name: _READ[_TYPES[name]](text) for name, text in line.items() if name in _TYPES}
    return held_to_exact(Row(**known, components=_vectors(components)))


def _vectors(lines: Sequence[Line]) -> Components | None:
    if not lines:
        return None
    parameter, index = tuple(line["parameter"] for line in lines), tuple(int(line["index"]) for line in lines)
    numbers = {name: np.array([float(line[name] or "nan") for line in lines]) for name in _PER_COMPONENT[2:]}
    return Components(parameter, index, **numbers)


def _components(lines: Sequence[Line], spec: RecordedSpec) -> Mapping[tuple[str, ...], list[Line]]:
    """The lines of components.csv by the row they belong to."""
    found: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in lines:
        found[_key(line, spec)].append(line)
    return found


def _key(line: Line, spec: RecordedSpec) -> tuple[str, ...]:
    """What tells a row of gradients from the others, in results.csv and in components.csv."""
    if not line.get("placement"):
        return ()
    columns = ("pair", *spec.grid_parameters(), "estimator", "level", "aggregation", "placement", "weighting")
    dtype = ["dtype"] if len(spec.dtype) > 1 else []
    return tuple(line.get(column, "") for column in (*columns, *dtype))


def _kl(rows: Sequence[Row]) -> tuple[float, str]:
    """The KL of a case where a row of values has it as its true value."""
    for row in rows:
        if not row.is_gradient and row.target == REVERSE_KL and row.aggregation in ("", "seq-mean-token-sum"):
            return row.true, row.true_from
    return nan, ""
