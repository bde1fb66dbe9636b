"""checks.csv, positions.csv and worst.csv against NumPy, as the command line writes them, beside results.csv."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from klbench.wording import with_error
from tests.data.dumps import Line, Numbers, made, write_jsonl
from tests.data.runs import called, run_of, spec_of, table
from tests.data.second_road import LEVELS, clustered, compared, expected

CLOSE = pytest.approx


def test_results_csv_of_the_command_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = made(21)
    write_jsonl(here / "run.jsonl", lines)
    asked = [part for _, aggregation in LEVELS if aggregation for part in ("--aggregation", aggregation)]
    names = ["k1", "k3", "ratio*k3"]
    done = called(capsys, "data", "run.jsonl", *asked, *(part for name in names for part in ("-e", name)))
    assert done.status == 0, done.err
    rows = table(here / "results" / "run" / "results.csv")
    assert len(rows) == 2 * len(names) * len(LEVELS)
    for row in rows:
        roles = ("log_q", "log_p", "log_sampler") if row["pair"] == "run: q‖p" else ("log_sampler", "log_q", None)
        assert (row["q"], row["p"], row["sampler"]) == (*roles[:2], roles[2] or "")
        data = compared(lines, *roles)
        want = expected(data, row["estimator"], row["level"], row["aggregation"], norm=data.longest)
        assert float(row["mean"]) == CLOSE(want.mean, rel=1e-9, abs=1e-13)
        assert float(row["mean_mcse"]) == CLOSE(want.mcse, rel=1e-7)
        assert int(row["samples"]) == len(data.log_ratios) == 58
        empty = ("true", "true_from", "bias", "bias_mcse", "bias_over_true", "stdev_over_true", "bias_over_true_cv")
        assert not any(row[name] for name in (*empty, "exact_bias_over_true", "exact_from", "z_bias"))


def ratio_check(values: list[Numbers], groups: Sequence[int]) -> tuple[float, float]:
    """The mean of all values − 1, and its clustered error."""
    number = sum(map(len, values))
    mean = sum(each.sum() for each in values) / number
    return mean - 1, clustered(np.array([(each - mean).sum() for each in values]), groups, number)


def share(weights: list[Numbers]) -> float:
    each = np.concatenate(weights)
    return float(each.sum() ** 2 / (len(each) * (each**2).sum()))


@pytest.mark.parametrize("reference", [True, False])
def test_checks_with_a_sampler(here: Path, capsys: pytest.CaptureFixture[str], reference: bool) -> None:
    lines = made(22, reference=reference)
    write_jsonl(here / "run.jsonl", lines)
    assert called(capsys, "data", "run.jsonl").status == 0
    path = here / "results" / "run" / "checks.csv"
    assert path.read_text(encoding="utf-8").splitlines()[0] == "check,level,value,mcse,z"
    rows = {(row["check"], row["level"]): row for row in table(path)}
    names = ("mean_ratio_minus_one", "mean_weight_minus_one", "ess_share")
    assert set(rows) == {(name, level) for name in names for level in ("token", "sequence")}

    weights = compared(lines, "log_q", "log_sampler", "log_sampler")
    ratios = compared(lines, "log_q", "log_p", None) if reference else compared(lines, "log_sampler", "log_q", None)
    for level in ("token", "sequence"):
        whole = level == "sequence"
        own = [np.exp(each.sum(keepdims=True) if whole else each) for each in weights.log_weights]
        of_ratio = [np.exp(each.sum(keepdims=True) if whole else each) for each in ratios.log_ratios]
        for name, values in {"mean_weight_minus_one": own, "mean_ratio_minus_one": of_ratio}.items():
            row, (value, mcse) = rows[name, level], ratio_check(values, weights.groups)
            assert float(row["value"]) == CLOSE(value, rel=1e-9, abs=1e-13), (name, level)
            assert float(row["mcse"]) == CLOSE(mcse, rel=1e-7), (name, level)
            assert float(row["z"]) == CLOSE(value / mcse, rel=1e-7), (name, level)
        assert float(rows["ess_share", level]["value"]) == CLOSE(share(own), rel=1e-9)
        assert 0 < share(own) <= 1


def test_the_error_of_weights_close_to_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two engines in float32: log-probabilities 1e-7 apart, thousands of tokens a sequence."""
    random = np.random.default_rng(28)
    lines = []
    for row in range(20):
        log_q = -random.exponential(1.0, 3000) - 1e-3
        lines.append(Line(log_q, None, log_q + 1e-7 * random.normal(size=3000), np.ones(3000), row // 2))
    write_jsonl(here / "run.jsonl", lines)
    assert called(capsys, "data", "run.jsonl").status == 0
    rows = {(row["check"], row["level"]): row for row in table(here / "results" / "run" / "checks.csv")}
    weights = compared(lines, "log_q", "log_sampler", "log_sampler")
    off = [np.expm1(each) for each in weights.log_weights]
    mean = np.concatenate(off).mean()
    mcse = clustered(np.array([(each - mean).sum() for each in off]), weights.groups, 60_000)
    for name in ("mean_ratio_minus_one", "mean_weight_minus_one"):
        assert float(rows[name, "token"]["value"]) == CLOSE(mean, rel=1e-4)
        assert float(rows[name, "token"]["mcse"]) == CLOSE(mcse, rel=1e-4)


def test_no_checks_of_weights_without_a_sampler(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jsonl(here / "run.jsonl", made(23, sampler=False))
    assert called(capsys, "data", "run.jsonl").status == 0
    rows = table(here / "results" / "run" / "checks.csv")
    assert [(row["check"], row["level"]) for row in rows] == [
        ("mean_ratio_minus_one", "token"),
        ("mean_ratio_minus_one", "sequence"),
    ]


def test_a_run_of_a_spec_writes_checks_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = made(24)
    write_jsonl(here / "run.jsonl", lines)
    assert called(capsys, "data", "run.jsonl", "--name", "mine", "-o", "one").status == 0
    Path("spec.yaml").write_text(spec_of("run.jsonl", ["k1"]), encoding="utf-8")
    assert called(capsys, "run", "spec.yaml", "-o", "two").status == 0
    texts = [(here / folder / "mine" / "checks.csv").read_text(encoding="utf-8") for folder in ("one", "two")]
    assert texts[0] == texts[1]


def worst_of(lines: Sequence[Line], q: str, p: str) -> dict[str, list[tuple[int, int | None, float]]]:
    """(row, position, log_ratio), the largest |log_ratio| first."""
    tokens, sequences = [], []
    for row, line in enumerate(lines):
        at = np.flatnonzero(line.mask)
        off = line.counted(p) - line.counted(q)
        tokens += [(row, int(position), float(value)) for position, value in zip(at, off, strict=True)]
        if len(at):
            sequences.append((row, None, float(off.sum())))
    return {
        what: sorted(found, key=lambda each: -abs(each[2]))[:100]  # type: ignore[call-overload]
        for what, found in (("token", tokens), ("sequence", sequences))
    }


def test_the_worst_tokens_and_sequences(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = made(25, rows=300)
    write_jsonl(here / "run.jsonl", lines)
    done = called(capsys, "data", "run.jsonl", "--worst", "3")
    assert done.status == 0
    rows = table(here / "results" / "run" / "worst.csv")
    for pair, (q, p) in {"run: q‖p": ("log_q", "log_p"), "run: sampler‖q": ("log_sampler", "log_q")}.items():
        for what, want in worst_of(lines, q, p).items():
            own = [row for row in rows if row["pair"] == pair and row["what"] == what]
            assert [int(row["rank"]) for row in own] == list(range(1, len(want) + 1))
            for row, (number, position, value) in zip(own, want, strict=True):
                assert row["place"].endswith(f"run.jsonl:{number + 1}")
                assert row["position"] == ("" if position is None else str(position))
                assert float(row["log_ratio"]) == CLOSE(value, rel=1e-12)


def test_positions(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every token is in one decile, and its means and errors are those of its tokens."""
    lines = made(26, rows=400)
    write_jsonl(here / "run.jsonl", lines)
    assert called(capsys, "data", "run.jsonl").status == 0
    rows = [row for row in table(here / "results" / "run" / "positions.csv") if row["pair"] == "run: q‖p"]
    assert sum(int(row["tokens"]) for row in rows) == sum(int(line.mask.sum()) for line in lines)
    assert int(rows[0]["first_position"]) == 0
    for one, next_one in pairwise(rows):
        assert int(next_one["first_position"]) == int(one["last_position"]) + 1
    data = compared(lines, "log_q", "log_p", None)
    counted = [line for line in lines if line.mask.any()]
    for row in rows:
        first, last = int(row["first_position"]), int(row["last_position"])
        inside = [(first <= at) & (at <= last) for at in (np.flatnonzero(line.mask) for line in counted)]
        for name, function in {"k1": lambda x: -x, "k3": lambda x: np.expm1(x) - x}.items():
            values = [function(each[at]) for each, at in zip(data.log_ratios, inside, strict=True)]
            mean = np.concatenate(values).mean()
            deviations = np.array([(each - mean).sum() for each in values])
            number = sum(map(len, values))
            assert number == int(row["tokens"])
            assert float(row[name]) == CLOSE(mean, rel=1e-9)
            assert float(row[f"{name}_mcse"]) == CLOSE(clustered(deviations, data.groups, number), rel=1e-7)


def test_paired_differences_have_their_own_errors(here: Path) -> None:
    """The note tells mean k3 − k1 with the error of the differences, to the digits it shows."""
    lines = made(27, sampler=False)
    results = run_of(spec_of(str(write_jsonl(here / "run.jsonl", lines)), ["k1", "k3"], level=["token"]))
    data = compared(lines, "log_q", "log_p", None)
    apart = np.array([(np.expm1(each) - each + each).sum() for each in data.log_ratios])
    error = clustered(apart - apart.mean(), data.groups, len(apart))
    notes = " ".join(note for result in results.cases for note in result.notes)
    assert f"k3 - k1 = {with_error(float(apart.mean()), error)}" in notes
