"""A token a line, with the columns sequence and position: sequences one after the other, or mixed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from klbench.dumps.containers.container import Container, Record, from_disk
from klbench.dumps.notices import Notices
from klbench.errors import SpecError

SEQUENCE, POSITION = "sequence", "position"
TEXTS = ("token", "text", "token_text")
"""Columns of text, whatever it looks like."""
_TRUTH = {"true": 1.0, "false": 0.0}
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|nan|inf|infinity)\s*", re.IGNORECASE)


@dataclass
class _Tokens:
    """What was read of one sequence: the line of its first token, positions, a list a column."""

    line: int
    positions: list[int] = field(default_factory=list)
    columns: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Line:
    number: int
    sequence: str
    cells: list[str]


def records(path: Path, notices: Notices) -> Iterator[Record]:
    """The sequences of a file, in the order in which they begin, their tokens by position.

    Sequences that are whole, one after the other, are held one at a time. Where they are mixed all are held at once,
    and that is said.

    Raises:
        SpecError: a column is missing, a line has more or fewer cells, or a position is there twice.
    """
    with from_disk(path):
        header = _header(path)
        if _one_after_the_other(path, header):
            sequences = _streamed(path, header)
        else:
            notices.say(
                f"{path}: its sequences are mixed, so all of it is held in memory; sorted by sequence it is not"
            )
            sequences = _gathered(path, header)
        for key, tokens in sequences:
            yield Record(f"{path}:{tokens.line}", _values(path, header, key, tokens))


def _header(path: Path) -> list[str]:
    header = next((cells for _, cells in _cells(path)), [])
    header = [name.strip() for name in header]
    for name in (SEQUENCE, POSITION):
        if header.count(name) != 1:
            help = [f"its first line: {SEQUENCE},{POSITION},log_q,log_p,mask", f"here: {','.join(header)}"]
            number = "no" if name not in header else "more than one"
            raise SpecError(f"{path}:1: there is {number} column {name}", help=help)
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise SpecError(f"{path}:1: there is more than one column {twice[0]}")
    return header


def _one_after_the_other(path: Path, header: list[str]) -> bool:
    done: set[str] = set()
    last = None
    for line in _lines(path, header):
        if line.sequence != last:
            if line.sequence in done:
                return False
            done.add(line.sequence)
            last = line.sequence
    return True


def _streamed(path: Path, header: list[str]) -> Iterator[tuple[str, _Tokens]]:
    key, tokens = "", None
    for line in _lines(path, header):
        if tokens is None or line.sequence != key:
            if tokens is not None:
                yield key, tokens
            key, tokens = line.sequence, _Tokens(line.number, columns=[[] for _ in header])
        _add(path, header, tokens, line)
    if tokens is not None:
        yield key, tokens


def _gathered(path: Path, header: list[str]) -> Iterator[tuple[str, _Tokens]]:
    found: dict[str, _Tokens] = {}
    for line in _lines(path, header):
        tokens = found.setdefault(line.sequence, _Tokens(line.number, columns=[[] for _ in header]))
        _add(path, header, tokens, line)
    yield from found.items()


def _add(path: Path, header: list[str], tokens: _Tokens, line: _Line) -> None:
    written = line.cells[header.index(POSITION)].strip()
    if not re.fullmatch(r"\d{1,18}", written):
        help = ["the token's place in its sequence, a whole number"]
        raise SpecError(f"{path}:{line.number}: the position is {written!r}", help=help)
    tokens.positions.append(int(written))
    for column, cell in zip(tokens.columns, line.cells, strict=True):
        column.append(cell)


def _values(path: Path, header: list[str], key: str, tokens: _Tokens) -> dict[str, Any]:
    order = sorted(range(len(tokens.positions)), key=tokens.positions.__getitem__)
    for one, next_one in pairwise(order):
        if tokens.positions[one] == tokens.positions[next_one]:
            place, position = f"{path}:{tokens.line}", tokens.positions[one]
            help = ["a position is there once in each sequence; number the tokens of a sequence from 0"]
            raise SpecError(f"{place}: position {position} of sequence {key} is there twice", help=help)
    columns = zip(header, tokens.columns, strict=True)
    kept = {name: [column[index] for index in order] for name, column in columns if name not in (SEQUENCE, POSITION)}
    return {name: column if name in TEXTS else _numbers(column) for name, column in kept.items()}


def _numbers(cells: list[str]) -> list[Any]:
    """Numbers where all that is written are numbers, None where nothing is; else the texts."""
    written = [cell.strip().lower() for cell in cells]
    if all(not cell or cell in _TRUTH or _NUMBER.fullmatch(cell) for cell in written):
        return [None if not cell else _TRUTH[cell] if cell in _TRUTH else float(cell) for cell in written]
    return list(cells)


def _lines(path: Path, header: list[str]) -> Iterator[_Line]:
    at = header.index(SEQUENCE)
    lines = _cells(path)
    next(lines)
    for number, cells in lines:
        if len(cells) != len(header):
            help = ["a line that a killed run tore may be deleted", f"the columns: {','.join(header)}"]
            raise SpecError(f"{path}:{number}: {len(cells)} cells, and {len(header)} columns", help=help)
        yield _Line(number, cells[at], cells)


def _cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not blank, with their numbers from 1."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, ValueError) as error:
                help = ["a token a line, cells parted by commas, in UTF-8"]
                raise SpecError(f"{path}:{reader.line_num or 1}: it is not .csv: {error}", help=help) from None
            if cells:
                yield reader.line_num, cells


CONTAINER = Container(".csv", (".csv",), records)
