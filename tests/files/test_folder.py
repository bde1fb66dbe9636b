"""The folder of a run's results is one unit: attacked at every line and at every call of the system."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import klbench
import klbench.files
from klbench.errors import RunError
from klbench.files import exchange, lock
from klbench.files.folder import claim, ensure_writable
from tests.files.results import NAMES, NEW, OLD, OTHERS, add_others, contents, of_run, which, write

CODE = str(Path(klbench.files.__file__).parent)
CALLS = [
    "mkdir",
    "rename",
    "link",
    "unlink",
    "rmdir",
    "chmod",
    "fsync",
    "listdir",
    "open",
    "stat",
    "lstat",
    "access",
    "replace",
]


@pytest.fixture(params=["exchanged", "in two steps"])
def two_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that can exchange two folders, and one that cannot."""
    if request.param == "in two steps":
        monkeypatch.setattr(exchange, "_exchange", lambda *_: errno.EINVAL)


@pytest.mark.usefixtures("two_ways")
def test_files_are_written_into_new_folders_and_over_old_files(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "down"
    for files in (OLD, NEW, OLD):
        write(folder, files)
        assert contents(tmp_path / "deep") == {f"down/{name}": text for name, text in of_run(files).items()}


@pytest.mark.usefixtures("two_ways")
def test_what_is_not_the_runs_survives(tmp_path: Path) -> None:
    folder = tmp_path / "name"
    write(folder, OLD)
    add_others(folder)
    folder.chmod(0o750)
    notes = (folder / "notes.txt").stat().st_ino
    with (folder / "log").open("w") as log:
        for files in (NEW, OLD, NEW):
            write(folder, files)
            log.write("on and on\n")
    assert contents(folder) == {**OTHERS, **of_run(NEW), "log": "on and on\n" * 3}
    assert (folder / "notes.txt").stat().st_ino == notes
    assert (folder / "link").is_symlink()
    assert folder.stat().st_mode & 0o777 == 0o750
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


def test_a_store_that_is_done_with_goes_with_the_old_files(tmp_path: Path) -> None:
    folder = tmp_path / "name"
    write(folder, OLD)
    names = [*NAMES, "blocks.sqlite"]
    with claim(folder, names) as claimed:
        (folder / "blocks.sqlite").write_text("blocks")
        claimed.write({**NEW, "blocks.sqlite": None})
    assert contents(folder) == of_run(NEW)


def test_files_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    write(tmp_path / "name", NEW)
    (tmp_path / "plain").touch()
    (tmp_path / "folder").mkdir()
    assert (tmp_path / "name" / "s.yaml").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "name").stat().st_mode == (tmp_path / "folder").stat().st_mode


def test_a_link_stays_and_its_folder_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "far" / "there", OLD)
    (tmp_path / "near").symlink_to("far/there")
    write(tmp_path / "near", NEW)
    assert (tmp_path / "near").is_symlink()
    assert which(tmp_path / "far" / "there") == "new"


@contextmanager
def stopping(at: int, stop: Callable[[], None]) -> Iterator[list[int]]:
    """Call ``stop`` right before line number ``at`` that klbench.files runs inside; the list counts the lines."""
    lines = [0]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(CODE):
            return None
        if event == "line":
            lines[0] += 1
            if lines[0] == at:
                stop()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(before)


STOPPED = """
import os, sys
from pathlib import Path
from tests.files.results import NEW, OLD, OTHERS, add_others, contents, of_run, which, write
from tests.files.test_folder import exchange, stopping

root, way, how, there = sys.argv[1:]
os.fsync = lambda _: None  # nothing is lost here but time: no power fails
def stop():
    if how == "kill":
        os._exit(9)
    raise KeyboardInterrupt

def child():
    with stopping(at, stop):
        try:
            write(folder, NEW)
        except KeyboardInterrupt:
            os._exit(9)
    os._exit(0)

if way == "steps":
    exchange._exchange = lambda *_: 22
at, seen, status = 0, {}, 9
while status == 9:
    at, folder = at + 1, Path(root) / str(at) / "out" / "name"
    if there:
        write(folder, OLD)
        add_others(folder)
    status = os.waitstatus_to_exitcode(os.waitpid(os.fork() or child(), 0)[1])
    state = which(folder)
    seen[state] = seen.get(state, 0) + 1
    kept = {path.partition("/")[2] for path in contents(folder.parent)} if there else OTHERS
    assert OTHERS.keys() <= set(kept), (at, kept)
    write(folder, OLD if state == "new" else NEW)
    assert contents(folder) == {**of_run(OLD if state == "new" else NEW), **(OTHERS if there else {})}, at
    assert [path.name for path in folder.parent.iterdir()] == ["name"], at
print(at, *seen)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be copied")
@pytest.mark.parametrize("how", ["kill", "interrupt"])
@pytest.mark.parametrize("way", ["exchanged", "steps"])
@pytest.mark.parametrize("there", ["there", ""])
def test_an_end_at_any_line_leaves_one_run_whole(tmp_path: Path, way: str, how: str, there: str) -> None:
    """``os._exit`` runs nothing on the way out, as SIGKILL does not: no clean-up, no unlock but the kernel's."""
    root = Path(klbench.__file__).parents[1]
    command = [sys.executable, "-c", STOPPED, str(tmp_path), way, how, there]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    lines, *seen = done.stdout.split()
    assert int(lines) > 100
    between = {"none"} if there and (way, how) == ("steps", "kill") else set()
    assert set(seen) == {"new", "old" if there else "none"} | between


def failing(monkeypatch: pytest.MonkeyPatch, at: int, code: int) -> list[str]:
    """Let the call number ``at`` of the system fail with an error number; the list has the calls so far."""
    made: list[str] = []

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            made.append(name)
            if len(made) == at:
                raise OSError(code, os.strerror(code))
            return real(*given, **named)

        return call

    monkeypatch.setattr(os, "fsync", lambda _: None)  # the disk itself is not at stake
    for name in CALLS:
        monkeypatch.setattr(os, name, watched(name, getattr(os, name)))
    swap = watched("exchange", exchange._exchange)
    monkeypatch.setattr(exchange, "_exchange", swap)
    return made


@pytest.mark.usefixtures("two_ways")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.ENOENT])
@pytest.mark.parametrize("there", [True, False])
def test_a_failure_of_any_call_leaves_one_run_whole(tmp_path: Path, there: bool, code: int) -> None:
    at, calls, refused = 0, 1, 0
    while at <= calls:
        at, folder = at + 1, tmp_path / str(at) / "out" / "name"
        if there:
            write(folder, OLD)
            add_others(folder)
        with pytest.MonkeyPatch.context() as patch:
            made, error = failing(patch, at, code), None
            try:
                write(folder, NEW)
            except RunError as raised:
                error = raised
            calls = len(made)
        if error is None:
            assert which(folder) == "new", (at, made)
        else:
            assert "cannot write to" in error.message, (at, made)
            assert which(folder) == ("old" if there else "none"), (at, made)
            assert not there or contents(folder) == {**of_run(OLD), **OTHERS}, (at, made)
            refused += 1
        write(folder, NEW)
        assert contents(folder) == {**of_run(NEW), **(OTHERS if there else {})}, (at, made)
        assert [path.name for path in folder.parent.iterdir()] == ["name"], (at, made)
    assert refused > 5


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere", "link"])
def test_a_place_that_cannot_be_written_is_known_before_the_run(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    folder = tmp_path / place
    for attempt in (lambda: ensure_writable(folder), lambda: write(folder, NEW)):
        with pytest.raises(RunError, match="cannot write to") as caught:
            attempt()
        assert caught.value.exit_status == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_finding_out_leaves_nothing(tmp_path: Path) -> None:
    ensure_writable(tmp_path / "deep" / "down", NAMES)
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "name", OLD)
    ensure_writable(tmp_path / "name", NAMES)
    assert contents(tmp_path) == {f"name/{name}": text for name, text in of_run(OLD).items()}


def test_a_second_run_into_a_folder_is_refused_and_says_who_has_it(tmp_path: Path) -> None:
    with claim(tmp_path / "name", NAMES) as claimed:
        with pytest.raises(
            RunError, match=rf"another run writes to .*name: process {os.getpid()} on .*, since 2"
        ) as caught:
            ensure_writable(tmp_path / "name", NAMES)
        assert any("--out" in line for line in caught.value.help)
        write(tmp_path / "other", OLD)
        claimed.write(NEW)
    write(tmp_path / "name", OLD)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["name", "other"]


def test_a_file_system_without_locks_is_written_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(_: int) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(lock, "_lock_now", unsupported)
    write(tmp_path / "name", NEW)
    assert which(tmp_path / "name") == "new"


RACE = """
import sys
from pathlib import Path
from klbench.errors import RunError
from klbench.files.folder import claim
who, counter, wins = sys.argv[1], Path(sys.argv[2]) / "counter", 0
for _ in range(200):
    try:
        with claim(Path(sys.argv[2]) / "name", ["a", "b"]) as claimed:
            inside = counter.read_text()
            counter.write_text(str(int(inside) + 1))  # another one inside would lose one of the two counts
            claimed.write({"a": who, "b": who})
            wins += 1
    except RunError as error:
        assert "another run" in error.message, error.message
print(wins)
"""


def test_processes_that_race_for_a_folder_never_share_it(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    command = [sys.executable, "-c", RACE]
    runs = [
        subprocess.Popen([*command, str(number), str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    wins = [int(run.communicate(timeout=120)[0]) for run in runs]
    assert sum(wins) == int((tmp_path / "counter").read_text()) > 0
    assert len(set(contents(tmp_path / "name").values())) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["counter", "name"]


def test_files_of_a_run_in_a_folder_go_and_those_of_the_user_stay(tmp_path: Path) -> None:
    folder, names = tmp_path / "results" / "mine", ("results.csv", "figures/*.svg")
    with claim(folder, names) as claimed:
        claimed.write({"results.csv": "1", "figures/a.svg": "drawn", "figures/b.svg": "drawn"})
    (folder / "figures" / "deep").mkdir()
    (folder / "figures" / "deep" / "c.svg").write_text("mine")
    (folder / "figures" / "d.png").write_text("mine")
    with claim(folder, names) as claimed:
        claimed.write({"results.csv": "2", "figures/b.svg": "drawn anew"})
    kept = {"figures/deep/c.svg": "mine", "figures/d.png": "mine"}
    assert contents(folder) == {"results.csv": "2", "figures/b.svg": "drawn anew", **kept}
    with claim(folder, names) as claimed:
        claimed.write({"results.csv": "3"})
    assert contents(folder) == {"results.csv": "3", **kept}
    assert [entry.name for entry in folder.parent.iterdir()] == ["mine"]


def test_a_folder_that_held_only_files_of_a_run_goes_with_them(tmp_path: Path) -> None:
    folder, names = tmp_path / "mine", ("results.csv", "figures/*.svg")
    for files in ({"results.csv": "1", "figures/a.svg": "drawn"}, {"results.csv": "2"}):
        with claim(folder, names) as claimed:
            claimed.write(files)
    assert [entry.name for entry in folder.iterdir()] == ["results.csv"]


def test_what_a_kill_left_in_a_folder_is_taken_back(tmp_path: Path) -> None:
    folder, names = tmp_path / "mine", ("results.csv", "figures/*.svg")
    left = tmp_path / f".mine.{'0' * 32}.new" / "figures"
    left.mkdir(parents=True)
    (left / "a.svg").write_text("of the run")
    (left / "mine.png").write_text("moved there")
    folder.mkdir()
    with claim(folder, names):
        pass
    assert contents(tmp_path) == {"mine/figures/mine.png": "moved there"}


def test_what_a_second_write_lacks_is_said(tmp_path: Path) -> None:
    """The results are safe before what is drawn of them is written."""
    first = {"results.csv": "a\n", "manifest.json": "{}"}
    with claim(tmp_path / "run", ("results.csv", "manifest.json", "report.html", "figures/*.svg")) as claimed:
        claimed.write(first)
        assert claimed.state(first).endswith("holds the results of this run, all of them")
        more = {**first, "report.html": "<p>", "figures/a.svg": "<svg>"}
        assert claimed.state(more).endswith("holds the results of this run, without report.html, figures/a.svg")
        assert claimed.state({**first, "manifest.json": "other"}).endswith("is as it was before")
