"""What frameworks take of the trainer against the engine: their own metrics, on data of both."""

from __future__ import annotations

import json

import numpy as np
import pytest

import klbench
from klbench.errors import SpecError
from klbench.frameworks.catalogue import entries

AGAINST = tuple(entry.qualified for entry in entries() if entry.against_sampler and entry.weighting == "none")


@pytest.mark.parametrize("with_reference", [False, True])
def test_metrics_of_the_mismatch_are_those_of_sampler_and_q(tmp_path, with_reference: bool) -> None:  # type: ignore[no-untyped-def]
    """prime-rl's mismatch_kl is its default entry: it would be 0 were the engine compared with itself."""
    random = np.random.default_rng(1)
    rows = []
    for _ in range(40):
        q = -random.exponential(1.0, 30) - 0.5
        sampler = q + random.normal(0, 0.1, 30)
        row = {"log_q": q.tolist(), "log_sampler": np.minimum(sampler, 0).tolist()}
        rows.append({**row, "log_p": (q - 0.3).tolist()} if with_reference else row)
    (tmp_path / "run.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = f"name: d\nestimators: [k1, k3, {', '.join(AGAINST)}]\nlevel: token\npairs: [{{name: d, data: run.jsonl}}]\n"
    case = klbench.run(klbench.read_text(text, folder=str(tmp_path)), device="cpu").cases[-1]
    by_name = {row.estimator: row for row in case.rows}
    log_ratio = np.array([row["log_sampler"] for row in rows]) - np.array([row["log_q"] for row in rows])
    known = {"k1": log_ratio, "k2": log_ratio**2 / 2, "k3": np.expm1(-log_ratio) + log_ratio}
    assert by_name["k1"].mean == pytest.approx(known["k1"].sum(1).mean(), rel=1e-9)
    of = {"verl:token_k1": "k1", "verl:token_k2": "k2", "verl:rollout_corr_kl": "k1", "prime-rl:mismatch_kl": "k3"}
    for name, value in of.items():
        assert by_name[name].mean == pytest.approx(known[value].sum(1).mean(), rel=1e-6), name
    assert all(by_name[name].mean != 0 for name in AGAINST)


def test_of_pairs_it_is_said_that_they_estimate_another_kl() -> None:
    text = "name: s\nsamples: 1000\nestimators: [k1, verl:token_k1]\npairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n"
    (case,) = klbench.run(klbench.read_text(text), device="cpu").cases
    assert any("verl:token_k1 estimates KL(sampler‖q)" in note for note in case.notes)


@pytest.mark.parametrize("compare", ["reference", "mismatch"])
def test_one_comparison_of_two(tmp_path, compare: str) -> None:  # type: ignore[no-untyped-def]
    row = {"log_q": [-1.0, -2.0], "log_p": [-1.5, -2.0], "log_sampler": [-1.1, -2.0]}
    (tmp_path / "run.jsonl").write_text((json.dumps(row) + "\n") * 3)
    pair = f"{{name: d, data: run.jsonl, compare: {compare}}}"
    spec = klbench.read_text(f"name: d\nestimators: [k1]\npairs: [{pair}]\n", folder=str(tmp_path))
    (case,) = klbench.run(spec, device="cpu").cases
    assert case.case.pair == "d"
    assert case.rows[0].mean == pytest.approx({"reference": 0.5, "mismatch": -0.1}[compare])
    assert klbench.read_text(spec.to_yaml()) == spec


def test_what_the_files_do_not_have_cannot_be_compared(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "run.jsonl").write_text(json.dumps({"log_q": [-1.0], "log_p": [-1.5]}) + "\n")
    text = "name: d\nestimators: [k1]\npairs: [{name: d, data: run.jsonl, compare: mismatch}]\n"
    with pytest.raises(SpecError, match="no mismatch to measure"):
        klbench.read_text(text, folder=str(tmp_path))
