"""Bad files and bad calls: the status, the file and line or row, what to do, and nothing written."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from klbench.dumps.packed import Packer
from tests.data.dumps import made, record_of, write_jsonl
from tests.data.runs import Done, called, table

GOOD = {"log_q": [-1.0, -2.0], "log_p": [-1.1, -2.2], "mask": [1, 1], "group": "a"}
OTHER = {"log_q": [-1.5, -2.0, -0.5], "log_p": [-1.1, -2.1, -0.7], "mask": [1, 1, 0], "group": "b"}
Call = Callable[..., Done]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call klbench in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: called(capsys, *arguments)


def lines(*records: Any, name: str = "run.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return name


def refused(done: Done, *parts: str, status: int = 2) -> None:
    """A short error with these parts and no sign of a crash; nothing on stdout, nothing written."""
    assert done.status == status, done.err
    assert done.err.startswith("error: ")
    assert done.out == ""
    assert "bug in klbench" not in done.err
    for part in parts:
        assert part in done.err
    assert not Path("results").exists()


UNUSABLE = {
    "NaN": (nan, "log_p is NaN at token 1, which counts"),
    "null": (None, "log_p is null at token 1, which counts"),
    "infinite": (-inf, "log_p is -inf at token 1, which counts"),
    "positive": (0.7, "log_p is 0.7 at token 1, which counts"),
    "positively infinite": (inf, "log_p is inf at token 1, which counts"),
    "filler": (-9999.0, "log_p is -9999 at token 1, which counts"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_is_no_log_probability_in_a_line(call: Call, kind: str) -> None:
    value, said = UNUSABLE[kind]
    name = lines(GOOD, OTHER, {**GOOD, "log_p": [-1.0, value]}, GOOD)
    refused(call("data", name), f"run.jsonl:3: {said}", "--skip-bad")


@pytest.mark.parametrize("kind", [kind for kind in UNUSABLE if kind != "null"])
def test_what_is_no_log_probability_in_a_row(call: Call, kind: str) -> None:
    value, said = UNUSABLE[kind]
    log_p = np.full((4, 3), -1.0)
    log_p[2, 1] = value
    np.savez("run.npz", log_q=np.full((4, 3), -1.1), log_p=log_p, mask=np.ones((4, 3)))
    refused(call("data", "run.npz"), f"run.npz, row 2: {said}")


@pytest.mark.parametrize("kind", UNUSABLE)
def test_under_the_mask_it_is_a_filler(call: Call, kind: str) -> None:
    value, _ = UNUSABLE[kind]
    masked = {**GOOD, "log_q": [-1.0, value], "log_p": [-1.0, value], "mask": [1, 0]}
    done = call("data", lines(GOOD, OTHER, masked))
    assert done.status == 0, done.err
    assert table(Path("results/run/results.csv"))[0]["samples"] == "3"


@pytest.mark.parametrize("role", ["log_q", "log_p", "log_sampler"])
def test_in_whatever_column(call: Call, role: str) -> None:
    rows = [record_of(line) for line in made(41, empty=())]
    rows[9][role][0] = nan
    refused(call("data", lines(*rows)), f"run.jsonl:10: {role} is NaN at token 0, which counts")


def test_skip_bad_leaves_them_out_names_and_counts_them(call: Call) -> None:
    bad = [{**GOOD, "log_p": [-1.0, value]} for value, _ in UNUSABLE.values()]
    done = call("data", lines(GOOD, *bad[:3], OTHER, *bad[3:], name="bad.jsonl"), "--skip-bad", "--name", "one")
    assert done.status == 0, done.err
    assert "6 sequences left out" in done.err
    for line in (2, 3):
        assert f"bad.jsonl:{line}" in done.err
    assert call("data", lines(GOOD, OTHER, name="good.jsonl"), "--name", "one", "-o", "two").status == 0
    assert Path("results/one/results.csv").read_bytes() == Path("two/one/results.csv").read_bytes()


def test_nothing_left_by_skip_bad(call: Call) -> None:
    refused(call("data", lines({**GOOD, "log_p": [nan, nan]}), "--skip-bad"), "no sequence that can be measured")


@pytest.mark.parametrize("counted", [[1, 1, 1], None])
@pytest.mark.parametrize("short", [0, 1, 2, 4])
def test_lengths_that_differ(call: Call, short: int, counted: list[int] | None) -> None:
    """One column of a row is shorter or longer, with a mask or without one."""
    row = {"log_q": [-1.0, -2.0, -3.0], "log_p": [-1.0] * short, "group": "a"}
    good = {"log_q": [-1.0, -2.0], "log_p": [-1.1, -2.2]}
    if counted:
        row, good = {**row, "mask": counted}, {**good, "mask": [1, 1]}
    refused(call("data", lines(good, row)), "run.jsonl:2: ", f"log_p {short}")


def test_masks_that_do_not_fit(call: Call) -> None:
    refused(call("data", lines(GOOD, {**GOOD, "mask": [1, 1, 1, 1]})), "run.jsonl:2: ", "the mask of 4 tokens")
    refused(call("data", lines(GOOD, {**GOOD, "mask": [1, 2]})), "run.jsonl:2: mask has 2 at token 1")
    np.savez("run.npz", log_q=-np.ones((2, 3)), log_p=-np.ones((3, 3)), mask=np.ones((2, 3)))
    refused(call("data", "run.npz"), "log_p has 3 rows, other columns have 2")
    np.savez("run.npz", log_q=-np.ones((2, 3)), log_p=-np.ones((2, 3)))
    refused(call("data", "run.npz"), "needs a mask, and there is none", "--mask")


def test_a_column_that_is_missing_in_one_line(call: Call) -> None:
    refused(call("data", lines(GOOD, {"log_q": [-1.0], "mask": [1]})), "run.jsonl:2: there is no log_p")


def test_files_that_are_not_there(call: Call) -> None:
    Path("folder").mkdir()
    refused(call("data", "nothing.jsonl"), "there is no file 'nothing.jsonl'")
    refused(call("data", "none-*.jsonl"), "there is no file 'none-*.jsonl'", "a pattern")
    refused(call("data", "folder"), "'folder' is a folder", "folder/*.jsonl")
    refused(call("data", "folder/"), "'folder/' is a folder")
    refused(call("data"), "FILE")


def test_files_without_anything(call: Call) -> None:
    refused(call("data", lines(name="empty.jsonl")), "empty.jsonl is empty")
    Path("blank.jsonl").write_text("\n\n")
    refused(call("data", "blank.jsonl"), "no sequences")
    masked = {**GOOD, "mask": [0, 0]}
    refused(call("data", lines(masked, masked)), "no sequence that can be measured")
    Path("torn.npz").write_bytes(b"PK\x03\x04")
    refused(call("data", "torn.npz"), "torn.npz cannot be read as .npz")
    Path("what.foo").write_text("what")
    refused(call("data", "what.foo"), "no kind of file", ".jsonl")
    refused(call("data", lines(GOOD, [1, 2])), "run.jsonl:2: ")
    Path("cut.jsonl").write_text(json.dumps(GOOD) + '\n{"log_q": [\n' + json.dumps(GOOD))
    refused(call("data", "cut.jsonl"), "cut.jsonl:2: ", "not JSON")


def test_a_last_line_that_is_torn_is_left_out_and_told(call: Call) -> None:
    Path("cut.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (GOOD, OTHER)) + '{"log_q": [')
    done = call("data", "cut.jsonl")
    assert done.status == 0
    assert "cut.jsonl:3: the last line is torn" in done.err
    assert table(Path("results/cut/results.csv"))[0]["samples"] == "2"


def test_columns_that_are_not_there(call: Call) -> None:
    refused(call("data", lines({"log_q": [-1.0], "mask": [1]})), "there is only log_q")
    refused(call("data", lines({"foo": [-1.0], "bar": [1]})), "its columns: foo and bar", "--log-q")
    refused(call("data", lines(GOOD), "--log-p", "log_pp"), "there is no column log_pp (--log-p)", "log_p")
    refused(call("data", lines(GOOD), "--log-q", "mask"), "run.jsonl:1: log_q is 1 at token 0, which counts")


MISSPELT = {
    "--level": ("tokens", "unknown level 'tokens'", "did you mean token?"),
    "--aggregation": ("token-sum", "unknown aggregation 'token-sum'", "did you mean"),
    "--estimator": ("k33", "unknown estimator 'k33'", "did you mean k3?"),
    "--norm": ("0", "0 is not a number > 0", "a number"),
    "--clip": ("much", "'much' is not a number > 0", "a number"),
    "--name": ("a b", "'a b' is not a name", "letters, digits"),
    "--mask": ("", "'--mask'", "is empty"),
    "--worst": ("-1", "'--worst'", "--help"),
}


@pytest.mark.parametrize("option", MISSPELT)
def test_misspelt_options(call: Call, option: str) -> None:
    given, *said = MISSPELT[option]
    refused(call("data", lines(GOOD, OTHER), option, given), *said)


def test_whole_distributions_are_needed(call: Call) -> None:
    for name in ("full", "topk(4)"):
        refused(call("data", lines(GOOD, OTHER), "-e", name), name, "whole distributions", "llama.cpp")


def spec(pair: str = "", estimators: str = "k1", keys: str = "", more: str = "") -> str:
    Path("s.yaml").write_text(
        f"name: s\nestimators: [{estimators}]\n{keys}pairs:\n  - {{name: a, data: run.jsonl{pair}}}\n{more}"
    )
    return "s.yaml"


SPECS: dict[str, tuple[dict[str, str], str, str]] = {
    "full": ({"estimators": "k1, full"}, "s.yaml:2:18", "whole distributions"),
    "gradients": ({"keys": "measure: gradient\n"}, "s.yaml:5:15", "data has values and no gradients"),
    "a precision": ({"keys": "precision: 0.01\n"}, "s.yaml:3:1", "precision is for what is drawn"),
    "a column of no role": ({"pair": ", columns: {logq: x}"}, "s.yaml:4:", "did you mean log_q?"),
    "a column that is not there": ({"pair": ", columns: {log_q: x}"}, "s.yaml:4:21", "there is no column x"),
    "a name twice": ({"more": "  - {name: a, data: run.jsonl}\n"}, "s.yaml:5:12", "two pairs are called 'a'"),
    "q beside data": ({"pair": ', q: "N(0, 1)"'}, "s.yaml:4:32", "unknown key 'q'"),
    "a grid": ({"pair": ", grid: {mu: [1]}"}, "s.yaml:4:32", "unknown key 'grid'"),
    "skip_bad": ({"pair": ", skip_bad: 3"}, "s.yaml:4:", "3"),
}


@pytest.mark.parametrize("kind", SPECS)
def test_specs(call: Call, kind: str) -> None:
    parts, place, said = SPECS[kind]
    lines(GOOD, OTHER)
    for command in ("run", "validate"):
        refused(call(command, spec(**parts)), place, said)


def test_a_spec_of_a_file_with_a_fault(call: Call) -> None:
    lines(GOOD, {**GOOD, "log_q": [nan, -1.0]})
    refused(call("run", spec()), "run.jsonl:2: log_q is NaN at token 0", "s.yaml:4:21")


def test_skip_bad_of_a_spec(call: Call) -> None:
    lines(GOOD, {**GOOD, "log_q": [nan, -1.0]}, OTHER)
    done = call("run", spec(pair=", skip_bad: true"))
    assert done.status == 0, done.err
    assert "1 sequence left out" in done.err


class Unknown:
    """What only a pickle that runs code opens."""


def test_a_pickle_is_not_opened(call: Call) -> None:
    torch.save({"log_q": [Unknown()]}, "run.pt")
    refused(call("data", "run.pt"), "run.pt holds", "klbench never runs what a pickle says", "torch.save")


def test_standard_input(tmp_path: Path) -> None:
    text = "".join(json.dumps(record_of(line)) + "\n" for line in made(42))
    write_jsonl(tmp_path / "run.jsonl", made(42))

    def run(name: str, out: str, given: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "klbench", "data", name, "--name", "run", "-o", out]
        return subprocess.run(command, input=given, cwd=tmp_path, text=True, capture_output=True, check=False)

    piped, named = run("-", "piped", text), run("run.jsonl", "named", "")
    assert (piped.returncode, named.returncode) == (0, 0), piped.stderr
    results = [(tmp_path / out / "run" / "results.csv").read_bytes() for out in ("piped", "named")]
    assert results[0] == results[1]
    nothing = run("-", "none", "")
    assert nothing.returncode == 2
    assert nothing.stderr.startswith("error: ")
    assert not (tmp_path / "none").exists()
    bad = run("-", "none", json.dumps(GOOD) + "\n" + json.dumps({**GOOD, "log_q": [nan, -1.0]}) + "\n")
    assert bad.returncode == 2
    assert "stdin" in bad.stderr
    assert ":2: log_q is NaN at token 0" in bad.stderr


def test_a_machine_that_cannot_hold_the_numbers(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Packer, "_one", full)
    refused(call("data", lines(GOOD, OTHER, name="new.jsonl")), "No space left on device", "TMPDIR", status=3)


def test_a_file_that_cannot_be_read(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    name, real = lines(GOOD, OTHER, name="locked.jsonl"), io.open

    def opening(path: Any, *arguments: Any, **named: Any) -> Any:
        if str(path).endswith(name):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **named)

    monkeypatch.setattr("io.open", opening)
    monkeypatch.setattr("builtins.open", opening)
    refused(call("data", name), "locked.jsonl", "Permission denied", status=3)
