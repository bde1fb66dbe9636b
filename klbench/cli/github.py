"""What ``-f github`` writes: workflow commands on stdout, and the tables into the summary of the job's step.

A runner reads commands line by line, so that what comes from a spec must not end a line or a property: it is escaped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from klbench.errors import RunError

if TYPE_CHECKING:
    from klbench.errors import Location
    from klbench.report.check import Point
    from klbench.results import Asked

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The environment variable with the path of the summary's file."""
LARGEST = 2**20 - 1
"""Bytes: GitHub shows no summary of 1 MiB or more."""
_TITLE = "klbench check failed"
_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_MESSAGE, ":": "%3A", ",": "%2C"}


def command(name: str, message: str, properties: Mapping[str, object] | None = None) -> str:
    """A workflow command with everything in it escaped: ``::error file=a.yaml,line=3::message``."""
    given = ",".join(f"{key}={_escaped(str(value), _PROPERTY)}" for key, value in (properties or {}).items())
    return f"::{name}{' ' * bool(given)}{given}::{_escaped(message, _MESSAGE)}\n"


def _escaped(text: str, letters: Mapping[str, str]) -> str:
    """The text on one line; a letter that cannot be shown is replaced."""
    return "".join(letters.get(letter) or (letter if letter.isprintable() else "�") for letter in text)


def errors_of(missed: Iterable[Point], spec: Asked) -> Iterator[str]:
    """An error for each check that failed, at the line of the spec that asks for it, where that is a file."""
    for point in missed:
        location = _place(point, spec)
        place = {} if location is None else {"file": location.source, "line": location.line}
        yield command("error", point.text, {**place, "title": _TITLE})


def notice(outcome: str) -> str:
    """The outcome of the run, in a line."""
    return command("notice", outcome, {"title": "klbench"})


def _place(point: Point, spec: Asked) -> Location | None:
    numbers = [number for number, pair in enumerate(spec.pairs) if pair.name == point.pair]
    path = ("expect", *point.expected) if point.expected else ()
    location = spec.place_at("pairs", *numbers[:1], *(path if numbers else ()))
    return location if location is not None and Path(location.source).is_file() else None


def summarise(markdown: str, folder: Path) -> None:
    """Append a document to the step's summary, if there is one, as much of it as the whole file has room for.

    Raises:
        RunError: the file cannot be written.
    """
    name = os.environ.get(SUMMARY)
    if not name:
        return
    path = Path(name)
    try:
        held = path.stat().st_size if path.exists() else 0
        with path.open("ab") as file:
            file.write(fitting(markdown, folder, LARGEST - held).encode())
    except OSError as error:
        raise RunError(f"cannot write the summary {name}: {error.strerror or error}") from None


def fitting(markdown: str, folder: Path, room: int) -> str:
    """The document in at most so many bytes: cut between tables and paragraphs, with a last line that says so."""
    text = markdown if markdown.endswith("\n") else f"{markdown}\n"
    if len(text.encode()) <= room:
        return text
    parts = text.rstrip("\n").split("\n\n")
    kept, left = [""], room
    for number, part in enumerate(parts):
        said = _left_out(len(parts) - number, folder)
        size = len(f"{part}\n\n".encode())
        if size + len(said.encode()) > left:
            return "".join(kept) + (said if len(said.encode()) <= left else "")
        kept.append(f"{part}\n\n")
        left -= size
    return "".join(kept)


def _left_out(parts: int, folder: Path) -> str:
    from klbench.report.escaping import escaped

    what = "the last table or paragraph is" if parts == 1 else f"the last {parts:,} tables and paragraphs are"
    return f"\nA summary has less than 1 MiB: {what} left out; {escaped(str(folder))} has all results.\n"
