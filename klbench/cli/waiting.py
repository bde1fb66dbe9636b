"""A line on stderr while torch is imported, which takes a second or two, and much longer from a slow disk.

Only a person waits: in a pipe or a log there is no line, and at a terminal it is gone when torch is there.
"""

from __future__ import annotations

import sys

_LINE = "importing torch ..."
ERASE = f"\r{' ' * len(_LINE)}\r"
"""Blanks over the line, which every terminal understands."""


def import_torch(*, quiet: bool = False) -> None:
    """Import torch, and say so meanwhile, unless it is imported already.

    Raises:
        RunError: there is no memory for it.
    """
    if "torch" in sys.modules:
        return
    from klbench.errors import RunError
    from klbench.memory import LESS_MEMORY, libraries_fit

    if not quiet and sys.stderr.isatty():
        sys.stderr.write(_LINE)
        sys.stderr.flush()
    try:
        if not libraries_fit():
            raise RunError("out of memory: there is no room to load torch", help=LESS_MEMORY)
        import torch  # noqa: F401
    finally:
        if not quiet:
            wipe()


def wipe() -> None:
    """Take the line away, if there may be one."""
    if sys.stderr.isatty():
        sys.stderr.write(ERASE)
        sys.stderr.flush()
