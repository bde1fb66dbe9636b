"""The moments of gradients along chains, against all sequences one by one, and against closed forms where they are
long."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from klbench.policies.table import ENDED
from klbench.roads.chain import Chain, visits
from klbench.roads.chain_gradient_moments import Rows, TokenSums, moments_of_gradient, work_of
from klbench.roads.gradient_moments import GradientMoments
from tests.roads.chains import CHAINS, every_sequence, policy, random

every = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
SUMS = ("own", "value", "own and value", "to go", "own and to go")


def sums_of(name: str, chain: Chain) -> TokenSums:
    states, tokens = chain.probs.shape
    own = random(41, states, tokens, tokens) if "own" in name else None
    value = random(42, states, tokens) + 0.5 if name != "own" else None
    return TokenSums(own, value, "to go" in name)


def rows_of(chain: Chain, *, shared: bool) -> Rows:
    """q's rows: one for each state, or two for all of them."""
    states, tokens = chain.probs.shape
    row_of = torch.arange(states) % 2 if shared else torch.arange(states)
    own = policy(43, states, tokens)
    return Rows(own[row_of], row_of, int(row_of.max()) + 1)


def gradient(cells: tuple[tuple[int, int], ...], rows: Rows, sums: TokenSums) -> Tensor:
    """Of one sequence [R, V], by its definition."""
    scores = []
    for state, token in cells:
        score = rows.zeros
        score[rows.row_of[state]] = -rows.pi[state]
        score[rows.row_of[state], token] += 1
        scores.append(score)
    whole = rows.zeros
    for t, (state, token) in enumerate(cells):
        if sums.own is not None:
            whole[rows.row_of[state]] += sums.own[state, token]
        if sums.value is not None:
            whole += sums.value[state, token] * sum(scores[: t + 1] if sums.to_go else scores, rows.zeros)
    return whole


def listed(chain: Chain, rows: Rows, sums: TokenSums, by_length: bool) -> tuple[Tensor, Tensor]:
    sequences = every_sequence(chain)

    def of(cells: tuple[tuple[int, int], ...]) -> Tensor:
        return gradient(cells, rows, sums) / (len(cells) if by_length else 1)

    return sequences.expectation(of), sequences.expectation(lambda cells: of(cells) ** 2)


def close(found: GradientMoments | None, mean: Tensor, square: Tensor) -> None:
    assert found is not None
    torch.testing.assert_close(found.mean, mean, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(found.square, square, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(found.variance, (square - mean**2).clamp_min(0), rtol=1e-10, atol=1e-13)


@every
@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("by_length", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_moments(chain: Chain, name: str, by_length: bool, shared: bool) -> None:
    rows, sums = rows_of(chain, shared=shared), sums_of(name, chain)
    close(moments_of_gradient(chain, rows, sums, by_length), *listed(chain, rows, sums, by_length))


@every
@pytest.mark.parametrize("name", ["own and value", "to go"])
def test_weights_need_not_be_probabilities(chain: Chain, name: str) -> None:
    weighted = replace(chain, probs=chain.probs * (0.2 * random(44, *chain.probs.shape)).exp())
    rows, sums = rows_of(chain, shared=False), sums_of(name, chain)
    found = moments_of_gradient(weighted, rows, sums)
    assert found is not None
    mean, square = listed(weighted, rows, sums, by_length=False)
    torch.testing.assert_close(found.mean, mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.square, square, rtol=1e-12, atol=1e-12)


@every
def test_what_is_never_drawn_may_be_anything(chain: Chain) -> None:
    rows, sums = rows_of(chain, shared=False), sums_of("own and value", chain)
    assert sums.own is not None
    assert sums.value is not None
    never = (chain.probs == 0) | (visits(chain) == 0)[:, None]
    own, value = sums.own.masked_fill(never[..., None], math.nan), sums.value.masked_fill(never, math.inf)
    close(moments_of_gradient(chain, rows, TokenSums(own, value)), *listed(chain, rows, sums, by_length=False))


def test_what_is_drawn_may_not() -> None:
    chain = CHAINS["markov"]
    value = random(45, *chain.probs.shape)
    value[0, 0] = math.inf
    assert moments_of_gradient(chain, rows_of(chain, shared=False), TokenSums(value=value)) is None


def test_a_constant_has_no_noise() -> None:
    """The first state is visited once, and what it has by itself is large."""
    chain = CHAINS["markov"]
    own = 1e6 * random(46, chain.states)[:, None, None].expand(*chain.probs.shape, chain.probs.shape[1])
    found = moments_of_gradient(chain, rows_of(chain, shared=False), TokenSums(own))
    assert found is not None
    assert (found.variance[chain.start] == 0).all()
    assert (found.variance[: chain.start] > 1).all()


LENGTH = 1000


def independent(name: str) -> tuple[GradientMoments, Tensor, Tensor, Tensor]:
    """1000 independent tokens: the moments, and each token's value, score and probability."""
    probs = policy(47, 1, 4)
    chain = Chain(probs, torch.zeros(1, 4, dtype=torch.int64), 0, LENGTH)
    rows, value = Rows(probs, torch.zeros(1, dtype=torch.int64), 1), random(48, 1, 4)
    scores = rows.scores[0]
    sums = TokenSums(value[..., None] * rows.scores) if name == "own" else TokenSums(value=value, to_go=name == "to go")
    found = moments_of_gradient(chain, rows, sums)
    assert found is not None
    return found, value[0], scores, probs[0]


def test_long_sums_of_tokens() -> None:
    found, value, scores, probs = independent("own")
    one = value[:, None] * scores
    variance = probs @ one**2 - (probs @ one) ** 2
    torch.testing.assert_close(found.variance[0], LENGTH * variance, rtol=1e-12, atol=0)


def test_long_products() -> None:
    found, value, scores, probs = independent("value")
    mean = probs @ value
    away = (value - mean)[:, None]
    crossed, square = probs @ (away * scores), probs @ scores**2
    pairs = LENGTH * (LENGTH - 1)
    squares = LENGTH * (probs @ (away * scores) ** 2) + pairs * ((probs @ away**2) * square + 2 * crossed**2)
    squares = (
        squares + 2 * LENGTH * mean * LENGTH * (probs @ (away * scores**2)) + (LENGTH * mean) ** 2 * LENGTH * square
    )
    torch.testing.assert_close(found.mean[0], LENGTH * crossed, rtol=1e-11, atol=0)
    torch.testing.assert_close(found.square[0], squares, rtol=1e-12, atol=0)


def test_long_returns() -> None:
    """Σ_u f_u Z_u: of two values the earlier one is met by the score in common."""
    found, value, scores, probs = independent("to go")
    mean, square = probs @ value, probs @ scores**2
    crossed, both = probs @ (value[:, None] * scores), probs @ (value[:, None] * scores**2)
    total = torch.zeros(4, dtype=torch.float64)
    for u in range(1, LENGTH + 1):
        total += probs @ (value[:, None] * scores) ** 2 + (u - 1) * (probs @ value**2) * square
        # E[f_u Z_u f_v Z_v] of v > u: f_v is by itself but for the score of v
        after = LENGTH - u
        total += 2 * after * (mean * (both + (u - 1) * mean * square) + crossed**2)
    torch.testing.assert_close(found.mean[0], LENGTH * crossed, rtol=1e-11, atol=0)
    torch.testing.assert_close(found.square[0], total, rtol=1e-11, atol=0)


def test_what_overflows_is_not_known() -> None:
    chain = Chain(policy(50, 1, 2), torch.zeros(1, 2, dtype=torch.int64), 0, LENGTH)
    rows, sums = Rows(chain.probs, torch.zeros(1, dtype=torch.int64), 1), TokenSums(value=random(51, 1, 2))
    first, second = (moments_of_gradient(replace(chain, probs=chain.probs * by), rows, sums) for by in (1, 3))
    assert first is not None
    assert second is not None
    assert not second.square.isfinite().any()
    assert first.with_square(second.square).variance.isnan().all()
    torch.testing.assert_close(first.with_square(first.square).variance, first.variance, rtol=1e-12, atol=0)


def test_work_grows_with_what_is_carried() -> None:
    small, large = CHAINS["markov"], CHAINS["tree, three tokens"]
    of = [work_of(chain, rows_of(chain, shared=False)) for chain in (small, replace(small, length=10), large)]
    assert of[1] == 2 * of[0]
    assert all(work > 0 for work in of)
    wide = Chain(policy(49, 1, 4096), torch.full((1, 4096), ENDED), 0, 2)
    assert work_of(wide, Rows(wide.probs, torch.zeros(1, dtype=torch.int64), 1)) == math.inf
