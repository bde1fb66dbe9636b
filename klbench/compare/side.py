"""One of the two results that are compared: the texts of its files, from a folder, a CSV or a run of this process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from klbench.errors import RunError, SpecError
from klbench.report.csv_file import CsvFile
from klbench.report.line import Line
from klbench.report.lines import lines
from klbench.report.reading import results_below
from klbench.spec.document import decode, read_document
from klbench.spec.nodes import Source, plain_value

if TYPE_CHECKING:
    from klbench.results import Results

RESULTS, COMPONENTS, CHECKS, POSITIONS = "results.csv", "components.csv", "checks.csv", "positions.csv"
SPEC, MANIFEST = "spec.yaml", "manifest.json"
_FILES = (RESULTS, COMPONENTS, CHECKS, POSITIONS, SPEC, MANIFEST)


@dataclass(frozen=True)
class Side:
    """The files of one result: ``texts`` by their names, those that are there; ``name`` is what a person calls it."""

    name: str
    texts: Mapping[str, str]

    def file(self, name: str) -> CsvFile | None:
        """One of its CSV files, None where it has none."""
        place = self.name if self.name.endswith(".csv") else str(Path(self.name, name))
        return CsvFile(place, self.texts[name]) if name in self.texts else None

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The rows of its results.csv.

        Raises:
            SpecError: it is none, located.
        """
        file = self.file(RESULTS)
        assert file is not None
        return lines(file)

    @cached_property
    def spec(self) -> object:
        """Its spec as plain values, None where it has none.

        Raises:
            SpecError: it cannot be read, located.
        """
        if SPEC not in self.texts:
            return None
        return plain_value(read_document(Source(str(Path(self.name, SPEC)), self.texts[SPEC])))

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """What measured it, by name: python, klbench, torch, numpy, device; what its manifest does not say is left
        out."""
        manifest = _loaded(self.texts.get(MANIFEST, ""))
        versions = manifest.get("versions")
        said = {**(versions if isinstance(versions, dict) else {}), "device": manifest.get("device_name")}
        return {name: str(value) for name, value in said.items() if isinstance(value, str)}


def _loaded(text: str) -> Mapping[str, object]:
    try:
        loaded = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def side(source: Results | str | os.PathLike[str]) -> Side:
    """What is compared: results of this process, a results folder, or a results.csv.

    Raises:
        RunError: a file cannot be read.
        SpecError: it is nothing of that.
    """
    if isinstance(source, str | os.PathLike):
        return _at(os.fspath(source))
    from klbench.report.folder import to_files

    texts = to_files(source, datetime.now().astimezone())
    return Side(source.spec.name, {name: text for name, text in texts.items() if text is not None and name in _FILES})


def _at(name: str) -> Side:
    path = Path(name)
    if path.is_dir():
        there = {file: path / file for file in _FILES if (path / file).is_file()}
        if RESULTS not in there:
            raise SpecError(f"there is no {RESULTS} in {name}", help=results_below(path))
        return Side(name, {file: _text(place) for file, place in there.items()})
    if not path.exists():
        raise SpecError(f"there is no {name}", help=["give a results folder, such as results/schulman, or a CSV"])
    return Side(name, {RESULTS: _text(path)})


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}") from None
    if path.name == SPEC:
        return decode(data, str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} is not a text in UTF-8: byte {error.start + 1} is {data[error.start]:#04x}") from None
