"""``klbench run --save``: the file has what was measured, whole or not at all; the command line's refusals."""

from __future__ import annotations

import csv
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from klbench.cli import main
from tests.models import tiny
from tests.models.conftest import Bench

Q, P, HOT = 'Model("q")', 'Model("p")', 'Model("q", temperature=1.3)'
SAMPLES = 70
LENGTH = 12


def run(bench: Bench, *options: str, spec: str = "spec.yaml") -> int:
    folder = bench.folder
    with pytest.raises(SystemExit) as ended:
        main(["run", str(folder / spec), "-q", "--device", "cpu", "--out", str(folder / "out"), *options])
    return int(ended.value.code or 0)


def written(bench: Bench, sampler: str | None = HOT) -> None:
    text = tiny.spec_text(Q, P, sampler, samples=SAMPLES, length=LENGTH, estimators=["k1", "full"])
    (bench.folder / "spec.yaml").write_text(text, encoding="utf-8")


def means(bench: Bench) -> dict[str, float]:
    with (bench.folder / "out" / "tiny" / "results.csv").open(encoding="utf-8", newline="") as file:
        return {row["estimator"]: float(row["mean"]) for row in csv.DictReader(file)}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("sampler", [None, HOT])
def test_npz_has_what_was_measured(bench: Bench, sampler: str | None) -> None:
    written(bench, sampler)
    before = names_in(bench.folder)
    assert run(bench, "--save", str(bench.folder / "scored.npz")) == 0
    with np.load(bench.folder / "scored.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    own = set() if sampler is None else {"log_sampler"}
    assert set(arrays) == {"log_q", "log_p", "mask", "group", "full"} | own
    mask = arrays["mask"]
    assert mask.shape == (SAMPLES, LENGTH)
    assert (np.diff(mask.astype(int), axis=1) <= 0).all()
    assert mask[:, 0].all()
    assert not mask.all()
    assert list(arrays["group"]) == [number % len(tiny.PROMPTS) for number in range(SAMPLES)]
    for name in {"log_q", "log_p"} | own:
        assert (arrays[name][mask] < 0).all()
        assert not arrays[name][~mask].any()
    found = means(bench)
    assert found["k1"] == pytest.approx((arrays["log_q"] - arrays["log_p"])[mask].sum() / SAMPLES, rel=1e-12)
    assert found["full"] == pytest.approx(arrays["full"][mask].sum() / SAMPLES, rel=1e-12)
    # neither what was drawn nor half a file is left
    assert names_in(bench.folder) - before == {"scored.npz", "out"}
    assert "blocks.sqlite" not in names_in(bench.folder / "out" / "tiny")


@pytest.mark.parametrize("sampler", [None, HOT])
@pytest.mark.parametrize("name", ["scored.npz", "scored.parquet"])
def test_klbench_data_takes_what_was_kept_with_its_truth(bench: Bench, sampler: str | None, name: str) -> None:
    """The same means, and the KL of whole distributions as the truth again; errors are for other prompts as well."""
    pytest.importorskip("pyarrow")
    written(bench, sampler)
    assert run(bench, "--save", str(bench.folder / name)) == 0
    measured = means(bench)
    reference = [] if sampler is None else ["--compare", "reference"]
    call = ["data", str(bench.folder / name), "--out", str(bench.folder / "again"), "-q", *reference]
    with pytest.raises(SystemExit) as ended:
        main([*call, "-e", "k1", "-e", "full"])
    assert not ended.value.code
    with (bench.folder / "again" / "scored" / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["level"] == "token"]
    assert {row["estimator"]: float(row["mean"]) for row in rows} == pytest.approx(measured, rel=1e-9)
    assert {row["true_from"] for row in rows} == {"full"}
    assert float(rows[0]["true"]) == pytest.approx(measured["full"], rel=1e-9)
    assert float(rows[0]["bias"]) == pytest.approx(measured["k1"] - measured["full"], rel=1e-6)


def test_full_is_of_q_and_p_and_of_no_other_pair(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    written(bench, HOT)
    assert run(bench, "--save", str(bench.folder / "scored.npz")) == 0
    for options in (["-e", "full"], ["--compare", "mismatch", "-e", "full"]):
        with pytest.raises(SystemExit) as ended:
            main(["data", str(bench.folder / "scored.npz"), "--out", str(bench.folder / "again"), "-q", *options])
        assert ended.value.code == 2
        assert "compare: reference" in " ".join(capsys.readouterr().err.split())
    # without it both are measured, and neither has a truth
    with pytest.raises(SystemExit) as ended:
        main(["data", str(bench.folder / "scored.npz"), "--out", str(bench.folder / "again"), "-q"])
    assert not ended.value.code


def test_parquet_has_the_same(bench: Bench) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    written(bench)
    for name in ("scored.npz", "scored.parquet"):
        assert run(bench, "--save", str(bench.folder / name)) == 0
    table = parquet.read_table(bench.folder / "scored.parquet")
    with np.load(bench.folder / "scored.npz") as arrays:
        mask = arrays["mask"]
        assert table.column_names == ["log_q", "log_p", "log_sampler", "full", "group"]
        assert [len(row) for row in table["log_q"].to_pylist()] == mask.sum(1).tolist()
        for name in ("log_q", "log_p", "log_sampler", "full"):
            assert [*chain.from_iterable(table[name].to_pylist())] == arrays[name][mask].tolist()
        assert table["group"].to_pylist() == arrays["group"].tolist()


def test_what_is_missing_of_the_parts_is_drawn_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    written(bench)
    assert run(bench, "--save", str(bench.folder / "first.npz")) == 0
    monkeypatch.setattr("klbench.models.parts.Parts.find", lambda *_: None)
    assert run(bench, "--save", str(bench.folder / "second.npz")) == 0
    with np.load(bench.folder / "first.npz") as first, np.load(bench.folder / "second.npz") as second:
        assert all((first[name] == second[name]).all() for name in first.files)


def test_a_file_that_cannot_be_finished_is_not_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(bench)

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file = bench.folder / "scored.npz"
    file.write_text("an earlier one", encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr("klbench.problems.saved._padded", full_disk)
        assert run(bench, "--save", str(file)) == 3
    assert "No space left on device" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == "an earlier one"
    assert not [name for name in names_in(bench.folder) if name.startswith(".scored")]
    # what was drawn is kept, and the same command goes on with it
    assert (bench.folder / "scored.npz.parts").is_dir()
    monkeypatch.setattr("klbench.problems.checkpoints.draw", full_disk)
    assert run(bench, "--save", str(file)) == 0
    assert not (bench.folder / "scored.npz.parts").exists()


def test_a_torn_part_is_drawn_again(bench: Bench) -> None:
    problem = bench.problem(Q, P)
    parts = problem._parts(0)
    whole = problem.block(0, 0)(5)
    (place,) = parts.folder.iterdir()
    place.write_bytes(place.read_bytes()[:100])
    again = problem.block(0, 0)(5)
    assert again.log_q.equal(whole.log_q)
    assert parts.find(0, 0, 5) is not None


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--save", "{}/scored.csv"], 2, "what was scored is kept in .npz or .parquet"),
        (["--save", "{}/nowhere/scored.npz"], 3, "cannot write to"),
        (["--save", "{}/scored.npz", "--shard", "1/2"], 2, "a shard has not all that is scored"),
    ],
)
def test_places_that_cannot_be(
    bench: Bench, options: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written(bench)
    assert run(bench, *(option.format(bench.folder) for option in options)) == status
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (bench.folder / "out").exists()


def test_only_one_case_of_checkpoints_is_saved(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    (bench.folder / "n.yaml").write_text('name: n\nestimators: [k1]\npairs: [{q: "N(0, 1)", p: "N(1, 1)"}]\n')
    assert run(bench, "--save", "scored.npz", spec="n.yaml") == 2
    assert "--save is for checkpoints" in capsys.readouterr().err
    written(bench)
    text = (bench.folder / "spec.yaml").read_text(encoding="utf-8")
    two = text.replace('"prompts"', '"grid": {"t": [1, 2]}, "prompts"').replace('\\"p\\"', '\\"p\\", temperature={t}')
    (bench.folder / "two.yaml").write_text(two, encoding="utf-8")
    assert run(bench, "--save", "scored.npz", spec="two.yaml") == 2
    assert "--save keeps one case, and the spec has 2" in capsys.readouterr().err
