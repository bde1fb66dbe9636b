"""The whole command line on a spec that measures little, in-process or as a process of its own, and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pytest

import klbench
from klbench.cli import main

SPEC = """\
name: small
samples: 2000
estimators: [k1, k2, k3]
pairs:
  - name: shift
    q: N(0, 1)
    p: N({mu}, 1)
    grid: {mu: [0.5]}
"""
"""Fields stand at 1:7, 2:10, 3:13, 6:8, 7:8 and 8:16."""

FILES = {"results.csv", "manifest.json", "spec.yaml"}


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    status: int
    out: str
    err: str

    def refuses(self, status: int, *parts: str) -> None:
        """Assert a short error with ``parts``, the status, and no sign of a crash."""
        assert self.status == status, self.err
        assert "Traceback" not in self.err
        assert "bug in klbench" not in self.err
        assert self.err.startswith("error: ")
        assert len(self.err) < 3000
        for part in parts:
            assert part in self.err


def edited(before: str, after: str) -> str:
    """The spec with one piece replaced."""
    assert SPEC.count(before) == 1
    return SPEC.replace(before, after)


def left_in(folder: Path) -> set[str]:
    """Every file under a folder, relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder to work in, with nothing but the spec in it."""
    (tmp_path / "s.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


@pytest.fixture
def call(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Call the command line in this process."""

    def call(*arguments: str) -> Ended:
        with chdir(here), pytest.raises(SystemExit) as ended:
            main(arguments)
        return Ended(int(ended.value.code or 0), *capsys.readouterr())

    return call


@pytest.fixture
def start(here: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start the command line in a process of its own, its streams redirected as a shell writes it."""

    def start(*arguments: str, code: str = "", redirect: str = "", **environment: str) -> subprocess.Popen[bytes]:
        root = str(Path(klbench.__file__).parents[1])
        program = ["-c", code] if code else ["-m", "klbench"]
        return subprocess.Popen(
            ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, *program, *arguments],
            cwd=here,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": root, **environment},
        )

    return start


@pytest.fixture
def finish() -> Callable[..., Ended]:
    """Wait for a process."""

    def finish(process: subprocess.Popen[bytes], seconds: float = 60) -> Ended:
        out, err = process.communicate(timeout=seconds)
        return Ended(process.returncode, out.decode(), err.decode())

    return finish
