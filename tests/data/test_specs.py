"""validate, explain and schema with data; the spec that ``klbench data`` wrote, run again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import klbench
from tests.data.dumps import made, write_jsonl, write_npz
from tests.data.runs import called, spec_of, table
from tests.data.second_road import LEVELS

ASKED = tuple(part for _, aggregation in LEVELS if aggregation for part in ("--aggregation", aggregation))
OUT = ("results.csv", "checks.csv", "positions.csv", "worst.csv")


CALLS = {
    "plain": ("run.jsonl",),
    "levels": ("run.jsonl", *ASKED),
    "one level": ("run.jsonl", "--level", "sequence"),
    "estimators": (
        "run.jsonl",
        "-e",
        "k1",
        "-e",
        "ratio*k3",
        "-e",
        "k1_cv(optimal)",
        "--clip",
        "1.2",
        "--norm",
        "9",
        *ASKED,
    ),
    "columns": ("run.jsonl", "--log-q", "log_p", "--log-p", "log_q"),
    "several": ("run.jsonl", "more.jsonl"),
    "a pattern": ("*.jsonl", "--name", "both"),
    "bad": ("bad.jsonl", "--skip-bad"),
}


@pytest.mark.parametrize("kind", CALLS)
def test_the_written_spec_gives_the_same_bytes(here: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    write_jsonl(here / "run.jsonl", made(61))
    write_jsonl(here / "more.jsonl", made(62))
    if kind == "bad":
        lines = made(63)
        lines[3].log_q[0] = np.nan
        write_jsonl(here / "bad.jsonl", lines)
    done = called(capsys, "data", *CALLS[kind], "-o", "one")
    assert done.status == 0, done.err
    (folder,) = Path("one").iterdir()
    for spec in (folder / "spec.yaml", here / "elsewhere.yaml"):
        if not spec.exists():
            spec.write_bytes((folder / "spec.yaml").read_bytes())
        again = called(capsys, "run", str(spec), "-o", "two")
        assert again.status == 0, again.err
        for name in OUT:
            assert (Path("two") / folder.name / name).read_bytes() == (folder / name).read_bytes(), name
        assert (Path("two") / folder.name / "spec.yaml").read_bytes() == (folder / "spec.yaml").read_bytes()


def test_a_spec_in_another_folder_finds_its_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path in a spec is seen from the spec's folder."""
    (here / "specs").mkdir()
    write_npz(here / "specs" / "run.npz", made(64))
    (here / "specs" / "s.yaml").write_text(spec_of("run.npz", ["k1"]))
    assert called(capsys, "run", "specs/s.yaml").status == 0
    assert table(Path("results/mine/results.csv"))[0]["samples"] == "58"


def test_validate_says_what_is_compared_and_samples_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jsonl(here / "run.jsonl", made(65))
    (here / "s.yaml").write_text(spec_of("run.jsonl", ["k1", "k3"], level=["token", "sequence"]))
    done = called(capsys, "validate", "s.yaml")
    assert done.status == 0, done.err
    for said in ("log_q", "log_p", "log_sampler", "58 sequences", "13 groups"):
        assert said in done.out + done.err, said
    assert not Path("results").exists()
    for form in ("json", "csv", "markdown"):
        assert called(capsys, "validate", "s.yaml", "-f", form).status == 0


def test_explain_and_schema(capsys: pytest.CaptureFixture[str]) -> None:
    done = called(capsys, "explain", "data")
    assert done.status == 0
    for name in (
        "old_log_probs",
        "ref_log_prob",
        "rollout_log_probs",
        "response_mask",
        "uid",
        "verl",
        "trl",
        "openrlhf",
    ):
        assert name in done.out, name
    schema = json.loads(called(capsys, "schema").out)
    text = json.dumps(schema)
    assert '"data"' in text
    assert '"skip_bad"' in text
    for column in ("log_q", "log_p", "log_sampler", "mask", "group"):
        assert f'"{column}"' in text


def test_data_beside_distributions(here: Path) -> None:
    """A pair of data changes no row of another pair, and takes no seed or number of samples."""
    write_jsonl(here / "run.jsonl", made(66))
    text = spec_of("run.jsonl", ["k1", "k3"])
    first = klbench.run(klbench.read_text(text + "samples: 1000\nseed: 1\n", folder=str(here)))
    second = klbench.run(klbench.read_text(text + "samples: 2000\nseed: 2\n", folder=str(here)))
    means = [
        [(row.mean, row.mean_mcse, row.samples) for each in run.cases for row in each.rows] for run in (first, second)
    ]
    assert means[0] == means[1]


def test_results_of_the_same_file_that_are_replaced_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether the file or the options differ is not known: neither is claimed."""
    write_jsonl(here / "run.jsonl", made(67))
    assert "holds" not in called(capsys, "data", "run.jsonl").err
    assert "holds" not in called(capsys, "data", "run.jsonl").err
    said = called(capsys, "data", "run.jsonl", "-e", "k1").err.splitlines()[0]
    assert said.startswith("results/run holds other results of run.jsonl (finished 2")
    assert said.endswith("; this run replaces it")
