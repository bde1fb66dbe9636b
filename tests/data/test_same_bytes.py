"""The same rows give the same bytes, however they are stored, read and measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from klbench.files.store import NAME
from klbench.problems.dump import Dump
from tests.data.dumps import Line, made, write_jsonl, write_npz
from tests.data.runs import called, spec_of, table
from tests.data.second_road import LEVELS

ASKED = tuple(part for _, aggregation in LEVELS if aggregation for part in ("--aggregation", aggregation))
pytestmark = pytest.mark.usefixtures("here")
FILES = ("results.csv", "checks.csv", "positions.csv")
"""worst.csv names the files, which differ."""


def measured(capsys: pytest.CaptureFixture[str], out: str, *arguments: str) -> dict[str, bytes]:
    done = called(capsys, "data", *arguments, "--name", "run", "-o", out, *ASKED)
    assert done.status == 0, done.err
    return {name: (Path(out) / "run" / name).read_bytes() for name in FILES}


def test_one_thread_and_two(capsys: pytest.CaptureFixture[str]) -> None:
    """Of more sequences than a block has."""
    width = 40
    random = np.random.default_rng(31)
    log_q = -random.exponential(1.0, (30_000, width)) - 1e-6
    log_p = np.minimum(log_q + random.normal(0, 0.3, log_q.shape), -1e-9)
    mask = np.arange(width) < random.integers(1, width, (30_000, 1))
    np.savez("run.npz", log_q=log_q, log_p=log_p, mask=mask, group=random.integers(0, 9000, 30_000))
    one, two = (measured(capsys, f"out{threads}", "run.npz", "-j", str(threads)) for threads in (1, 2))
    assert one == two
    assert Path("out1/run/worst.csv").read_bytes() == Path("out2/run/worst.csv").read_bytes()


def stored(lines: Sequence[Line]) -> dict[str, tuple[str, ...]]:
    """The arguments that name the same rows in several ways."""
    write_jsonl(Path("whole.jsonl"), lines)
    write_jsonl(Path("padded.jsonl"), lines, padding=7)
    write_npz(Path("whole.npz"), lines)
    write_npz(Path("padded.npz"), lines, padding=13)
    for part in range(3):
        write_jsonl(Path(f"part{part}.jsonl"), lines[20 * part : 20 * (part + 1)])
    return {
        "whole": ("whole.jsonl",),
        "padded": ("padded.jsonl",),
        "arrays": ("whole.npz",),
        "padded arrays": ("padded.npz",),
        "parts": ("part0.jsonl", "part1.jsonl", "part2.jsonl"),
        "pattern": ("part*.jsonl",),
        "pattern, absolute": (str(Path("part?.jsonl").absolute()),),
    }


def test_files_parts_patterns_and_padding(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        name: measured(capsys, f"out-{number}", *files) for number, (name, files) in enumerate(stored(made(32)).items())
    }
    assert len(found) == 7
    for name, files in found.items():
        assert files == found["whole"], name


def exact(seed: int) -> list[Line]:
    """Rows whose log-ratios are few eighths, so that sums of k1 and k2 are exact in any order."""
    random = np.random.default_rng(seed)
    lines = []
    for line in made(seed, sampler=False, empty=()):
        log_q = -random.integers(1, 40, len(line.mask)) / 8.0
        log_p = np.minimum(log_q + random.integers(-3, 4, len(line.mask)) / 8.0, 0.0)
        lines.append(replace(line, log_q=log_q, log_p=log_p))
    return lines


def test_rows_in_another_order(capsys: pytest.CaptureFixture[str]) -> None:
    """Sums are exact, and groups come in the order in which they are met: what is left is the rounding of squares."""
    lines = exact(33)
    write_jsonl(Path("run.jsonl"), lines)
    together = sorted(lines, key=lambda line: str(line.group))
    Path("other").mkdir()
    write_jsonl(Path("other/run.jsonl"), together)
    names = ("-e", "k1", "-e", "k2")
    measured(capsys, "one", "run.jsonl", *names)
    measured(capsys, "two", "other/run.jsonl", *names)
    pairs = zip(table(Path("one/run/results.csv")), table(Path("two/run/results.csv")), strict=True)
    for one, two in pairs:
        if one["aggregation"] in ("seq-mean-token-sum", "token-mean", ""):
            assert one["mean"] == two["mean"]
        for name in ("mean", "mean_mcse", "stdev"):
            assert float(one[name]) == pytest.approx(float(two[name]), rel=1e-12)


class Stopped(KeyboardInterrupt):
    """As the user's Ctrl-C."""


def interrupted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Run the spec until a block after so many is asked for."""
    real, asked = Dump.block, []

    def block(self: Dump, seed: int, number: int) -> object:
        if number >= 0:
            asked.append(number)
        if len(asked) > after:
            raise Stopped
        return real(self, seed, number)

    with monkeypatch.context() as patched:
        patched.setattr(Dump, "block", block)
        done = called(capsys, "run", "spec.yaml", "-j", "1")
    assert done.status == 3, done.err
    assert not Path("results/mine/results.csv").exists()


def big(seed: int) -> None:
    random = np.random.default_rng(seed)
    log_q = -random.exponential(1.0, (40_000, 30)) - 1e-6
    log_p = np.minimum(log_q + random.normal(0, 0.3, log_q.shape), -1e-9)
    np.savez("run.npz", log_q=log_q, log_p=log_p, mask=np.ones(log_q.shape))


def test_an_interrupted_run_goes_on_and_a_changed_file_starts_anew(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("spec.yaml").write_text(spec_of("run.npz", ["k1", "k3"]), encoding="utf-8")
    big(34)
    assert called(capsys, "run", "spec.yaml", "-o", "whole").status == 0
    interrupted(capsys, monkeypatch, 3)
    assert Path(f"results/mine/{NAME}").exists()
    done = called(capsys, "run", "spec.yaml")
    assert done.status == 0, done.err
    assert "blocks are here" in done.err
    assert Path("results/mine/results.csv").read_bytes() == Path("whole/mine/results.csv").read_bytes()

    Path("results/mine/results.csv").unlink()
    interrupted(capsys, monkeypatch, 3)
    before = Path("run.npz").stat()
    big(35)
    os.utime("run.npz", ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    done = called(capsys, "run", "spec.yaml")
    assert done.status == 0, done.err
    assert "blocks are here" not in done.err
    assert "it is of another content of the files of log-probabilities" in done.err
    assert called(capsys, "run", "spec.yaml", "-o", "anew").status == 0
    assert Path("results/mine/results.csv").read_bytes() == Path("anew/mine/results.csv").read_bytes()
    assert Path("results/mine/results.csv").read_bytes() != Path("whole/mine/results.csv").read_bytes()
