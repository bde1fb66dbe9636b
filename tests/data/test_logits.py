"""Two logits files of llama.cpp: the truth is the mean of ``full``, and a bias the paired difference from it."""

from __future__ import annotations

import struct
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from tests.data.dumps import Numbers
from tests.data.runs import called, table

CONTEXT, CHUNKS = 16, 40
ROWS = CONTEXT - 1 - CONTEXT // 2


def written(path: Path, logits: Numbers, tokens: np.ndarray) -> Numbers:
    """Write logits [chunks, rows, V] as llama-perplexity does; the log-probabilities as they are stored."""
    vocabulary = logits.shape[2]
    log_probs = logits - np.log(np.exp(logits).sum(2, keepdims=True))
    entries = 2 * ((vocabulary + 1) // 2) + 4
    least = np.maximum(log_probs.min(2), log_probs.max(2) - 16.0).astype(np.float32)
    scale = ((log_probs.max(2) - least) / 65535).astype(np.float32)
    codes = np.rint((log_probs - least[..., None]) / scale[..., None]).clip(0, 65535).astype(np.uint16)
    body = np.zeros((CHUNKS, ROWS, entries), np.uint16)
    body[..., :4] = np.stack([scale, least], 2).view(np.uint16)
    body[..., 4 : 4 + vocabulary] = codes
    header = struct.pack("<8sIii", b"_logits_", CONTEXT, vocabulary, CHUNKS)
    path.write_bytes(header + tokens.astype("<i4").tobytes() + body.tobytes())
    stored = codes * scale[..., None].astype(float) + least[..., None].astype(float)
    return stored - np.log(np.exp(stored).sum(2, keepdims=True))


def kl_of(q: Numbers, p: Numbers) -> Numbers:
    return (np.exp(q) * (q - p)).sum(2)


def clustered(deviations: Numbers, number: int) -> float:
    """A chunk is a group."""
    return sqrt((deviations**2).sum() * CHUNKS / (CHUNKS - 1)) / number


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Numbers, Numbers]:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(81)
    logits = random.normal(0, 2, (CHUNKS, ROWS, 101))
    tokens = random.integers(0, 101, (CHUNKS, CONTEXT))
    q = written(Path("q.kld"), logits, tokens)
    return q, written(Path("p.kld"), logits + random.normal(0, 0.5, logits.shape), tokens)


def test_the_truth_is_the_mean_of_full(files: tuple[Numbers, Numbers], capsys: pytest.CaptureFixture[str]) -> None:
    q, p = files
    aggregations = ("seq-mean-token-sum", "seq-mean-token-mean", "token-mean")
    asked = [part for name in aggregations for part in ("--aggregation", name)]
    done = called(
        capsys, "data", "q.kld", "p.kld", "-e", "full", "-e", "k1", "-e", "k2", "-e", "k3", *asked, "--name", "l"
    )
    assert done.status == 0, done.err
    rows = {(row["estimator"], row["level"], row["aggregation"]): row for row in table(Path("results/l/results.csv"))}
    exact = kl_of(q, p)
    log_ratio = log_ratios(q, p)
    functions = {"full": exact, "k1": -log_ratio, "k2": log_ratio**2 / 2, "k3": np.expm1(log_ratio) - log_ratio}
    for aggregation in aggregations:
        factor, number = {
            "seq-mean-token-sum": (1.0, CHUNKS),
            "seq-mean-token-mean": (1 / ROWS, CHUNKS),
            "token-mean": (1.0, CHUNKS * ROWS),
        }[aggregation]
        for name, values in functions.items():
            row = rows[name, "token", aggregation]
            true = exact.sum() * factor / number
            assert row["true_from"] == "full"
            assert int(row["samples"]) == CHUNKS
            assert float(row["true"]) == pytest.approx(true, rel=1e-9)
            assert float(row["mean"]) == pytest.approx(values.sum() * factor / number, rel=1e-9)
            sums = values.sum(1) * factor
            assert float(row["mean_mcse"]) == pytest.approx(clustered(sums - sums.mean(), number), rel=1e-7)
            if name in ("k1", "k3"):
                apart = (values - exact).sum(1) * factor
                assert float(row["bias"]) == pytest.approx(apart.sum() / number, rel=1e-7, abs=1e-12)
                assert float(row["bias_mcse"]) == pytest.approx(clustered(apart - apart.mean(), number), rel=1e-7)
                assert float(row["bias_over_true"]) == pytest.approx(apart.sum() / number / true, rel=1e-7, abs=1e-12)
    assert float(rows["full", "token", "token-mean"]["bias"]) == 0


def log_ratios(q: Numbers, p: Numbers) -> Numbers:
    """log p − log q [chunks, rows] of the tokens that are drawn from q: those that worst.csv would list, by the rows'
    own random numbers (a Philox stream for each chunk), which is the one thing that is not in the design."""
    drawn = np.empty(q.shape[:2], int)
    for chunk in range(CHUNKS):
        stream = np.random.Philox(key=0, counter=[0, 0, 0, chunk])
        uniform = (stream.random_raw(ROWS) >> np.uint64(11)) * 2.0**-53
        cumulated = np.exp(q[chunk]).cumsum(1)
        drawn[chunk] = (cumulated <= uniform[:, None] * cumulated[:, -1:]).sum(1)
    at = drawn[..., None]
    return (np.take_along_axis(p, at, 2) - np.take_along_axis(q, at, 2))[..., 0]


@pytest.mark.usefixtures("files")
def test_the_estimators_agree_with_full(capsys: pytest.CaptureFixture[str]) -> None:
    """Unbiased estimators on tokens that were drawn from q: within five of their own errors. k2 is not."""
    assert called(capsys, "data", "q.kld", "p.kld", "--aggregation", "token-mean", "--name", "l").status == 0
    rows = {row["estimator"]: row for row in table(Path("results/l/results.csv")) if row["level"] == "token"}
    assert "full" in rows
    for name in ("k1", "k3"):
        assert abs(float(rows[name]["bias"])) < 5 * float(rows[name]["bias_mcse"])
        assert float(rows[name]["bias_mcse"]) > 0
    checks = {(row["check"], row["level"]): row for row in table(Path("results/l/checks.csv"))}
    assert set(checks) == {("mean_ratio_minus_one", "token"), ("mean_ratio_minus_one", "sequence")}
    assert abs(float(checks["mean_ratio_minus_one", "token"]["z"])) < 5


@pytest.mark.usefixtures("files")
def test_files_of_other_texts_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(82)
    written(Path("other.kld"), random.normal(0, 2, (CHUNKS, ROWS, 101)), random.integers(0, 101, (CHUNKS, CONTEXT)))
    done = called(capsys, "data", "q.kld", "other.kld")
    assert (done.status, done.out) == (2, "")
    assert "have another token" in done.err
    done = called(capsys, "data", "q.kld")
    assert done.status == 2
    assert "2 files are read together, and 1 named" in done.err
