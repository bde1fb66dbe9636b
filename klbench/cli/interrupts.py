"""Ctrl-C: at once while there is nothing to lose, in good order while something is under way.

An interrupt that Python raises inside an import, torch's above all, may be swallowed there or end the process without a
word. So until a run is under way the handler itself says so and leaves; a run, and the writing of its files, gets the
KeyboardInterrupt it needs to stop between two blocks and to clean up.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from klbench.cli.refusals import show_error
from klbench.cli.waiting import wipe
from klbench.errors import Interrupted

_Handler = Callable[[int, FrameType | None], None]


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """An interrupt inside ends the process there and then, with its exit status."""
    with _handling(signal.default_int_handler, by=_leave):
        yield


@contextmanager
def under_way() -> Iterator[None]:
    """An interrupt inside is a KeyboardInterrupt again."""
    with _handling(_leave, by=signal.default_int_handler):
        yield


@contextmanager
def _handling(now: _Handler, *, by: _Handler) -> Iterator[None]:
    """Handle an interrupt in another way; where it is not handled as it is ``now``, somebody else has a say in it."""
    is_ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is now
    if is_ours:
        signal.signal(signal.SIGINT, by)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, now)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    interrupted = Interrupted("interrupted")
    wipe()
    show_error(interrupted)
    os._exit(interrupted.exit_status)
