"""Files are written whole or not at all, and faults leave no trace."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from klbench.errors import RunError
from klbench.files import ensure_writable, write_new, write_together

OLD, NEW = {"a.csv": "old a\n", "b.json": "old b\n"}, {"a.csv": "new a\n", "b.json": "neu ‖\n"}


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_files_are_written_into_new_folders_and_over_old_files(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "down"
    for files in (OLD, NEW):
        write_together(folder, files)
        assert contents(folder) == files
    assert (folder / "b.json").read_bytes() == "neu ‖\n".encode()


def test_files_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    write_together(tmp_path, NEW)
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("there", [True, False])
def test_a_disk_that_fills_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, there: bool
) -> None:
    folder = tmp_path / "out" / "name"
    if there:
        write_together(folder, OLD)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full) if call == "fsync" else monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RunError, match=r"cannot write to .*name: No space left on device"):
        write_together(folder, NEW)
    assert contents(folder) == OLD if there else not (tmp_path / "out").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on file sizes")
def test_a_real_limit_on_file_sizes_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom klbench.files import write_together\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_together(Path(sys.argv[1]), {'small': 'x', 'large': 'x' * 5000})\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "out"], capture_output=True, text=True, check=False)
    assert "cannot write to" in done.stderr
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_together(tmp_path / "out", NEW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere"])
def test_a_place_that_cannot_be_written_is_known_before_the_run(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    folder = tmp_path / place
    for attempt in (lambda: ensure_writable(folder), lambda: write_together(folder, NEW)):
        with pytest.raises(RunError, match="cannot write to") as caught:
            attempt()
        assert caught.value.exit_status == 3
    assert contents(tmp_path) == {"file": "mine"}


def test_finding_out_leaves_nothing(tmp_path: Path) -> None:
    ensure_writable(tmp_path / "deep" / "down")
    assert list(tmp_path.iterdir()) == []
    write_together(tmp_path, OLD)
    ensure_writable(tmp_path)
    assert contents(tmp_path) == OLD


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    assert write_new(tmp_path / "a", "first")
    assert not write_new(tmp_path / "a", "second")
    assert contents(tmp_path) == {"a": "first"}
    with pytest.raises(RunError, match="No such file or directory"):
        write_new(tmp_path / "missing" / "a", "text")
