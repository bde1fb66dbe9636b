"""Runs to a precision: where they stop, that threads have no part in it, and that their error bars stay right."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
from scipy import stats

import klbench
from klbench.measure.known import known
from klbench.measure.stopping import checkpoints, errors, is_checkpoint, is_reached, samples_at_stop
from klbench.problems.problem import BLOCK
from klbench.results import Results
from klbench.row import Row
from klbench.spec.read import read_text

SPECS = {
    "values": "estimators: [k1, k2, k3]",
    "gradients": "measure: gradient\nestimators: [k1, k3]",
    "a baseline": "measure: gradient\nestimators: [k1]\nplacements: [loss, reward]\nbaseline: leave-one-out\nbatch: 40",
    "both": "measure: [value, gradient]\nestimators: [k1, k3]",
}
PRECISION = {"values": 0.004, "gradients": 0.01, "a baseline": 0.01, "both": 0.01}


def ran(name: str, pair: str = "{q: 'N(0, 1)', p: 'N(0.5, 0.95)'}", samples: int = 10**7, **options: object) -> Results:
    text = f"name: x\nsamples: {samples}\n{SPECS.get(name, name)}\npairs: [{pair}]\n"
    return klbench.run(read_text(text), overrides=[f"{key}={value}" for key, value in options.items()])


def rows_of(results: Results) -> tuple[Row, ...]:
    return results.cases[0].rows


def test_checkpoints_grow_by_a_quarter() -> None:
    first = list(islice(checkpoints(), 40))
    assert first[:12] == [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18]
    assert all(after <= 1.25 * before or before < 4 for before, after in pairwise(first))
    assert [blocks for blocks in range(1, 100) if is_checkpoint(blocks)] == [blocks for blocks in first if blocks < 100]


@pytest.mark.parametrize("name", SPECS)
def test_a_run_stops_at_the_first_checkpoint_where_all_error_bars_are_small(name: str) -> None:
    """The same run without a precision, cut at each checkpoint, has the same rows and says when it could have ended."""
    stopped = rows_of(ran(name, precision=PRECISION[name]))
    assert is_reached(stopped, PRECISION[name])
    for row in stopped:
        size = BLOCK["cpu"] // 40 * 40 if name == "a baseline" and row.placement == "reward" else BLOCK["cpu"]
        blocks = row.samples // size
        assert row.samples == blocks * size
        assert is_checkpoint(blocks)
        whole = rows_of(ran(name, samples=row.samples))
        (alike,) = [other for other in whole if called(other) == called(row)]
        assert repr(replace(alike, components=None)) == repr(replace(row, components=None))
    longest = max(stopped, key=lambda row: row.samples)
    blocks = -(-longest.samples // BLOCK["cpu"])
    earlier = [count for count in islice(checkpoints(), 60) if count < blocks]
    if earlier:
        before = rows_of(ran(name, samples=earlier[-1] * BLOCK["cpu"]))
        assert not is_reached(before, PRECISION[name])


def called(row: Row) -> tuple[str, str, str]:
    return row.estimator, row.placement, row.weighting


def test_threads_have_no_part_in_it() -> None:
    text = "name: x\nsamples: 1e8\nprecision: 0.004\nestimators: [k1, k3]\npairs: [{q: 'N(0, 1)', p: 'N(0.5, 1)'}]\n"
    frames = [klbench.run(read_text(text), threads=threads).to_frame() for threads in (1, 2, 5)]
    assert frames[0].equals(frames[1])
    assert frames[0].equals(frames[2])


def test_what_has_no_error_bar_holds_nothing_up() -> None:
    """forward_kl on N(0, 1) | N(0, 2) has no variance."""
    rows = rows_of(ran("estimators: [k1, forward_kl]", "{q: 'N(0, 1)', p: 'N(0, 2)'}", precision=0.01))
    assert math.isnan(rows[1].bias_over_true_mcse)
    assert rows[0].bias_over_true_mcse <= 0.01
    assert max(row.samples for row in rows) < 10**7


def test_what_is_not_reached_is_said_with_what_it_takes() -> None:
    results = ran("values", samples=300_000, precision=1e-4)
    said = [note for note in results.cases[0].notes if "precision 0.0001 was not reached with 300,000 samples" in note]
    assert len(said) == 3
    for note, row in zip(said, rows_of(results), strict=True):
        largest = max(error.size for error in errors([row]))
        needed = float(note.rpartition("about ")[2].partition(" ")[0].replace(",", ""))
        assert needed == pytest.approx(300_000 * (largest / 1e-4) ** 2, rel=0.06)
    assert not [note for note in ran("values", precision=0.5).cases[0].notes if "not reached" in note]


def test_what_is_foretold_is_what_is_taken() -> None:
    """The exact noise says when a run stops, up to a checkpoint: an error bar is measured too."""
    spec = read_text(
        "name: x\nsamples: 1e8\nprecision: 0.003\nestimators: [k1, k2, k3]\n"
        "pairs: [{q: 'N(0, 1)', p: 'N({m}, 1)', grid: {m: [0.2, 0.5, 1]}}]\n"
    )
    for case, result in zip(spec.cases(), klbench.run(spec).cases, strict=True):
        needed = max(line.samples_to(0.003) for line in known(spec, case))
        foretold = samples_at_stop(needed, BLOCK["cpu"], spec.samples)
        taken = result.rows[0].samples
        assert foretold / 1.26 <= taken <= foretold * 1.26 or abs(foretold - taken) <= BLOCK["cpu"]


SEEDS = 60


def test_error_bars_at_the_stop_are_calibrated() -> None:
    """z of bias and stdev over 60 seeds: looking at error bars may end a run where one is small by accident.

    A stdev and its error go together, so a run that ends early has rather too small a stdev. An error bar is itself
    known to a share e of it, below 1 % at a million samples of k2, and z can be off by about that share of itself and
    of 1: far less than 60 seeds can see. Fails by chance in fewer than 1 of 1e5 runs.
    """
    text = "name: x\nsamples: 3e7\nprecision: 0.002\nestimators: [k1, k2]\npairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n"
    runs = [rows_of(klbench.run(read_text(text), seed=seed)) for seed in range(1000, 1000 + SEEDS)]
    assert len({row.samples for rows in runs for row in rows}) <= 3
    for column in ("z_bias", "z_stdev"):
        for z in np.array([[getattr(row, column) for row in rows] for rows in runs]).T:
            assert stats.chi2(SEEDS).sf((z**2).sum()) > 1e-6
            assert stats.chi2(SEEDS).cdf((z**2).sum()) > 1e-6
            assert 2 * stats.norm.sf(abs(z.sum()) / math.sqrt(SEEDS)) > 1e-6


@pytest.mark.parametrize(("known_to", "worst"), [(0.1, 0.12), (0.03, 0.12), (0.3, 0.18)])
def test_looking_again_and_again_biases_a_stdev_by_a_tenth_of_its_error_bar_at_worst(
    known_to: float, worst: float
) -> None:
    """README's numbers, by runs of which only the errors are drawn: one block knows a stdev to a share of it.

    A run stops where its stdev, too small by chance, makes the error bar small enough. It is worst where a goal lies
    right at a checkpoint that is far from the next, one block. ``z`` is the stdev's error in its error bars.
    """
    rng, runs = np.random.default_rng(), 20_000
    blocks = np.array(list(islice(checkpoints(), 40)), float)
    off = np.cumsum(rng.standard_normal((runs, len(blocks))) * np.sqrt(np.diff(blocks, prepend=0)), axis=1)
    bars = (1 + known_to * off / blocks) / np.sqrt(blocks)
    for needed in np.geomspace(1, 200, 40):
        enough = bars <= 1 / np.sqrt(needed)
        assert enough.any(axis=1).all()
        z = (off / np.sqrt(blocks))[np.arange(runs), np.argmax(enough, axis=1)]
        assert abs(z.mean()) <= worst + 5 / np.sqrt(runs)
        assert 0.95 - 5 / np.sqrt(2 * runs) <= z.std() <= 1.07 + 5 / np.sqrt(2 * runs)
