"""What a person sees while torch is imported, in processes of their own whose stderr is a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_process import INTERRUPTED_AS_IT_IMPORTS

pty = pytest.importorskip("pty", reason="needs a terminal")

SAID = "importing torch ..."
CODE = INTERRUPTED_AS_IT_IMPORTS.replace("MODULE", "'torch'").replace("SENT", "SIGINT")
GONE = f"\r{' ' * len(SAID)}\r"
TORCH_IS_THERE = """
import torch
from klbench.cli.waiting import import_torch
import_torch()
assert torch.get_num_threads() == 1
"""


def stderr_of(*arguments: str, here: Path, code: str | None = None) -> str:
    """What a process writes to a terminal as its stderr."""
    program = ["-m", "klbench"] if code is None else ["-c", code]
    ours, theirs = pty.openpty()
    command = [sys.executable, *program, *arguments]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        command, cwd=here, env=environment, stdout=subprocess.DEVNULL, stderr=theirs, stdin=subprocess.DEVNULL
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    process.wait(timeout=60)
    return written.decode()


@pytest.mark.parametrize("arguments", [["validate", "mine.yaml"], ["run", "mine.yaml"], ["identify", "k3"]])
def test_a_person_is_told_and_the_line_goes_away(here: Path, arguments: list[str]) -> None:
    assert stderr_of(*arguments, here=here).startswith(SAID + GONE)


def test_an_interrupt_takes_the_line_away(here: Path) -> None:
    said = stderr_of("run", "mine.yaml", here=here, code=CODE)
    assert said.startswith(SAID + GONE)
    assert "interrupted" in said.removeprefix(SAID + GONE)


@pytest.mark.parametrize("arguments", [["list", "estimators"], ["run", "mine.yaml", "-q"], ["explain", "k3"]])
def test_who_does_not_wait_is_told_nothing(here: Path, arguments: list[str]) -> None:
    assert SAID not in stderr_of(*arguments, here=here)


def test_what_is_imported_is_not_waited_for(here: Path) -> None:
    assert stderr_of(here=here, code=TORCH_IS_THERE) == ""


def test_a_pipe_is_told_nothing(start: Callable[..., subprocess.Popen[str]]) -> None:
    assert start("validate", "mine.yaml").communicate(timeout=60)[1] == ""
