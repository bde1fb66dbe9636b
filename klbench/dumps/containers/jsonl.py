"""A JSON value a line, plain or packed with gzip or Zstandard; NaN and Infinity as Python's json writes them."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from klbench.dumps.containers.container import STANDARD_INPUT, Container, Record, from_disk, torn
from klbench.dumps.notices import Notices
from klbench.errors import RunError, SpecError

LONGEST_LINE = 2**29
"""Bytes of one line: a sequence of a million tokens with ten columns has a fifth of it."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def records(path: Path, notices: Notices) -> Iterator[Record]:
    """The lines of a file, from 1. Blank lines are none.

    Raises:
        SpecError: a line is not JSON, or too long; what is packed is torn.
        RunError: the system does not give the file, or what unpacks it is not installed.
    """
    name = "standard input" if path == STANDARD_INPUT else str(path)
    with from_disk(path), _opened(path) as file:
        for number, line in enumerate(_lines(file, path), 1):
            if number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if not line.strip():
                continue
            try:
                value = json.loads(line.decode())
            except (ValueError, RecursionError) as error:
                if not line.endswith(b"\n"):  # no line follows: the run was killed as it wrote this one
                    notices.say(f"{name}:{number}: the last line is torn, as a killed run leaves it, and is left out")
                    return
                raise _not_json(f"{name}:{number}", error, line) from None
            yield Record(f"{name}:{number}", value)


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        line = _read(file, path)
        if not line:
            return
        if len(line) > LONGEST_LINE:
            help = ["a sequence a line; what is not log-probs or a mask may be left out"]
            raise SpecError(f"{path}:{number}: the line is longer than {LONGEST_LINE / 2**20:,.0f} MiB", help=help)
        yield line


def _read(file: BinaryIO, path: Path) -> bytes:
    try:
        return file.readline(LONGEST_LINE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise torn(path, "a packed file", error) from None


def _not_json(place: str, error: Exception, line: bytes) -> SpecError:
    why = error.msg if isinstance(error, json.JSONDecodeError) else error
    # a torn line ends in a newline, at which the parser counts columns anew
    at = f" at column {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
    help = ["one JSON object a line, a sequence each"]
    if line.lstrip().startswith(b"["):
        help.append(
            "a file that is one array is made so by: python -c 'import json, sys; "
            "[print(json.dumps(row)) for row in json.load(sys.stdin)]'"
        )
    return SpecError(f"{place}: the line is not JSON{at}: {why}", help=help)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    with path.open("rb") as file:
        name = path.name.lower()
        if name.endswith(".gz"):
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast(BinaryIO, unpacked)
        elif name.endswith(".zst"):
            with _zstandard(file, path) as unpacked:
                yield unpacked
        else:
            yield file


def _zstandard(file: BinaryIO, path: Path) -> BinaryIO:
    import io

    from klbench.dumps.containers.zstandard_stream import Unpacked

    try:
        unpacked = Unpacked(file)
    except ImportError as error:
        help = ["pip install 'klbench[data]'", f"or unpack it: zstd -d {path.name}"]
        raise RunError(f"{path} is packed with Zstandard, which needs the package zstandard", help=help) from error
    return io.BufferedReader(unpacked, 2**20)


CONTAINER = Container(".jsonl", (".jsonl", ".jsonl.gz", ".jsonl.zst"), records)
