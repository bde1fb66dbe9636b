"""Runs a user's code: its folder is importable, torch's settings are restored, and its errors are shown as the user's.

While it runs the folder the command was given in is importable, as it is to a script there; afterwards torch's settings
are what they were before. What it raises is shown as the user's, with the place in their file.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from linecache import getline
from pathlib import Path
from traceback import FrameSummary, extract_tb
from typing import TYPE_CHECKING

from klbench.errors import Location, UserError
from klbench.memory import is_out_of_memory

if TYPE_CHECKING:
    from torch import dtype

_LONGEST = 300
"""The most characters of a user's error message that are shown."""
_COLOURS = re.compile(r"\x1b\[[\d;]*[A-Za-z]")


@dataclass(frozen=True)
class Theirs:
    """A user's code.

    Args:
        name: as a spec names it, ``module:function``.
        folder: the one the command was given in; it is importable while the code runs.
    """

    name: str
    folder: str

    @contextmanager
    def running(self, doing: str = "it") -> Iterator[None]:
        """Run the user's code inside; ``doing`` is the subject of the error message.

        Raises:
            UserError: whatever it raises. Interrupts pass, and so does memory that is full: fewer draws may fit.
        """
        with self._torch_as_it_was(), _importable(self.folder):
            try:
                yield
            except (KeyboardInterrupt, UserError):
                raise
            except BaseException as error:
                if is_out_of_memory(error):
                    error.add_note(f"in {self.name}")
                    raise
                hints = ["the error is in that module, not in klbench"]
                raise UserError(f"{doing} raised {_said(error)}", self.name, place(error), hints) from error

    @contextmanager
    def _torch_as_it_was(self) -> Iterator[None]:
        import torch

        dtype, device, is_differentiating = self._dtype, torch.get_default_device(), torch.is_grad_enabled()
        try:
            yield
        finally:
            torch.set_grad_enabled(is_differentiating)
            if torch.get_default_dtype() != dtype:
                torch.set_default_dtype(dtype)
            if torch.get_default_device() != device:
                torch.set_default_device(device)

    @cached_property
    def _dtype(self) -> dtype:
        """The default dtype before any user code has run; later threads may already see the changes of that code."""
        import torch

        return torch.get_default_dtype()


def current_folder() -> str:
    """The current folder; ``.`` if it has been deleted."""
    try:
        return str(Path.cwd())
    except OSError:
        return "."


@contextmanager
def _importable(folder: str) -> Iterator[None]:
    """Make the folder importable inside; each thread adds it once and removes it once."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(folder)


def _said(error: BaseException) -> str:
    """``ValueError: its message``, on one line, cut if it is long, without a terminal's control codes."""
    try:
        text = _COLOURS.sub("", str(error)[: 10 * _LONGEST])
    except Exception:  # its __str__ is the user's code too
        text = ""
    line = "".join(letter if letter.isprintable() else "�" for letter in " ".join(text.split()))
    told = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


def place(error: BaseException) -> Location | None:
    """The innermost line of the user's files that an error came through, or the line of a syntax error."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno and Path(error.filename).is_file():
        line = (error.text or getline(error.filename, error.lineno)).rstrip("\n")
        return Location(error.filename, error.lineno, error.offset or 1, line)
    frames = [frame for frame in extract_tb(error.__traceback__) if _is_a_users(frame)]
    return _location(frames[-1]) if frames else None


def _location(frame: FrameSummary) -> Location:
    line = _line(frame)
    before = line.encode()[: frame.colno or 0].decode(errors="ignore")  # Python counts bytes
    return Location(frame.filename, frame.lineno or 1, len(before) + 1, line)


def _line(frame: FrameSummary) -> str:
    return getline(frame.filename, frame.lineno or 1).rstrip("\n")


def _is_a_users(frame: FrameSummary) -> bool:
    path = Path(frame.filename)
    return bool(_line(frame)) and not any(path.is_relative_to(folder) for folder in _not_a_users())


@cache
def _not_a_users() -> tuple[Path, ...]:
    """The folders of klbench, of Python and of installed packages."""
    installed = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return (Path(__file__).parents[1], *map(Path, installed))
