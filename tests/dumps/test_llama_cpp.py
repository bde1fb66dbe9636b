"""Two logits files of llama.cpp: the exact KL of each position, and tokens drawn from the stored rows."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from klbench.dumps.clean import clean
from klbench.dumps.layouts import llama_cpp
from klbench.dumps.read import open_dump
from klbench.errors import SpecError
from tests.dumps.conftest import opened, rows

N_CTX, N_VOCAB, CHUNKS = 8, 5, 3
ROWS = N_CTX - 1 - N_CTX // 2


def encoded(log_probs: np.ndarray) -> bytes:
    """A row as llama-perplexity writes it: floored 16 below the largest, in steps of a 65535th."""
    least = max(log_probs.min(), log_probs.max() - 16)
    scale = (log_probs.max() - least) / 65535
    codes = np.zeros(2 * ((len(log_probs) + 1) // 2), np.uint16)
    codes[: len(log_probs)] = np.round((np.maximum(log_probs, least) - least) / (scale or 1))
    return struct.pack("<ff", scale, least) + codes.tobytes()


def write(path: Path, log_probs: np.ndarray, tokens: np.ndarray, n_ctx: int = N_CTX) -> Path:
    chunks, _, n_vocab = log_probs.shape
    with path.open("wb") as file:
        file.write(b"_logits_" + struct.pack("<Iii", n_ctx, n_vocab, chunks) + tokens.astype("<i4").tobytes())
        for row in log_probs.reshape(-1, n_vocab):
            file.write(encoded(row))
    return path


def drawn(seed: int, chunks: int = CHUNKS, n_vocab: int = N_VOCAB) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(chunks, ROWS, n_vocab))
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


TOKENS = np.arange(CHUNKS * N_CTX).reshape(CHUNKS, N_CTX) % N_VOCAB


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "q.kld", drawn(0), TOKENS), write(tmp_path / "p.dat", drawn(1), TOKENS)


def test_the_kl_of_each_position_is_exact(pair: tuple[Path, Path]) -> None:
    dump = opened(*pair)
    found = list(dump.rows())
    q, p = drawn(0), drawn(1)
    exact = (np.exp(q) * (q - p)).sum(-1)
    assert (dump.layout, dump.roles, dump.entry) == ("llama.cpp logits", ("log_q", "log_p"), None)
    np.testing.assert_allclose([row.known["full"] for row in found], exact, atol=1e-3)  # steps of 2.4e-4 nats
    assert [row.place.rpartition("/")[2] for row in found] == [f"q.kld, chunk {chunk}" for chunk in range(CHUNKS)]
    assert "drawn from q's stored row" in dump.said
    assert "sum to 1 within" in dump.notices[0]


def test_drawn_tokens_are_of_the_stored_rows(pair: tuple[Path, Path]) -> None:
    """log_q and log_p are of one and the same token: the pair is one of the row's."""
    q, p = drawn(0), drawn(1)
    for chunk, row in enumerate(rows(*pair)):
        for at in range(ROWS):
            off = np.abs(q[chunk, at] - row.log_probs["log_q"][at]) + np.abs(p[chunk, at] - row.log_probs["log_p"][at])
            assert off.min() < 1e-3


def test_draws_follow_q(tmp_path: Path) -> None:
    """Chi-square of 4,500 draws from one row; on another seed it would fail once in a million."""
    from scipy.stats import chi2

    law = np.log(np.array([0.5, 0.25, 0.125, 0.0625, 0.0625]))
    chunks = 1500
    same = np.broadcast_to(law, (chunks, ROWS, N_VOCAB))
    tokens = np.zeros((chunks, N_CTX), np.int32)
    other = np.log(np.array([0.1, 0.15, 0.2, 0.25, 0.3]))
    paths = (
        write(tmp_path / "q", same, tokens),
        write(tmp_path / "p", np.broadcast_to(other, same.shape), tokens),
    )
    log_p = np.concatenate([row.log_probs["log_p"] for row in rows(*paths)])
    counts = np.array([(np.abs(log_p - each) < 1e-3).sum() for each in other])
    expected = np.exp(law) * ROWS * chunks
    assert counts.sum() == ROWS * chunks
    assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-6, N_VOCAB - 1)


def test_draws_are_numbered(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def log_q(seed: int) -> list[list[float]]:
        return [list(row.log_probs["log_q"]) for row in open_dump(pair, {}, seed).rows()]

    first = log_q(0)
    assert log_q(0) == first
    assert any(log_q(seed) != first for seed in (1, 2, 3))  # all 9 draws alike three times: about 1e-12
    monkeypatch.setattr(llama_cpp, "NUMBERS", N_VOCAB)  # a row at a time
    assert log_q(0) == first


def test_odd_and_even_vocabularies(tmp_path: Path) -> None:
    for n_vocab in (4, 5):
        q, p = drawn(2, 1, n_vocab), drawn(3, 1, n_vocab)
        paths = write(tmp_path / "q", q, TOKENS[:1]), write(tmp_path / "p", p, TOKENS[:1])
        np.testing.assert_allclose(rows(*paths)[0].known["full"], (np.exp(q) * (q - p)).sum(-1)[0], atol=1e-3)


def test_floored_rows_are_divided_by_their_sum(tmp_path: Path) -> None:
    """A vocabulary of which nearly all lies below the floor: the stored rows sum to more than 1."""
    n_vocab = 40_001
    law = np.full((1, ROWS, n_vocab), -40.0)
    law[..., 0] = 0.0
    paths = write(tmp_path / "q", law, TOKENS[:1]), write(tmp_path / "p", law, TOKENS[:1])
    dump = opened(*paths)
    (row,) = dump.rows()
    assert np.exp(row.log_probs["log_q"]).max() == pytest.approx(1 / (1 + 40_000 * np.exp(-16)), rel=1e-4)
    assert clean(row).known["full"].tolist() == [0.0] * ROWS
    assert "within 0.005" in dump.notices[0]


def test_files_that_do_not_agree(pair: tuple[Path, Path], tmp_path: Path) -> None:
    cases = {
        "n_vocab": write(tmp_path / "1", drawn(1, n_vocab=6), TOKENS),
        "n_ctx": write(tmp_path / "2", drawn(1)[:, : 9 - 1 - 4], TOKENS[:, :1].repeat(9, 1), 9),
        "chunks": write(tmp_path / "3", drawn(1)[:2], TOKENS[:2]),
        "another token at 7 of chunk 2": write(tmp_path / "4", drawn(1), TOKENS + (np.arange(24).reshape(3, 8) == 23)),
    }
    for said, other in cases.items():
        if said == "n_ctx":
            other.write_bytes(other.read_bytes() + b"\0" * (_size(9) - other.stat().st_size))
        with pytest.raises(SpecError, match=said):
            rows(pair[0], other)


def _size(n_ctx: int) -> int:
    return 20 + 4 * CHUNKS * n_ctx + 2 * CHUNKS * (n_ctx - 1 - n_ctx // 2) * (6 + 4)


def test_one_file_or_three(pair: tuple[Path, Path]) -> None:
    for paths in ((pair[0],), (*pair, pair[0])):
        with pytest.raises(SpecError, match="2 files are read together"):
            opened(*paths)


def test_torn_and_wrong(pair: tuple[Path, Path]) -> None:
    whole = pair[0].read_bytes()
    for length in (8, 12, 20, 60, len(whole) - 1):
        pair[0].write_bytes(whole[:length])
        with pytest.raises(SpecError, match=r"q\.kld"):
            rows(*pair)
    for header in ((0, 5, 3), (8, -1, 3), (8, 5, 0), (8, 5, -1), (2**32 - 1, 2**31 - 1, 2**31 - 1)):
        pair[0].write_bytes(b"_logits_" + struct.pack("<Iii", *header) + whole[20:])
        with pytest.raises(SpecError, match=r"q\.kld"):
            rows(*pair)
    codes = 20 + 4 * CHUNKS * N_CTX
    for number in (float("nan"), float("inf"), 5.0, -30.0):
        pair[0].write_bytes(whole[: codes + 4] + struct.pack("<f", number) + whole[codes + 8 :])
        with pytest.raises(SpecError, match=r"q\.kld, chunk 0: the probabilities"):
            rows(*pair)


def test_no_mixing_with_other_layouts(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text('{"log_q": [-1.0], "log_p": [-1.0]}\n')
    with pytest.raises(SpecError, match=r"q\.kld is llama\.cpp logits, and .*run\.jsonl is neutral"):
        opened(pair[0], tmp_path / "run.jsonl")
