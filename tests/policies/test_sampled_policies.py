"""Perturb, Temper, TopK and TopP of a policy over sequences: at every state what NumPy makes of its row."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.policies.tables import normals, softmax, table

BASES = (
    "Markov(vocab=9, scale=2, seed=4, length=6, eos=3)",
    'Tree({"": [0.5, 0.25, 0.25], "1": [0.1, 0.9, 0], "0": [0, 0.5, 0.5]})',
    'Ngram("carroll.txt", 2, 0, length=5)',
)


def kept(row: np.ndarray, count: int) -> np.ndarray:
    chosen = sorted(range(len(row)), key=lambda token: (-row[token], token))[:count]
    mask = np.isin(np.arange(len(row)), chosen)
    return np.where(mask, row, 0) / row[mask].sum()


def nucleus(row: np.ndarray, mass: float) -> np.ndarray:
    likeliest = np.sort(row)[::-1].cumsum()
    return kept(row, int((likeliest < mass - 1e-12).sum()) + 1)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("walks", ["TopP({}, 0.8)", "TopK({}, 2)", "Temper({}, 0.7)", "Perturb({}, 0.3, 5)"])
def test_at_every_state(base: str, walks: str) -> None:
    of, made = table(base), table(walks.format(base))
    rows = of.log_probs.exp().numpy()
    with np.errstate(divide="ignore"):
        logits = np.log(rows)
    expected = {
        "TopP": lambda: np.array([nucleus(row, 0.8) for row in rows]),
        "TopK": lambda: np.array([kept(row, 2) for row in rows]),
        "Temper": lambda: softmax(logits / 0.7),
        "Perturb": lambda: softmax(logits + 0.3 * normals(5, "Perturb", rows.size).reshape(rows.shape)),
    }[walks.partition("(")[0]]()
    np.testing.assert_allclose(made.log_probs.exp().numpy(), expected, rtol=1e-10, atol=1e-300)
    assert torch.equal(made.following, of.following)
    assert (made.start, made.length) == (of.start, of.length)


def test_they_nest_from_the_inside_out() -> None:
    base = "Markov(vocab=9, scale=2, seed=4, length=6)"
    rows = table(base).log_probs.exp().numpy()
    tempered = softmax(np.log(rows) / 0.5)
    expected = np.array([kept(nucleus(row, 0.9), 3) for row in tempered])
    found = table(f"TopK(TopP(Temper({base}, 0.5), 0.9), 3)").log_probs.exp().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
