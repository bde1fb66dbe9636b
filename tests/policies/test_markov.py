"""Markov chains: given and random, against the probabilities of whole sequences and the stream written out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from klbench.errors import SpecError
from klbench.policies.build import is_sequence
from klbench.spec.expression import from_mapping, parse
from klbench.spec.read import read_text
from tests.policies.tables import normals, row, sequences, softmax, table

GIVEN = (
    "Markov(initial=[0.5, 0.3, 0.2], transition=[[0.9, 0.1, 0], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8]], length={}, eos={})"
)


def test_a_sequence_has_the_product_of_its_steps() -> None:
    initial, transition = [0.5, 0.3, 0.2], [[0.9, 0.1, 0], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]
    found = sequences(table(GIVEN.format(4, 2)))
    assert sum(found.values()) == pytest.approx(1, rel=1e-14)
    assert {len(tokens) for tokens in found} == {1, 2, 3, 4}
    for tokens, mass in found.items():
        steps = [transition[a][b] for a, b in pairwise(tokens)]
        assert mass == pytest.approx(initial[tokens[0]] * np.prod(steps), rel=1e-13)
        assert 2 not in tokens[:-1]
        assert tokens[-1] == 2 or len(tokens) == 4


def test_random_logits_are_the_numbered_stream() -> None:
    logits = 1.5 * normals(1, "Markov", 7 * 8).reshape(8, 7)
    found = table("Markov(vocab=7, scale=1.5, seed=1, length=20)")
    np.testing.assert_allclose(found.log_probs.exp().numpy(), softmax(logits), rtol=1e-12)
    np.testing.assert_allclose(row(found, ()), softmax(logits)[-1], rtol=1e-12)
    np.testing.assert_allclose(row(found, (3, 5)), softmax(logits)[5], rtol=1e-12)
    assert not found.may_end
    assert found.following.stride(0) == 0


def test_without_eos_all_have_one_length_and_defaults_are_told() -> None:
    assert {len(tokens) for tokens in sequences(table("Markov(vocab=2, length=3)"))} == {3}
    same = table("Markov(vocab=2, scale=1, seed=0, length=3)")
    assert (table("Markov(vocab=2, length=3)").log_probs == same.log_probs).all()


def test_sums_within_a_float32_softmax_are_divided_out() -> None:
    found = table("Markov(initial=[0.5, 0.5000005], transition=[[1, 0], [0.25, 0.75]], length=2)")
    assert row(found, ()).sum() == pytest.approx(1, abs=1e-15)


def test_a_mapping_writes_the_same_and_a_grid_fills_it() -> None:
    written = {"Markov": {"vocab": 5, "length": 8, "eos": 0}}
    assert from_mapping(written) == parse("Markov(vocab=5, length=8, eos=0)")
    q = "Markov(vocab={V}, scale={s}, length={T})"
    grid = "grid: {V: [3, 4], s: [0.5], T: [2, 9]}"
    text = f'name: g\nestimators: [k1]\npairs: [{{q: "{q}", p: "Perturb(q, {{s}})", {grid}}}]'
    cases = read_text(text).cases()
    assert [str(case.q) for case in cases] == [
        f"Markov(vocab={v}, scale=0.5, length={t})" for v in (3, 4) for t in (2, 9)
    ]
    assert all(is_sequence(case.q) and is_sequence(case.p) for case in cases)
    assert read_text(read_text(text).to_yaml()) == read_text(text)


REFUSED = {
    "Markov(initial=[0.5, 0.6], transition=[[1, 0], [0, 1]], length=2)": "sums to 1.1",
    "Markov(initial=[0.5, 0.5], transition=[[1, 0], [0.3, 0.6]], length=2)": "sums to 0.9 in row 1, -0.1 off",
    "Markov(initial=[0.5, 0.5], transition=[[1, 0], [1.5, -0.5]], length=2)": "has -0.5 in row 1",
    "Markov(initial=[1.5, -0.5], transition=[[1, 0], [0, 1]], length=2)": "numbers >= 0",
    "Markov(initial=[0.5, 0.5], transition=[[1, 0]], length=2)": "a row of transition for each",
    "Markov(initial=[0.5, 0.5], transition=[[1], [1]], length=2)": "as long",
    "Markov(initial=[0.5, 0.5], transition=[[1, 0], [1]], length=2)": "as long",
    "Markov(initial=[0.5, 0.5], length=2)": "given: initial",
    "Markov(initial=[0.5, 0.5], transition=[[1, 0], [0, 1]], seed=1, length=2)": "given: initial, transition and seed",
    "Markov(scale=2, length=2)": "given: scale",
    "Markov(length=2)": "given: none",
    "Markov(vocab=5)": "needs length",
    "Markov(vocab=5, length=0)": "length must be a whole number from 1 to 10,000, given 0",
    "Markov(vocab=5, length=10001)": "length must be",
    "Markov(vocab=2001, length=2)": "vocab must be a whole number from 1 to 2,000",
    "Markov(vocab=5, length=2, eos=5)": "eos below the number of tokens, given vocab=5, eos=5",
    "Markov(vocab=5, length=2, eos=-1)": "eos must be a token",
    "Markov(initial=[0.5, 0.5], transition=[[1, 0], [0, 1]], length=2, eos=2)": "eos below the number of tokens",
    "TopK(Markov(vocab=5, length=2), 6)": "TopK of 6 tokens, but the policy has 5",
    "Markov(vocab=5, length=2)**3": "cannot be raised to a power",
    "0.5*Markov(vocab=5, length=2) + 0.5*Markov(vocab=5, length=2)": "cannot be mixed",
    'Markov(vocab="5", length=2)': "unexpected '\"'",
}


@pytest.mark.parametrize("written", REFUSED)
def test_what_is_no_chain_is_refused_where_it_is(written: str) -> None:
    with pytest.raises(SpecError) as error:
        parse(written)
    assert REFUSED[written] in error.value.message
    assert error.value.location is not None


PAIRED = {
    ("Markov(vocab=5, length=2)", "Markov(vocab=6, length=2)"): "one has 5 tokens, the other 6",
    ("Markov(vocab=5, length=2)", "Markov(vocab=5, length=3)"): "up to 2 tokens, the other of up to 3",
    ("Markov(vocab=5, length=2)", "Zipf(5)"): "one is a policy over sequences, the other is over single draws",
    ("Zipf(5)", "TopK(Markov(vocab=5, length=2), 2)"): "the other is over single draws",
    ("Markov(vocab=5, length=2)", "N(0, 1)"): "one is discrete, the other continuous",
    ("Markov(vocab={V}, length=2)", "Markov(vocab=6, length=2)"): "one has 5 tokens, the other 6",
}


@pytest.mark.parametrize("pair", PAIRED, ids=" vs ".join)
def test_what_cannot_be_compared_is_refused(pair: tuple[str, str]) -> None:
    grid = ", grid: {V: [5]}" if "{V}" in pair[0] else ""
    with pytest.raises(SpecError) as error:
        read_text(f'name: t\nestimators: [k1]\npairs: [{{q: "{pair[0]}", p: "{pair[1]}"{grid}}}]')
    assert PAIRED[pair] in error.value.message
