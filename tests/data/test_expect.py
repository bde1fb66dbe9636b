"""``--check`` in CI: "mean k1 between trainer and rollout below 0.001, beyond 5 errors" fails a build, or does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.data.runs import called, table

pytestmark = pytest.mark.usefixtures("dump")
EXPECTED = {"k1": {"mean": {"value": 0, "within": 0.001}}}


@pytest.fixture
def dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trainer 0.01 nats a token from its engine, to within an error of 1e-4."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(51)
    log_q = -random.exponential(1.0, (400, 50)) - 0.2
    log_sampler = log_q + 0.01 + random.normal(0, 0.01, log_q.shape)
    np.savez("run.npz", log_q=log_q, log_sampler=log_sampler, mask=np.ones(log_q.shape), group=np.arange(400) // 4)
    return tmp_path


def spec(expect: dict[str, Any], **keys: Any) -> None:
    given = {"name": "ci", "estimators": ["k1", "k3"], **keys, "pairs": [{"data": "run.npz", "expect": expect}]}
    Path("ci.yaml").write_text(yaml.safe_dump(given, sort_keys=False), encoding="utf-8")


def test_a_mismatch_fails_the_build(capsys: pytest.CaptureFixture[str]) -> None:
    spec(EXPECTED, aggregation="token-mean")
    done = called(capsys, "run", "ci.yaml", "--check")
    assert done.status == 1, done.err
    assert "expected 0 within 0.001 + 5 MCSE" in done.err
    assert table(Path("results/ci/results.csv"))
    assert called(capsys, "run", "ci.yaml").status == 0


def test_the_trainer_after_it_is_mended_passes(capsys: pytest.CaptureFixture[str]) -> None:
    with np.load("run.npz") as arrays:
        mended = {**arrays, "log_sampler": arrays["log_sampler"] - 0.01}
    np.savez("run.npz", **mended)
    spec(EXPECTED, aggregation="token-mean")
    done = called(capsys, "run", "ci.yaml", "--check")
    assert done.status == 0, done.err


def test_five_errors_are_allowed_beyond_it(capsys: pytest.CaptureFixture[str]) -> None:
    spec({}, aggregation="token-mean")
    assert called(capsys, "run", "ci.yaml").status == 0
    row = table(Path("results/ci/results.csv"))[0]
    mean, error = float(row["mean"]), float(row["mean_mcse"])
    for errors, status in ((4.9, 0), (5.1, 1)):
        spec({"k1": {"mean": {"value": mean - errors * error, "within": 0}}}, aggregation="token-mean")
        assert called(capsys, "run", "ci.yaml", "--check").status == status


def test_a_place_among_several(capsys: pytest.CaptureFixture[str]) -> None:
    """0.01 a token is 0.5 a sequence."""
    both = {"level": ["token", "sequence"], "aggregation": ["seq-mean-token-sum", "token-mean"]}
    for place, value in (
        ({"level": "token", "aggregation": "token-mean"}, 0.01),
        ({"level": "token", "aggregation": "seq-mean-token-sum"}, 0.5),
        ({"level": "sequence"}, 0.5),
    ):
        for expected, status in ((value, 0), (value * 2, 1)):
            within = {"value": expected, "within": value / 10, **place}
            spec({"k1": {"mean": within}}, **both)
            assert called(capsys, "run", "ci.yaml", "--check").status == status, place


def test_a_precision(capsys: pytest.CaptureFixture[str]) -> None:
    """In bfloat16 log-probabilities are rounded first: its mean is another, and told by its dtype."""
    keys = {"aggregation": "token-mean", "dtype": ["float64", "bfloat16"]}
    for dtype in ("float64", "bfloat16"):
        for value, status in ((0.01, 0), (0.02, 1)):
            spec({"k1": {"mean": {"value": value, "within": 0.001, "dtype": dtype}}}, **keys)
            done = called(capsys, "run", "ci.yaml", "--check")
            assert done.status == status, done.err
    rows = table(Path("results/ci/results.csv"))
    assert [row["dtype"] for row in rows if row["estimator"] == "k1"] == ["float64", "bfloat16"]
    assert rows[0]["mean"] != rows[1]["mean"]


def test_the_check_of_klbench_data_is_of_finite_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert called(capsys, "data", "run.npz", "--check").status == 0
    np.savez(
        "run.npz", log_q=np.array([[-900.0], [-1.0]]), log_sampler=np.array([[-1.0], [-1.0]]), mask=np.ones((2, 1))
    )
    assert called(capsys, "data", "run.npz", "-e", "k2", "--check").status == 0
