"""The whole command line, in-process or as a process of its own, as in the tests of faults."""

from __future__ import annotations

from tests.faults.conftest import call, finish, here, start

__all__ = ["call", "finish", "here", "start"]
