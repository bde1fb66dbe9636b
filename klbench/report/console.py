"""The consoles of the two streams: data on stdout, messages on stderr.

A terminal is written to at its own width. Nothing else has one: in a file, a pipe or a log nothing is cut or wrapped.
"""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console, RenderableType

UNLIMITED = 10_000


def console_for(stream: TextIO) -> Console:
    """A console on ``stream`` without highlighting and markup, which respects NO_COLOR."""
    width = None if stream.isatty() else UNLIMITED
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def on_stderr() -> Console:
    """The console for progress, notes, warnings and errors."""
    return console_for(sys.stderr)


def rendered(renderable: RenderableType, like: TextIO) -> str:
    """The text that printing ``renderable`` on ``like`` writes, without trailing spaces."""
    console = console_for(like)
    with console.capture() as capture:
        console.print(renderable, crop=False)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())
