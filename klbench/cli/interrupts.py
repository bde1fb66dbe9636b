"""Ctrl-C, and SIGTERM, which schedulers and CI send: at once while there is nothing to lose, in good order later.

An interrupt that Python raises inside an import, torch's above all, may be swallowed there or end the process without a
word. So until a run is under way the handler itself says so and leaves; a run, and the writing of its files, gets the
KeyboardInterrupt it needs to stop between two blocks and to clean up.

This is the first module that the command line imports, so that an interrupt while the others are imported is heard too:
it imports next to nothing of klbench itself.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from klbench.cli.waiting import ERASE

INTERRUPTED = 3
"""The exit status: the run could not be finished."""
_STDERR = 2
_Handler = Callable[[int, FrameType | None], None]
_UNTOUCHED = (signal.default_int_handler, signal.SIG_DFL)
"""How Python, and how the system, handles an interrupt. Anything else (nohup, an embedding program) stays as it is."""


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """An interrupt inside ends the process there and then, with its exit status."""
    with _handling(_UNTOUCHED, by=_leave):
        yield


@contextmanager
def under_way() -> Iterator[None]:
    """An interrupt inside is a KeyboardInterrupt."""
    with _handling((_leave,), by=signal.default_int_handler):
        yield


@contextmanager
def _handling(now: Sequence[object], *, by: _Handler) -> Iterator[None]:
    """Handle each interrupt ``by`` another handler, where its handler is one of ``now``."""
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} if is_main else {}
    ours = {number: handler for number, handler in before.items() if handler in now}
    for number in ours:
        signal.signal(number, by)
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


def ignore() -> None:
    """Let no interrupt in any more: what is left to do is to end, with the status that is known."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    # nothing may be imported here, and no buffered stream used: the interrupt may be in the middle of either
    with suppress(OSError):
        os.write(_STDERR, (ERASE if os.isatty(_STDERR) else "").encode() + b"error: interrupted\n")
    os._exit(INTERRUPTED)
