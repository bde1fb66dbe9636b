"""Shards and merge: the bytes of one run; what is missing, there twice, unfinished or of another run is refused."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from klbench.files.store import NAME, read
from tests.faults.conftest import Ended
from tests.faults.test_resume import Finish, Start, blocks_in, results_in

Call = Callable[..., Ended]
PAIRS = "name: small\npairs:\n  - {q: 'N(0, 1)', p: 'N({mu}, 1.1)', grid: {mu: [0.1, 0.5]}}\n"
SPECS = {
    "values": f"{PAIRS}samples: 2M\nestimators: [k1, k3, 'k1_cv(optimal)']\ndtype: [float64, bfloat16]\n",
    "baseline": f"{PAIRS}samples: 1M\nmeasure: gradient\nestimators: [k1, k3]\nbaseline: leave-one-out\nbatch: 48\n",
    "both": f"{PAIRS}samples: 1M\nmeasure: [value, gradient]\nestimators: [k1, 'mine:kl']\n",
    "tokens": "name: small\nsamples: 2M\nmeasure: gradient\nestimators: [k2, k3]\n"
    "pairs: [{q: 'Categorical([0.2, 0.8])', p: 'Categorical([0.5, 0.5])'}]\n",
    "stretches": f"{PAIRS.replace('[0.1, 0.5]', '[0.3]')}samples: 140M\nestimators: [k1]\n",
    "ratio": f"{PAIRS}samples: 1M\nestimators: [k1, k3]\nratio: k1\n",
    "few blocks": f"{PAIRS}samples: 1000\nestimators: [k1, k3]\n",
}


def run_all(call: Call, here: Path, spec: str, of: int, out: str = "out") -> None:
    (here / "s.yaml").write_text(spec)
    (here / "mine.py").write_text("def kl(log_q, log_p):\n    return log_q - log_p\n")
    for number in range(1, of + 1):
        ended = call("run", "s.yaml", "--shard", f"{number}/{of}", "--out", out)
        assert ended.status == 0, ended.err
        assert f"klbench merge {out}/small" in ended.err
        assert ended.out == ""


@pytest.mark.parametrize(("name", "of"), [(name, 3) for name in SPECS] + [("values", 1), ("values", 11)])
def test_all_shards_together_have_the_bytes_of_one_run(call: Call, here: Path, name: str, of: int) -> None:
    if name == "stretches":
        of = 2
    run_all(call, here, SPECS[name], of)
    assert not results_in(here / "out" / "small")
    assert call("run", "s.yaml", "--out", "whole", "-q").status == 0
    ended = call("merge", "out", "--out", "merged", "-q")
    assert (ended.status, ended.err) == (0, "")
    assert results_in(here / "merged" / "small") == results_in(here / "whole" / "small")
    shards = [one.get("shard") for one in manifest(here / "merged")["engines"]]
    assert shards == [f"{number}/{of}" for number in range(1, of + 1)][: len(shards)]
    whole = manifest(here / "whole")
    assert sum(one["blocks"] for one in manifest(here / "merged")["engines"]) == whole["engines"][0]["blocks"]


def manifest(out: Path) -> dict[str, list[dict[str, object]]]:
    loaded: dict[str, list[dict[str, object]]] = json.loads((out / "small" / "manifest.json").read_text())
    return loaded


def test_a_shard_that_was_killed_goes_on(start: Start, call: Call, here: Path) -> None:
    (here / "s.yaml").write_text(SPECS["values"])
    process = start("run", "s.yaml", "samples=20M", "--shard", "1/2", "--out", "out", "-j", "1")
    shard = here / "out" / "small" / "shard-1-of-2"
    while not blocks_in(shard):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    call("merge", "out").refuses(2, "shard 2 of 2 is missing")
    assert call("run", "s.yaml", "samples=20M", "--shard", "2/2", "--out", "out", "-q").status == 0
    call("merge", "out").refuses(2, "shard 1/2 is not finished", "run it again with --shard 1/2")
    ended = call("run", "s.yaml", "samples=20M", "--shard", "1/2", "--out", "out")
    assert "blocks are here" in ended.err.splitlines()[0]
    assert call("merge", "out", "--out", "merged", "-q").status == 0
    assert call("run", "s.yaml", "samples=20M", "--out", "whole", "-q").status == 0
    assert results_in(here / "merged" / "small") == results_in(here / "whole" / "small")


def test_what_does_not_make_one_run_is_refused_by_number(call: Call, here: Path) -> None:
    run_all(call, here, SPECS["few blocks"], 3)
    small = here / "out" / "small"
    shutil.copytree(small / "shard-2-of-3", here / "again")
    call("merge", "out", "again").refuses(2, "shard 2/3 is there twice", "again/blocks.sqlite")
    shutil.rmtree(small / "shard-2-of-3")
    call("merge", "out").refuses(2, "shard 2 of 3 is missing")
    shutil.rmtree(small / "shard-3-of-3")
    call("merge", "out").refuses(2, "shards 2 and 3 of 3 are missing")
    run_all(call, here, SPECS["few blocks"], 2, "two")
    call("merge", "out", "two").refuses(2, "does not go with", "of 2 shards, not of 3", "give only")
    run_all(call, here, SPECS["few blocks"].replace("1000", "2000"), 2, "more")
    shutil.rmtree(here / "more" / "small" / "shard-1-of-2")
    shutil.rmtree(here / "two" / "small" / "shard-2-of-2")
    call("merge", "two", "more").refuses(
        2, "more/small/shard-2-of-2/blocks.sqlite does not go with two", "it is of another spec"
    )
    assert not (here / "results").exists()


def test_a_store_that_is_none_or_torn_is_refused(call: Call, here: Path) -> None:
    call("merge", "nowhere").refuses(2, "nowhere is no folder", NAME)
    (here / "empty").mkdir()
    call("merge", "empty").refuses(2, "empty has no shard in it")
    run_all(call, here, SPECS["few blocks"], 2)
    place = here / "out" / "small" / "shard-2-of-2" / NAME
    whole = place.read_bytes()
    place.write_bytes(b"")
    call("merge", "out").refuses(2, "cannot be read: it is empty", "--fresh")
    place.write_bytes(whole[:5000])
    call("merge", "out").refuses(2, "cannot be read: it is torn", "shard-2-of-2")


def test_what_else_lies_there_is_left_alone(start: Start, call: Call, here: Path) -> None:
    """A run that was cut off, beside its shards; and shards that may only be read."""
    run_all(call, here, SPECS["few blocks"], 2)
    process = start("run", "s.yaml", "samples=1e9", "--out", "out")
    while not blocks_in(here / "out" / "small"):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for shard in (here / "out" / "small").glob("shard-*"):
        shard.chmod(0o555)
    assert call("merge", "out", "--out", "out", "-q").status == 0
    assert blocks_in(here / "out" / "small")
    assert call("run", "s.yaml", "--out", "whole", "-q").status == 0
    assert results_in(here / "out" / "small") == results_in(here / "whole" / "small")


def test_a_refused_call_takes_no_shard_away(call: Call, here: Path) -> None:
    run_all(call, here, SPECS["few blocks"], 2)
    call("run", "s.yaml", "--shard", "1/2", "--out", "out", "-p", "0.1").refuses(2, "cannot run to a precision")
    assert call("merge", "out", "-q").status == 0


def test_other_code_of_a_function_is_refused(start: Start, finish: Finish, call: Call, here: Path) -> None:
    code = "def kl(log_q, log_p):\n    return log_q - log_p\n"
    (here / "other.py").write_text(code)
    run_all(call, here, SPECS["both"].replace("1M", "1000").replace("mine:", "other:"), 1)
    (here / "other.py").rename(here / "away.py")
    ended = finish(start("merge", "out"))  # a process that has not imported it
    ended.refuses(2, "the spec of out/small/shard-1-of-1/blocks.sqlite cannot be read here", "other")
    (here / "other.py").write_text(code.replace("return", "return 2 *"))
    call("merge", "out").refuses(2, "cannot be merged here: it is of other code of your functions")


def test_merge_checks_and_writes_as_run_does(call: Call, here: Path) -> None:
    run_all(call, here, SPECS["values"].replace("2M", "10000"), 2)
    ended = call("merge", "out", "--check", "-f", "csv")
    assert ended.status == 0
    assert ended.out.startswith("spec,pair,mu,q,p,")
    assert "checks passed" in ended.err
    assert (here / "results" / "small" / "results.csv").read_text() == ended.out
    stores = [read(path) for path in sorted((here / "out").rglob(NAME))]
    assert all(stores), "a merge takes nothing away"


REFUSED = {
    "none": (["--shard", "0/3"], "'0/3' is not a shard"),
    "beyond": (["--shard", "4/3"], "I/N"),
    "words": (["--shard", "first"], "'first' is not a shard"),
    "a check": (["--shard", "1/2", "--check"], "a shard has no results: give --check to klbench merge"),
    "a precision": (["--shard", "1/2", "-p", "0.1"], "a shard cannot run to a precision"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_shard_is_refused(call: Call, here: Path, name: str) -> None:
    options, said = REFUSED[name]
    call("run", "s.yaml", *options).refuses(2, said)
    assert not (here / "results").exists()
