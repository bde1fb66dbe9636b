"""A folder of numbers that are too many for memory: it lasts as long as somebody holds it, and goes without a word."""

from __future__ import annotations

import shutil
import weakref
from pathlib import Path
from tempfile import mkdtemp


class Scratch:
    """An empty folder of its own.

    It is removed with the last who holds it, or with the process. ``TemporaryDirectory`` warns of the first, and here
    that is the ordinary end: what is measured is dropped when nobody needs it.
    """

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="klbench-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
