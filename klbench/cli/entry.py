"""The one place where an error is printed and the exit status set.

0: done. 1: a check failed. 2: the spec or the call is wrong. 3: the run could not be finished.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from klbench.cli import output
from klbench.cli.app import app
from klbench.cli.completion import whole_words
from klbench.cli.interrupts import ignore
from klbench.cli.refusals import show_bug, show_error, show_usage_error
from klbench.errors import Interrupted, KlbenchError, RunError
from klbench.memory import LESS_MEMORY, is_out_of_memory, out_of_memory

NOT_FINISHED = 3
_OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Importing torch makes very many objects and no garbage: looking for some after every 700 takes 0.15 s."""
TYPER_INTERRUPTED = 130
USAGE_ERROR: type[BaseException] = typer.BadParameter.__bases__[0]
"""Every way of calling a command wrongly. typer has no public name for it, only for this one kind."""


def run_and_exit(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with ``arguments`` (the process's own by default) and exit with its status."""
    _survive_closed_streams()
    output.survive_narrow_encodings()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    given = tuple(sys.argv[1:] if arguments is None else arguments)
    with whole_words():
        status = _status(given)
    atexit.register(ignore)  # unloading torch takes a tenth of a second, in which Python's own handlers are gone
    gc.freeze()  # the process ends here: collecting torch's modules one last time would take 0.4 s
    sys.exit(status)


def _status(arguments: Sequence[str]) -> int:
    try:
        status = app(args=arguments, prog_name="klbench", standalone_mode=False, obj=arguments) or 0
        if status == TYPER_INTERRUPTED:
            raise Interrupted("interrupted")
        return int(status)
    except KlbenchError as error:
        show_error(error)
        return error.exit_status
    except USAGE_ERROR as error:
        show_usage_error(error)
        return 2
    except Exception as error:
        if os.environ.get("KLBENCH_TRACEBACK"):
            raise
        _show_unforeseen(error)
        return NOT_FINISHED


def _show_unforeseen(error: Exception) -> None:
    """Print an error from outside klbench: full memory, a stream or file that cannot be used, a bug."""
    if is_out_of_memory(error):
        _show_out_of_memory(error)
    elif isinstance(error, OSError):
        if error.filename is None:
            output.abandon(sys.stdout)  # what it still holds would fail once more at the end of the process
        show_error(RunError(f"cannot use {error.filename or 'standard output'}: {error.strerror or error}"))
    else:
        show_bug(error)


def _show_out_of_memory(error: Exception) -> None:
    try:
        show_error(RunError(out_of_memory(error), help=LESS_MEMORY))
    except Exception as another:
        if not is_out_of_memory(another):
            raise
        os.write(2, b"error: out of memory\n")  # there is none left to say more in


def _survive_closed_streams() -> None:
    """Have somewhere to read from and write to where the shell closed a stream (``>&-``)."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
