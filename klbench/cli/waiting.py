"""A line on stderr while torch is imported, which takes a second or two, and much longer from a slow disk.

Only a person waits: in a pipe or a log there is no line, and at a terminal it is gone when torch is there.
"""

from __future__ import annotations

import sys

_LINE = "importing torch ..."
ERASE = f"\r{' ' * len(_LINE)}\r"
"""Blanks over the line, which every terminal understands."""


def import_torch(*, quiet: bool = False) -> None:
    """Import torch, and say so meanwhile, and keep it to one thread a call for as long as the process lives.

    Raises:
        RunError: there is no memory for it.
    """
    if "torch" not in sys.modules:
        _import_and_say_so(quiet)
    import torch

    # the cores are used over blocks; and where memory is limited, threads that find no room end the process
    torch.set_num_threads(1)


def _import_and_say_so(quiet: bool) -> None:
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
