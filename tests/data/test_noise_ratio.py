"""``klbench data --ratio``: a quotient of two stdevs, with the error of groups, by plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from tests.data.dumps import Numbers, made, write_jsonl
from tests.data.runs import called, table
from tests.data.second_road import FUNCTIONS, compared

pytestmark = pytest.mark.usefixtures("here")


def units(functions: Callable[[Numbers], Numbers], log_ratios: list[Numbers], level: tuple[str, str]) -> list[Numbers]:
    """The values of every sequence: one, or one a token."""
    if level[0] == "sequence":
        return [functions(np.array([values.sum()])) for values in log_ratios]
    values = [functions(of_tokens) for of_tokens in log_ratios]
    return values if level[1] == "token-mean" else [np.array([of_tokens.sum()]) for of_tokens in values]


def by_numpy(one: list[Numbers], other: list[Numbers], groups: list[int]) -> tuple[float, float]:
    """(the quotient of the stdevs, its error: of the sums of slopes over groups)."""
    slopes, stdevs = [], []
    for values in (one, other):
        everything = np.concatenate(values)
        off = [(own - everything.mean()) ** 2 / everything.var() - 1 for own in values]
        slopes.append(np.bincount(groups, [own.sum() for own in off]) / len(everything))
        stdevs.append(everything.std())
    apart, count = (slopes[0] - slopes[1]) / 2, len(slopes[0])
    quotient = stdevs[0] / stdevs[1]
    return quotient, quotient * sqrt((apart**2).sum() * count / (count - 1))


@pytest.mark.parametrize("reference", ["k1", "k3"])
def test_it_is_numpys_at_every_level(capsys: pytest.CaptureFixture[str], reference: str) -> None:
    lines = made(41, rows=200, groups=40, sampler=False)
    write_jsonl(Path("run.jsonl"), lines)
    options = ("--aggregation", "token-mean", "--aggregation", "seq-mean-token-sum", "--ratio", reference, "-q")
    assert called(capsys, "data", "run.jsonl", *options).status == 0
    found = compared(lines, "log_q", "log_p", None)
    rows = [row for row in table(Path("results/run/results.csv")) if row["estimator"] in FUNCTIONS]
    assert len(rows) == 9
    for row in rows:
        level = row["level"], row["aggregation"]
        assert row["exact_noise_ratio"] == ""
        if row["estimator"] == reference:
            assert (row["noise_ratio"], row["noise_ratio_mcse"]) == ("1.0", "0.0")
            continue
        pair = [units(FUNCTIONS[name], found.log_ratios, level) for name in (row["estimator"], reference)]
        quotient, error = by_numpy(*pair, found.groups)
        assert float(row["noise_ratio"]) == pytest.approx(quotient, rel=1e-9)
        assert float(row["noise_ratio_mcse"]) == pytest.approx(error, rel=1e-9)


def test_nothing_else_moves(capsys: pytest.CaptureFixture[str]) -> None:
    write_jsonl(Path("run.jsonl"), made(42))
    for out, options in (("with", ("--ratio", "k1")), ("without", ())):
        assert called(capsys, "data", "run.jsonl", "-o", out, *options, "-q").status == 0
    one, other = (table(Path(out) / "run" / "results.csv") for out in ("with", "without"))
    assert [{name: row[name] for name in other[0]} for row in one] == other
    assert set(one[0]) - set(other[0]) == {"noise_ratio", "noise_ratio_mcse", "exact_noise_ratio"}
    for name in ("checks.csv", "positions.csv", "worst.csv"):
        assert (Path("with") / "run" / name).read_bytes() == (Path("without") / "run" / name).read_bytes()


def test_the_table_has_it_and_another_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_jsonl(Path("run.jsonl"), made(43))
    assert "noise/k3's" in called(capsys, "data", "run.jsonl", "--ratio", "k3").out
    refused = called(capsys, "data", "run.jsonl", "--ratio", "abs")
    assert refused.status == 2
    assert "abs is not among the estimators of the spec" in refused.err
    assert "k1, k2, k3, k1_cv(optimal)" in refused.err
