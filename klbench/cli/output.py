"""Writing to the two streams in the right order: data to stdout, what is said about it to stderr.

A stream whose encoding is narrow gets letters it has (``klbench.letters``). A document for another program is always
UTF-8, except at a terminal.

A reader who has seen enough (``| head``) is no error: what comes after goes nowhere, and the command does the
rest of its work.
"""

from __future__ import annotations

import os
import sys
from codecs import register_error
from collections.abc import Callable
from io import TextIOWrapper
from typing import TextIO

from rich.console import RenderableType

from klbench.errors import RunError
from klbench.letters import ON_ERROR, spelled_out
from klbench.report.console import rendered
from klbench.report.narrow import spelled


def text(content: str) -> None:
    """Write a text to stdout as it is."""
    _write(sys.stdout, lambda: content)


def document(content: str) -> None:
    """Write to stdout a text that is a file elsewhere: Markdown, CSV, JSON."""
    if isinstance(sys.stdout, TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors=ON_ERROR)
    text(content)


def data(content: RenderableType) -> None:
    """Write to stdout what Rich draws there."""
    _draw(sys.stdout, content)


def remark(content: RenderableType) -> None:
    """Write something about the data to stderr, drawn by Rich."""
    _draw(sys.stderr, content)


def survive_narrow_encodings() -> None:
    """Spell out what a stream's encoding lacks, whoever writes it."""
    register_error(ON_ERROR, spelled_out)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=ON_ERROR)


def _draw(stream: TextIO, content: RenderableType) -> None:
    _write(stream, lambda: rendered(spelled(content, stream.encoding or "utf-8"), like=stream))


def _write(stream: TextIO, content: Callable[[], str]) -> None:
    try:
        stream.write(content())  # Rich, drawing, may write what the stream still holds
        stream.flush()
    except BrokenPipeError:
        abandon(stream)
    except OSError as error:
        abandon(stream)
        raise RunError(f"cannot write to {stream.name}: {error.strerror or error}") from error


def abandon(stream: TextIO) -> None:
    """Let whatever is still to come, or still held back, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
