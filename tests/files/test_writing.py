"""A file that is written alone: whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from klbench.errors import RunError
from klbench.files.writing import write_new


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    assert write_new(tmp_path / "a", "first ‖\n")
    assert not write_new(tmp_path / "a", "second")
    assert (tmp_path / "a").read_bytes() == "first ‖\n".encode()
    with pytest.raises(RunError, match="No such file or directory"):
        write_new(tmp_path / "missing" / "a", "text")


def test_a_link_that_leads_nowhere_is_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    assert not write_new(tmp_path / "a", "text")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=["full", "interrupted"])
def test_what_cannot_be_written_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def failing(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(RunError if isinstance(error, OSError) else KeyboardInterrupt):
        write_new(tmp_path / "a", "text")
    assert list(tmp_path.iterdir()) == []
