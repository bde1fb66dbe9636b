"""The files of a run read back as results: what ``to_files`` writes.

Nothing that a spec names is opened or imported. What a file of an earlier release lacks keeps its default: its notes,
for one, and then the KL of a case of gradients, which no row has, is not known.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from klbench.distributions.expression import Reference
from klbench.engines.record import Record
from klbench.errors import SpecError
from klbench.estimators.vocabulary import REVERSE_KL
from klbench.report.csv_file import CsvFile
from klbench.report.line import Key, Line
from klbench.report.lines import lines
from klbench.report.reading_data import data_of
from klbench.report.running import running_rows
from klbench.results import CaseResult, Crossing, Results
from klbench.row import Components, Row, held_to_exact
from klbench.spec.cases import Case
from klbench.spec.recorded import RecordedSpec, recorded

Read = Callable[[str], str | None]
"""The text of a file in the folder by its name; None of one that is not there."""
_VECTORS = ("true", "mean", "mean_mcse", "exact", "stdev")
_TOLD = 4
"""Folders of results that are named."""
_PLACES = ("estimator", "level", "aggregation", "placement", "weighting")


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
    help = results_below(place)
    if help and not (place / "results.csv").is_file():
        raise SpecError(f"there is no results.csv in {place}", help=help)
    if not place.is_dir():
        raise SpecError(f"there is no folder {str(folder)!r}", help=["name what klbench run has written: results/NAME"])

    def read(name: str) -> str | None:
        try:
            return (place / name).read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise SpecError(
                f"{place / name} is not UTF-8, as klbench writes it", help=["run the spec again"]
            ) from error
        except OSError as error:
            raise SpecError(f"{place / name} cannot be read: {error}") from error

    return from_files(read, str(place))


def results_below(folder: Path) -> list[str]:
    """A hint at the folders of results in a folder; none where there are none."""
    below = sorted(str(path.parent) for path in folder.glob("*/results.csv"))
    told = f"there are results in {', '.join(below[:_TOLD])}" + " and others" * (len(below) > _TOLD)
    return [told] if below else []


def from_files(read: Read, where: str) -> Results:
    """The results of a run from its files; ``where`` names their folder in errors.

    Raises:
        SpecError: files are missing, or are not what klbench writes.
    """
    for name in ("results.csv", "spec.yaml"):
        if read(name) is None:
            help = ["a folder that klbench run has written has results.csv and spec.yaml"]
            raise SpecError(f"there is no {name} in {where}", help=help)
    spec = recorded(str(read("spec.yaml")), f"{where}/spec.yaml")
    kept = Kept(manifest_of(read("manifest.json"), where))
    files = Files(read, where)
    try:
        cases = tuple(_cases(files, spec, kept))
        crossings = tuple(Crossing(**{**each, **_numbers(each)}) for each in kept.said.get("crossings", ()))
        seconds, threads = float(kept.said.get("seconds", 0.0)), int(kept.said.get("threads") or 1)
    except (ValueError, KeyError, TypeError) as error:
        help = [f"{type(error).__name__}: {error}", "run the spec again"]
        raise SpecError(f"{where} does not hold results as klbench writes them", help=help) from error
    return Results(spec, cases, str(kept.said.get("device", "cpu")), (Record("threads", threads),), seconds, crossings)


def manifest_of(text: str | None, where: str) -> Mapping[str, Any]:
    """What a manifest says; nothing where there is none.

    Raises:
        SpecError: it is not JSON as klbench writes it.
    """
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


@dataclass(frozen=True)
class Files:
    """The CSV files of a folder."""

    read: Read
    where: str

    def csv(self, name: str) -> CsvFile | None:
        """A file; None where there is none."""
        text = self.read(name)
        return None if text is None else CsvFile(f"{self.where}/{name}", text)

    def lines(self, name: str) -> tuple[Line, ...]:
        """The rows of a file with the columns of results.csv.

        Raises:
            SpecError: it is none, located.
        """
        file = self.csv(name)
        return () if file is None else lines(file)


def _cases(files: Files, spec: RecordedSpec, kept: Kept) -> Iterator[CaseResult]:
    """The cases in the order of the rows."""
    names = spec.grid_parameters()
    components = _components(files.csv("components.csv"), names)
    running = running_rows(files.csv("running.csv"), names)
    for number, (key, own) in enumerate(_by_case(files.lines("results.csv")).items()):
        roles = {role: Reference(text) for role, text in own[0].roles.items() if text}
        parameters = {name: own[0].parameters[name] for name in names if name in own[0].parameters}
        case = Case(own[0].pair, roles["q"], roles["p"], roles.get("sampler"), parameters)
        rows = tuple(held_to_exact(replace(line.row, components=components(line))) for line in own)
        said = kept.case(case.pair, case.parameters)
        kl, kl_from = _kl(rows)
        yield CaseResult(
            case,
            _float(said["kl"]) if "kl" in said else kl,
            str(said.get("kl_from", kl_from)),
            rows,
            tuple(map(str, said.get("notes", ()))),
            float(said.get("seconds", 0.0)),
            data_of(said.get("data"), case.pair, files.csv, is_first=number == 0),
            running.get(key, ()),
        )


def _by_case(found: Sequence[Line]) -> Mapping[Key, list[Line]]:
    """The lines of each case, by its pair and parameters."""
    groups: dict[Key, list[Line]] = {}
    for line in found:
        groups.setdefault((line.pair, tuple(sorted(line.parameters.items()))), []).append(line)
    return groups


def _components(file: CsvFile | None, names: Sequence[str]) -> Callable[[Line], Components | None]:
    """The components of a row of gradients, by what the row is of."""
    found: dict[Key, list[tuple[int, Mapping[str, str]]]] = defaultdict(list)
    if file is not None:
        for number, record in file.records(("pair", "estimator", "parameter", "index", *_VECTORS)):
            parameters = {name: file.number(name, record[name], number) for name in names if record.get(name)}
            places = (record.get(name, "") for name in _PLACES)
            # the precision is named only where there are several
            key = (record["pair"], tuple(sorted(parameters.items())), *places, record.get("dtype", ""))
            found[key].append((number, record))

    def of(line: Line) -> Components | None:
        own = found.get(line.key) or found.get((*line.key[:-1], ""))
        return _vectors(own, file) if own and file is not None else None

    return of


def _vectors(own: Sequence[tuple[int, Mapping[str, str]]], file: CsvFile) -> Components:
    parameter = tuple(record["parameter"] for _, record in own)
    index = tuple(file.count("index", record["index"], number) for number, record in own)
    numbers = {name: np.array([file.number(name, record[name], at) for at, record in own]) for name in _VECTORS}
    return Components(parameter, index, **numbers)


def _kl(rows: Sequence[Row]) -> tuple[float, str]:
    """The KL of a case where a row of values has it as its true value."""
    for row in rows:
        if not row.is_gradient and row.target == REVERSE_KL and row.aggregation in ("", "seq-mean-token-sum"):
            return row.true, row.true_from
    return nan, ""
