"""Writing to the two streams in the right order: data to stdout, what is said about it to stderr."""

from __future__ import annotations

import sys
from contextlib import suppress

from rich.console import RenderableType

from klbench.report.console import on_stderr, rendered


def data(content: RenderableType) -> None:
    """Write data to stdout: a text as it is, anything else as Rich draws it there.

    Raises:
        BrokenPipeError: nobody reads stdout any more.
    """
    sys.stdout.write(content if isinstance(content, str) else rendered(content, like=sys.stdout))
    sys.stdout.flush()


def remark(content: RenderableType) -> None:
    """Write something about the data to stderr; if nobody reads that, it is not said."""
    with suppress(BrokenPipeError):
        on_stderr().file.write(rendered(content, like=sys.stderr))
        sys.stderr.flush()
