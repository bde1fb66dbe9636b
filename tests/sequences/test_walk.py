"""Walking along a table: alias tables for every state at once, and every sequence listed."""

from __future__ import annotations

from itertools import product
from math import fsum, inf, isinf, log, prod

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from klbench.distributions.stream import stream_for
from klbench.policies.paths import MOST_PATHS, count_of, paths_of
from klbench.policies.table import ENDED
from klbench.policies.walk import AliasRows, walk
from tests.sequences.cases import CASES
from tests.sequences.runs import built, everything

ALPHA = 1e-6
"""The failure rate of each statistical test here, over random seeds; the seeds are fixed and were not chosen."""


def rows(kind: str, states: int, vocabulary: int) -> Tensor:
    """Random probabilities [S, V]."""
    random = np.random.default_rng([states, vocabulary, len(kind)])
    scale = {"even": 0.0, "near": 0.1, "far": 6.0, "zeros": 1.0}[kind]
    weights = np.exp(scale * random.standard_normal((states, vocabulary)))
    if kind == "zeros":
        weights[random.random(weights.shape) < 0.6] = 0.0
        weights[np.arange(states), random.integers(vocabulary, size=states)] = 1.0
    return torch.from_numpy(weights / weights.sum(1, keepdims=True))


@pytest.mark.parametrize("kind", ["even", "near", "far", "zeros"])
@pytest.mark.parametrize(("states", "vocabulary"), [(1, 1), (4, 1), (1, 2), (50, 2), (20, 3), (30, 17), (7, 1000)])
def test_alias_tables_are_their_probabilities(kind: str, states: int, vocabulary: int) -> None:
    probs = rows(kind, states, vocabulary)
    table = AliasRows.of(probs)
    keep = table.keep.numpy().reshape(states, vocabulary).clip(0, 1)
    alias = table.alias.numpy().reshape(states, vocabulary)
    assert ((alias >= 0) & (alias < vocabulary)).all()
    summed = keep.copy()
    for row in range(states):
        np.add.at(summed[row], alias[row], 1 - keep[row])
    summed /= vocabulary
    assert np.abs(summed - probs.numpy()).max() < 1e-14
    assert (summed[probs.numpy() == 0] == 0).all()


@pytest.mark.parametrize("uniform", [2.0**-54, 0.5, 1 - 2.0**-53])
@pytest.mark.parametrize("vocabulary", [1, 3, 7])
def test_the_ends_of_the_uniforms_are_tokens_of_their_state(uniform: float, vocabulary: int) -> None:
    probs = rows("zeros", 5, vocabulary)
    cell = AliasRows.of(probs).draw(torch.arange(5), torch.full((5,), uniform, dtype=torch.float64))
    assert torch.equal(cell // vocabulary, torch.arange(5))
    assert bool((probs.flatten()[cell] > 0).all())


@pytest.mark.parametrize("case", CASES)
def test_tokens_are_drawn_as_often_as_they_are_likely(case: str) -> None:
    """In every state by itself: a χ² of the tokens that follow it."""
    pair = built(CASES[case])
    probs = pair.base_probs
    drawn = pair.block(0, 0)(20_000).cells.bincount(minlength=probs.numel()).view_as(probs)
    assert bool((drawn[probs == 0] == 0).all())
    visited = 0
    for counts, row in zip(drawn.numpy(), probs.numpy(), strict=True):
        there, total = row > 0, counts.sum()
        if total < 200 or there.sum() < 2:
            continue
        visited += 1
        expected = total * row[there] / row[there].sum()
        assert stats.chisquare(counts[there], expected).pvalue > ALPHA
    assert visited or probs.shape[1] == 1


@pytest.mark.parametrize("case", CASES)
def test_whole_sequences_are_drawn_as_often_as_they_are_likely(case: str) -> None:
    pair = built(CASES[case])
    walks, paths = pair.block(1, 0)(20_000), pair.paths
    counted: dict[tuple[int, ...], int] = {}
    for sequence in sequences_of(walks.cells, walks.owner, walks.count):
        counted[sequence] = counted.get(sequence, 0) + 1
    listed = sequences_of(paths.walks.cells, paths.walks.owner, paths.walks.count)
    assert counted.keys() <= set(listed)
    # the rare ones together, so that the χ² is one
    often = [(counted.get(each, 0), 20_000 * prob) for each, prob in zip(listed, paths.probs.tolist(), strict=True)]
    cells = [(seen, expected) for seen, expected in often if expected >= 10]
    rest = [(seen, expected) for seen, expected in often if expected < 10]
    if rest:
        cells.append((sum(seen for seen, _ in rest), fsum(expected for _, expected in rest)))
    if len(cells) > 1:
        seen, expected = (np.array(column, dtype=float) for column in zip(*cells, strict=True))
        assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > ALPHA


def sequences_of(cells: Tensor, owner: Tensor, count: int) -> list[tuple[int, ...]]:
    found: list[list[int]] = [[] for _ in range(count)]
    for cell, own in zip(cells.tolist(), owner.tolist(), strict=True):
        found[own].append(cell)
    return [tuple(each) for each in found]


@pytest.mark.parametrize("eos", [None, 0])
@pytest.mark.parametrize(("vocabulary", "length"), [(1, 4), (2, 1), (2, 5), (3, 4)])
def test_every_sequence_is_listed_once(vocabulary: int, length: int, eos: int | None) -> None:
    probs = rows("zeros", vocabulary + 1, vocabulary)
    following = torch.arange(vocabulary)
    if eos is not None:
        following[eos] = ENDED
    table = (probs.log(), following.expand(vocabulary + 1, vocabulary), vocabulary, length)
    known: dict[tuple[int, ...], float] = {}
    for tokens in product(range(vocabulary), repeat=length):
        # cut off behind the first eos; those that are cut to the same are one
        cut = tokens[: tokens.index(eos) + 1] if eos in tokens else tokens
        states = (vocabulary, *cut[:-1])
        prob = prod(float(probs[state, token]) for state, token in zip(states, cut, strict=True))
        if prob:
            known[tuple(state * vocabulary + token for state, token in zip(states, cut, strict=True))] = prob
    assert count_of(*table) == (len(known), sum(map(len, known)))
    paths = paths_of(*table)
    listed = sequences_of(paths.walks.cells, paths.walks.owner, paths.walks.count)
    assert len(set(listed)) == len(listed)
    assert dict(zip(listed, paths.probs.tolist(), strict=True)) == pytest.approx(known, rel=1e-13)


def test_too_many_are_not_counted_on() -> None:
    for length, known in ((19, 2.0**19), (20, inf), (10_000, inf)):
        log_base = torch.full((2, 2), log(0.5), dtype=torch.float64)
        count, tokens = count_of(log_base, torch.arange(2).expand(2, 2), 0, length)
        assert count == known
        assert isinf(tokens) == isinf(known)
    assert 2**19 <= MOST_PATHS < 2**20


@pytest.mark.parametrize("case", CASES)
def test_the_probabilities_of_what_is_listed(case: str) -> None:
    known = sorted(found for steps in everything(case).sequences if (found := prod(step.sampler for step in steps)))
    assert sorted(built(CASES[case]).paths.probs.tolist()) == pytest.approx(known, rel=1e-12)


def test_a_walk_of_one_token_in_one_state() -> None:
    table = AliasRows.of(torch.ones(1, 1, dtype=torch.float64))
    walks = walk(table, torch.zeros(1, 1, dtype=torch.int64), 0, 5, 3, stream_for(0, b"one", 0))
    assert walks.cells.tolist() == [0] * 15
    assert walks.lengths.tolist() == [5.0] * 3
