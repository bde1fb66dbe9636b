"""Whole runs of checkpoints: what is measured agrees, whatever runs it; resuming; what the results say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import hypot, inf, isfinite
from pathlib import Path
from typing import Any

import pytest
import torch

import klbench
from klbench.cli import main
from klbench.keeper import Keeper, Kept
from klbench.measure.asked import imported
from klbench.measure.plan import Plan, kind_of
from klbench.measure.worker import measure_blocks
from klbench.models import drawing
from klbench.problems.checkpoints import BLOCK_SEQUENCES
from klbench.report.frame import to_csv
from klbench.report.numbers import measured
from klbench.report.summary import summaries
from klbench.resume import identity_of
from klbench.roads.merged import Merged
from klbench.roads.stored import to_bytes
from klbench.row import Row
from tests.models.conftest import Bench

Q, P = 'Model("q")', 'Model("p", temperature=1.1)'
ESTIMATORS = ("k1", "k2", "k3", "full", "topk(5)", "topk_bucket(5)", "ratio*k1", "ratio*full")
MANY = 5.0
"""Standard errors; beyond them in one of two million."""


def rows_by(rows: tuple[Row, ...]) -> Mapping[tuple[str, str, str], Row]:
    return {(row.estimator, row.level, row.aggregation or ""): row for row in rows}


def test_estimators_agree_at_the_token_level(bench: Bench) -> None:
    """Their errors are those of means of the same sequences; added as if independent they are too large, if at all."""
    asked: Mapping[str, Any] = {"level": ["token", "sequence"], "aggregation": ["seq-mean-token-sum", "token-mean"]}
    (case,) = bench.run(Q, P, estimators=ESTIMATORS, samples=2000, length=10, **asked).cases
    rows = rows_by(case.rows)
    for aggregation in asked["aggregation"]:
        full = rows["full", "token", aggregation]
        assert full.mean > 20 * full.mean_mcse
        for name in ("k1", "k3", "topk(5)"):
            other = rows[name, "token", aggregation]
            assert abs(other.mean - full.mean) < MANY * hypot(other.mean_mcse, full.mean_mcse)
        assert rows["topk_bucket(5)", "token", aggregation].mean < full.mean
    whole, of_tokens = rows["k1", "sequence", ""], rows["k1", "token", "seq-mean-token-sum"]
    assert whole.mean == pytest.approx(of_tokens.mean, rel=1e-12)
    assert case.kl == pytest.approx(rows["full", "token", "seq-mean-token-sum"].mean, rel=1e-12)
    assert all(row.samples == 2000 and not row.nonfinite for row in case.rows)


def test_weights_undo_the_sampler(bench: Bench) -> None:
    """At the first token a sampler that is hotter and its weight give what q gives."""
    own = rows_by(bench.run(Q, P, estimators=("k1", "k3", "full"), samples=4000, length=1).cases[0].rows)
    (case,) = bench.run(
        Q, P, 'Model("q", temperature=1.5)', estimators=("ratio*k1", "ratio*k3", "k1"), samples=4000, length=1
    ).cases
    hot = rows_by(case.rows)
    level = ("token", "seq-mean-token-sum")
    truth = own["full", *level]
    for name in ("ratio*k1", "ratio*k3"):
        row = hot[name, *level]
        assert abs(row.mean - truth.mean) < MANY * hypot(row.mean_mcse, truth.mean_mcse)
    bare = hot["k1", *level]
    assert abs(bare.mean - truth.mean) > MANY * hypot(bare.mean_mcse, truth.mean_mcse)


def test_full_is_computed_though_the_spec_does_not_name_it(bench: Bench) -> None:
    problem = bench.problem(Q, P, estimators=["k1", "ratio*topk(4)"])
    assert list(problem.wanted) == ["full", "ratio*topk(4)"]
    x = problem.block(0, 0)(3)
    assert set(x.known) == set(problem.wanted.values())
    assert float(x.known[problem.wanted["full"]].min()) >= -1e-6


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sequences each call of a model's has drawn."""
    counts: list[int] = []

    def counting(cast: drawing.Cast, prompts: list[list[int]], uniforms: torch.Tensor) -> drawing.Drawn:
        counts.append(len(prompts))
        return drawing.draw(cast, prompts, uniforms)

    monkeypatch.setattr("klbench.problems.checkpoints.draw", counting)
    return counts


def test_a_second_pass_draws_nothing_again(bench: Bench, drawn: list[int]) -> None:
    bench.run(Q, P, aggregation=["seq-mean-token-sum", "token-mean"], samples=70)
    assert sum(drawn) == 70


def test_bytes_do_not_depend_on_threads_or_processes(bench: Bench) -> None:
    spec = bench.spec(Q, P, samples=100)
    one = klbench.run(spec, device="cpu", threads=1)
    three = klbench.run(spec, device="cpu", threads=3)
    assert to_csv(one) == to_csv(three)
    plan = Plan.of(spec, spec.cases()[0], torch.device("cpu"))
    (far,) = measure_blocks(plan, str(Path.cwd()), 0, range(1), False)
    (near,) = kind_of("value")(plan, bench.problem(Q, P), imported(spec.estimators)).passes(bench.problem(Q, P))
    assert to_bytes(Merged().add(far.sums)) == to_bytes(Merged().add(near.blocks.block(0)))


def test_another_estimator_changes_no_row(bench: Bench) -> None:
    few = rows_by(bench.run(Q, P, estimators=["k1", "full"]).cases[0].rows)
    more = rows_by(bench.run(Q, P, estimators=["k1", "topk(3)", "full", "k2"]).cases[0].rows)
    assert all(repr(few[key]) == repr(more[key]) for key in few)


class _Cut(Exception):  # noqa: N818
    """The run is cut off."""


class _Memory(Keeper, Kept):
    """Keeps what is done in memory, and cuts the run off after so many parts."""

    def __init__(self, cut_after: int | None, found: Mapping[tuple[int, int], Any] | None = None) -> None:
        self.kept: dict[tuple[int, int], Any] = dict(found or {})
        self._left = cut_after

    def case(self, number: int) -> Kept:  # noqa: ARG002
        return self

    def done(self, sample: int, first: int) -> Any:
        return self.kept.get((sample, first))

    def keep(self, sample: int, first: int, merged: Any) -> None:
        self.kept[sample, first] = merged
        if self._left is not None:
            self._left -= 1
            if not self._left:
                raise _Cut


def test_a_run_goes_on_where_it_was_cut_off(bench: Bench, drawn: list[int]) -> None:
    size = BLOCK_SEQUENCES["cpu"]
    spec = bench.spec(Q, P, samples=5 * size)
    whole = klbench.run(spec, device="cpu", threads=1)
    drawn.clear()
    first = _Memory(2)
    with pytest.raises(_Cut):
        klbench.run(spec, device="cpu", threads=1, keeper=first)
    drawn.clear()
    rest = klbench.run(spec, device="cpu", threads=1, keeper=_Memory(None, first.kept))
    assert sum(drawn) == 3 * size
    assert to_csv(rest) == to_csv(whole)


def test_a_store_knows_the_checkpoints_and_the_prompts(bench: Bench) -> None:
    spec = bench.spec(Q, P)
    before = identity_of(spec, "cpu")
    assert identity_of(spec, "cpu") == before
    (bench.folder / "prompts.txt").write_text("w1\n", encoding="utf-8")
    changed = identity_of(spec, "cpu")
    assert {key for key in before if before[key] != changed[key]} == {"prompts"}
    own = bench.folder / "own"
    own.mkdir()
    for file in (bench.folder / "p").iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    other = bench.spec(Q, 'Model("own")')
    before = identity_of(other, "cpu")
    weights = own / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    changed = identity_of(other, "cpu")
    assert {key for key in before if before[key] != changed[key]} == {"models"}


def test_a_grid_of_temperatures_is_a_grid(bench: Bench) -> None:
    text = {
        "name": "grid",
        "samples": 64,
        "estimators": ["full"],
        "pairs": [
            {"q": Q, "p": 'Model("q", temperature={t})', "grid": {"t": [1, 1.2, 2]}, "prompts": "prompts.txt"}
            | {"length": 4}
        ],
    }
    path = bench.folder / "grid.yaml"
    path.write_text(json.dumps(text), encoding="utf-8")
    results = klbench.run(path, device="cpu")
    means = [case.rows[0].mean for case in results.cases]
    assert means[0] == 0
    assert 0 < means[1] < means[2]


def test_a_spec_reads_back_from_anywhere(bench: Bench, tmp_path: Path) -> None:
    spec = bench.spec(Q, P, 'TopK(Model("q", dtype=float32), 20)')
    away = tmp_path / "away"
    away.mkdir()
    (away / "spec.yaml").write_text(spec.to_yaml(), encoding="utf-8")
    again = klbench.read_spec(away / "spec.yaml")
    assert again.to_yaml() == spec.to_yaml()
    assert again.checkpoints() == spec.checkpoints()
    assert klbench.run(again, device="cpu", samples=8).cases[0].rows[0].samples == 8


def test_rows_are_finite(bench: Bench) -> None:
    (case,) = bench.run('Model("llama", dtype=bfloat16)', 'Model("llama")', samples=64).cases
    for row in case.rows:
        assert isfinite(row.mean)
        assert row.level == "token"


def test_tokens_that_q_never_draws_have_no_weight(bench: Bench) -> None:
    """A sampler with more support than q: what q cannot draw counts 0, and the rest as much as on samples of q."""
    q, level = 'TopP(Model("q"), 0.7)', ("token", "seq-mean-token-sum")
    own = rows_by(bench.run(q, P, estimators=("k1", "full"), samples=4000, length=1).cases[0].rows)
    (case,) = bench.run(q, P, Q, estimators=("ratio*k1", "ratio*k3"), samples=4000, length=1).cases
    row, truth = rows_by(case.rows)["ratio*k1", *level], own["full", *level]
    assert not row.nonfinite
    assert abs(row.mean - truth.mean) < MANY * hypot(row.mean_mcse, truth.mean_mcse)


def test_a_reference_without_the_support_of_q_is_infinitely_far(bench: Bench) -> None:
    (case,) = bench.run(Q, 'TopK(Model("q"), 3)', estimators=("k1", "full"), samples=64, length=4).cases
    assert {row.mean for row in case.rows} == {inf}


def test_the_kl_that_full_stands_for_has_its_error(bench: Bench) -> None:
    results = bench.run(Q, P, estimators=("k1", "full"), samples=200, length=8, level=["token", "sequence"])
    (summary,) = summaries(results)
    full = rows_by(results.cases[0].rows)["full", "token", "seq-mean-token-sum"]
    assert full.mean_mcse > 0
    assert summary.divergence == f"KL(q‖p) = {measured(full.mean, full.mean_mcse)} (full)"
    assert "(" in measured(full.mean, full.mean_mcse)


def test_validate_tells_that_the_truth_is_measured(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to show before: no table of dashes."""
    bench.spec(Q, P, samples=10, length=4, estimators=("k1", "full"))
    with pytest.raises(SystemExit) as ended:
        main(["validate", str(bench.folder / "spec.yaml")])
    assert not ended.value.code
    shown = capsys.readouterr().out
    assert "the truth is the mean of full over what is drawn: klbench run tells it" in shown
    assert "only klbench run loads the checkpoints" in shown
    assert "no finite true value" not in shown
    assert "files is measured" not in shown
