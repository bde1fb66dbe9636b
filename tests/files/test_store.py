"""blocks.sqlite: what is put is there, whoever kills the process; what is no store is refused."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from klbench.files.store import NAME, NAMES, Row, Store, UnreadableError, read, remove

IDENTITY = {"spec": "name: x", "seed": "3"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "deep" / NAME


def put(store: Store, sample: int, row: Row) -> None:
    store.put({0: 5}, {(0, sample, 0): row}, "process", "{}")


def test_what_is_put_together_is_there_together_and_each_process_says_its_last_word(place: Path) -> None:
    store = Store(place, IDENTITY)
    store.put({0: 5}, {(0, 0, 0): Row(1, b"a"), (0, 0, 64): Row(2, b"b")}, "one", "first")
    store.put({1: 7}, {}, "two", "other")
    store.put({0: 5}, {(0, 0, 0): Row(3, b"c")}, "one", "last")
    store.close()
    contents = read(place)
    assert contents is not None
    assert contents.cases == {0: 5, 1: 7}
    assert contents.samples == {(0, 0, 0): Row(3, b"c"), (0, 0, 64): Row(2, b"b")}
    assert contents.records == ["last", "other"]


def test_there_is_no_store_until_something_is_put(place: Path) -> None:
    store = Store(place, IDENTITY)
    assert read(place) is None
    put(store, 0, Row(2, b"two"))
    put(store, 1, Row(1, b"one"))
    put(store, 0, Row(3, b"three"))
    store.close()
    contents = read(place)
    assert contents is not None
    assert contents.identity == IDENTITY
    assert contents.cases == {0: 5}
    assert contents.samples == {(0, 0, 0): Row(3, b"three"), (0, 1, 0): Row(1, b"one")}
    assert contents.records == ["{}"]


def test_what_is_put_replaces_what_was_put(place: Path) -> None:
    store = Store(place, IDENTITY)
    put(store, 0, Row(1, bytes(10_000)))
    store.close()
    size = place.stat().st_size
    store = Store(place, IDENTITY)
    for blocks in range(500):
        put(store, 0, Row(blocks, bytes(10_000)))
    store.close()
    assert place.stat().st_size < 3 * size


KILLED = """
import os, signal, sys
from pathlib import Path
from klbench.files.store import Row, Store
store = Store(Path(sys.argv[1]), {"spec": "x"})
for blocks in range(1, 10**6):
    store.put({0: 10**6}, {(0, 0, 0): Row(blocks, bytes([blocks % 256]) * 5000)}, "p", "{}")
    print(blocks, flush=True)
"""


@pytest.mark.parametrize("after", [1, 2, 7, 40])
def test_a_kill_loses_nothing_that_was_put(place: Path, after: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(place)], stdout=subprocess.PIPE, env={**os.environ})
    assert process.stdout is not None
    for _ in range(after):
        line = process.stdout.readline()
    process.kill()
    rest = process.stdout.read().split()
    process.wait()
    process.stdout.close()
    last = max(map(int, [line, *rest]))
    contents = read(place)
    assert contents is not None
    row = contents.samples[0, 0, 0]
    assert last <= row.blocks <= last + 1
    assert row.sums == bytes([row.blocks % 256]) * 5000


def torn(place: Path) -> None:
    store = Store(place, IDENTITY)
    for sample in range(20):
        put(store, sample, Row(2, os.urandom(4000)))
    store.close()
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2])


def foreign(place: Path) -> None:
    place.parent.mkdir()
    database = sqlite3.connect(place)
    database.execute("CREATE TABLE samples (a, b, c, d)")
    database.commit()
    database.close()


def text(place: Path) -> None:
    place.parent.mkdir()
    place.write_text("nothing of the kind\n" * 100)


@pytest.mark.parametrize("make", [torn, foreign, text])
def test_what_is_no_whole_store_is_refused(place: Path, make: object) -> None:
    make(place)  # type: ignore[operator]
    with pytest.raises(UnreadableError):
        read(place)


def test_a_file_without_anything_is_no_store_yet(place: Path) -> None:
    place.parent.mkdir()
    place.touch()
    assert read(place) is None


def test_a_store_is_removed_with_all_its_files(place: Path) -> None:
    store = Store(place, IDENTITY)
    put(store, 0, Row(2, b"two"))
    for name in NAMES:
        place.with_name(name).touch()
    store.close()
    remove(place)
    assert list(place.parent.iterdir()) == []
    remove(place)
