"""Writing to the two streams in the right order: data to stdout, what is said about it to stderr.

A reader who has seen enough (``| head``) is no error: what comes after goes nowhere, and the command does the
rest of its work.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

from rich.console import RenderableType

from klbench.errors import RunError
from klbench.report.console import rendered


def text(content: str) -> None:
    """Write a text to stdout as it is."""
    _write(sys.stdout, lambda: content)


def data(content: RenderableType) -> None:
    """Write to stdout what Rich draws there."""
    _write(sys.stdout, lambda: rendered(content, like=sys.stdout))


def remark(content: RenderableType) -> None:
    """Write something about the data to stderr, drawn by Rich."""
    _write(sys.stderr, lambda: rendered(content, like=sys.stderr))


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
