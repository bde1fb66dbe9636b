"""Every number of results.csv against NumPy: means, clustered errors, stdevs and negative shares, by the library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from klbench.results import Results
from klbench.row import Row
from tests.data.dumps import Line, made, write_jsonl, write_npz
from tests.data.runs import Cell, by_cell, run_of, spec_of
from tests.data.second_road import FUNCTIONS, LEVELS, Compared, compared, expected

AGGREGATIONS = [aggregation for _, aggregation in LEVELS if aggregation]
WEIGHTS = ("ratio", "ratio-sequence", "ratio-geometric")
NAMES = [
    *FUNCTIONS,
    *(f"{weight}*{name}" for weight in WEIGHTS for name in FUNCTIONS),
    *(f"self-normalised-{weight}*{name}" for weight in WEIGHTS for name in FUNCTIONS),
]
BOTH = {"level": ["token", "sequence"], "aggregation": AGGREGATIONS}
DUMPS = {
    "groups": made(1),
    "no groups": made(2, grouped="none"),
    "prompts": made(3, grouped="prompt"),
    "groups of one": made(4, rows=12, groups=4000, empty=()),
    "two groups": made(5, groups=2),
}
CLOSE = pytest.approx


def measured(folder: Path, lines: list[Line], **keys: object) -> Results:
    path = write_jsonl(folder / "run.jsonl", lines)
    return run_of(spec_of(str(path), NAMES, **{**BOTH, **keys}))


def hold(rows: dict[Cell, Row], pair: str, data: Compared, *, norm: float, clip: float = np.inf) -> int:
    """Hold every row of a pair to NumPy; how many there are."""
    seen = 0
    for (of_pair, name, level, aggregation), row in rows.items():
        if of_pair != pair:
            continue
        want = expected(data, name, level, aggregation, norm=norm, clip=clip)
        where = f"{pair}, {name}, {level}, {aggregation}"
        assert row.samples == len(data.log_ratios), where
        assert row.mean == CLOSE(want.mean, rel=1e-9, abs=1e-13), where
        assert row.mean_mcse == CLOSE(want.mcse, rel=1e-7, nan_ok=True), where
        if want.stdev is not None:
            assert row.stdev == CLOSE(want.stdev, rel=1e-7), where
            assert row.negative_fraction == CLOSE(want.negative), where
        assert np.isnan(row.true), where
        assert np.isnan(row.bias), where
        assert row.nonfinite == 0, where
        seen += 1
    return seen


@pytest.mark.parametrize("name", DUMPS)
def test_both_pairs_of_three_columns(tmp_path: Path, name: str) -> None:
    rows = by_cell(measured(tmp_path, DUMPS[name]))
    for pair, roles in {
        "run: q‖p": ("log_q", "log_p", "log_sampler"),
        "run: sampler‖q": ("log_sampler", "log_q", None),
    }.items():
        data = compared(DUMPS[name], *roles)
        assert hold(rows, pair, data, norm=data.longest) == len(NAMES) * len(LEVELS)


def test_the_reference_alone_has_one_pair(tmp_path: Path) -> None:
    lines = made(6, sampler=False)
    data = compared(lines, "log_q", "log_p", None)
    assert hold(by_cell(measured(tmp_path, lines)), "run", data, norm=data.longest) == len(NAMES) * len(LEVELS)


def test_the_mismatch_alone_is_of_the_sampler_to_q(tmp_path: Path) -> None:
    lines = made(7, reference=False)
    results = measured(tmp_path, lines)
    data = compared(lines, "log_sampler", "log_q", None)
    assert hold(by_cell(results), "run", data, norm=data.longest) == len(NAMES) * len(LEVELS)
    (result,) = results.cases
    assert (str(result.case.q), str(result.case.p)) == ("log_sampler", "log_q")


def test_norm_and_clip_are_taken(tmp_path: Path) -> None:
    lines = made(8)
    data = compared(lines, "log_q", "log_p", "log_sampler")
    assert np.exp(np.concatenate(data.log_weights)).max() > 1.1
    rows = by_cell(measured(tmp_path, lines, norm=17.5, clip=1.1))
    assert hold(rows, "run: q‖p", data, norm=17.5, clip=1.1)


def test_the_longest_row_is_the_norm_in_counted_tokens(tmp_path: Path) -> None:
    """Padding is no part of a row."""
    lines = made(9)
    path = write_npz(tmp_path / "run.npz", lines, padding=40)
    rows = by_cell(run_of(spec_of(str(path), ["k1"], aggregation=["seq-mean-token-sum", "seq-mean-token-sum-norm"])))
    longest = compared(lines, "log_q", "log_p", "log_sampler").longest
    whole, over = (
        rows["run: q‖p", "k1", "token", aggregation].mean
        for aggregation in ("seq-mean-token-sum", "seq-mean-token-sum-norm")
    )
    assert over == CLOSE(whole / longest, rel=1e-12)


def test_a_dump_of_one_group_has_no_error_bar(tmp_path: Path) -> None:
    rows = by_cell(measured(tmp_path, made(10, groups=1)))
    assert all(np.isnan(row.mean_mcse) and np.isfinite(row.mean) for row in rows.values())


def test_a_single_sequence_has_a_stdev_of_tokens_alone(tmp_path: Path) -> None:
    rows = by_cell(measured(tmp_path, made(10, rows=1, groups=1)))
    assert {np.isnan(row.stdev) for row in rows.values()} == {True, False}
    assert all(np.isnan(row.stdev) == (row.aggregation != "token-mean") for row in rows.values())


def test_no_note_of_one_group_says_nan(tmp_path: Path) -> None:
    results = measured(tmp_path, made(10, groups=1))
    notes = [note for case in results.cases for note in case.notes]
    assert any("Weights q/sampler" in note for note in notes)
    assert [note for note in notes if "nan" in note.split()] == []


def test_a_large_dump_of_many_blocks(tmp_path: Path) -> None:
    """More groups than one block has."""
    lines = made(11, rows=20_000, groups=30_000, empty=range(0, 20_000, 997))
    rows = by_cell(run_of(spec_of(str(write_jsonl(tmp_path / "run.jsonl", lines)), [*NAMES[:6]], **BOTH)))
    data = compared(lines, "log_q", "log_p", "log_sampler")
    assert hold(rows, "run: q‖p", data, norm=data.longest) == 6 * len(LEVELS)


def test_errors_of_nearly_constant_values_are_kept(tmp_path: Path) -> None:
    """Log-ratios of 50 ± 1e-3: three digits of the error are left, though sums are squared about 0."""
    random = np.random.default_rng(12)
    lines = []
    for row in range(200):
        log_p = -1.0 - np.arange(5.0)
        shifted = log_p - 50 + 1e-3 * random.normal(size=5)
        lines.append(Line(shifted, log_p, None, np.ones(5), row // 4))
    path = write_jsonl(tmp_path / "run.jsonl", lines)
    rows = by_cell(run_of(spec_of(str(path), ["k1"], **BOTH)))
    data = compared(lines, "log_q", "log_p", None)
    for level, aggregation in LEVELS:
        want = expected(data, "k1", level, aggregation, norm=data.longest)
        assert rows["run", "k1", level, aggregation].mean_mcse == CLOSE(want.mcse, rel=1e-3), aggregation
