"""Sums over tokens by dynamic programming, against all sequences one by one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from klbench.policies.table import markov
from klbench.roads.chain import Chain, expected_length, visits
from klbench.roads.chain_sums import covariance_of_sums, mean_of_sums, token_moments, variance_of_sums
from tests.roads.chains import CHAINS, every_sequence, gathered, markov_chain, random, total

every = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)


def functions_of(chain: Chain, count: int = 3) -> Tensor:
    """Values that are infinite and NaN where nothing is drawn."""
    values = random(20, count, *chain.probs.shape) + 2
    values[0, chain.probs == 0] = math.inf
    values[1, chain.probs == 0] = math.nan
    return values


@every
def test_visits_are_counted(chain: Chain) -> None:
    sequences = every_sequence(chain)
    counted = [
        sequences.expectation(lambda cells, s=s: sum(state == s for state, _ in cells)) for s in range(chain.states)
    ]
    torch.testing.assert_close(visits(chain), torch.stack(counted).double(), rtol=1e-13, atol=1e-15)
    assert expected_length(chain) == pytest.approx(float(sequences.expectation(len)), rel=1e-13)


@every
def test_means_and_covariances_of_sums(chain: Chain) -> None:
    functions, sequences = functions_of(chain), every_sequence(chain)
    sums = torch.stack([torch.stack([total(f, cells) for f in functions]) for cells in sequences.cells])
    probs = torch.stack(sequences.probs)
    mean = probs @ sums
    covariance = (sums - mean).T @ ((sums - mean) * probs[:, None])
    torch.testing.assert_close(mean_of_sums(chain, functions), mean, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(covariance_of_sums(chain, functions), covariance, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(variance_of_sums(chain, functions), covariance.diagonal(), rtol=1e-12, atol=1e-13)


@every
def test_moments_of_one_token(chain: Chain) -> None:
    function, sequences = functions_of(chain)[0], every_sequence(chain)

    def of_tokens(power: int, mean: float = 0.0) -> float:
        summed = sequences.expectation(lambda cells: sum(float(function[cell] - mean) ** power for cell in cells))
        return float(summed / sequences.expectation(len))

    found, mean = token_moments(chain, function), of_tokens(1)
    assert found.mean == pytest.approx(mean, rel=1e-13)
    assert found.variance == pytest.approx(of_tokens(2, mean), rel=1e-12)
    assert found.kurtosis == pytest.approx(of_tokens(4, mean) / of_tokens(2, mean) ** 2, rel=1e-12)


def test_a_value_is_as_infinite_as_what_is_drawn() -> None:
    chain = CHAINS["markov, eos"]
    functions = functions_of(chain)
    functions[1, 0, 0], functions[2, 0, 0] = math.inf, math.nan
    means, covariance = mean_of_sums(chain, functions), covariance_of_sums(chain, functions)
    assert means[1] == math.inf
    assert means[2].isnan()
    assert covariance[1, 1] == math.inf
    assert covariance[2].isnan().all()
    torch.testing.assert_close(covariance[0, 0], variance_of_sums(chain, functions[:1])[0])
    moments = token_moments(chain, functions[1])
    assert (moments.mean, moments.variance) == (math.inf, math.inf)
    assert math.isnan(moments.kurtosis)


def test_where_no_sequence_comes_no_value_matters() -> None:
    probs = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.9, 0.0], [0.2, 0.3, 0.5], [0.4, 0.6, 0.0]]).double()
    chain = Chain(probs, torch.arange(3).expand(4, 3), 3, 5)
    function = random(1, 1, 4, 3)
    known = mean_of_sums(chain, function), covariance_of_sums(chain, function)
    function[0, 2] = math.nan
    assert (mean_of_sums(chain, function), covariance_of_sums(chain, function)) == known


def test_means_may_be_large_beside_the_noise() -> None:
    """Adding a constant to every token changes no variance where all lengths are one; states' means differ by much."""
    chain = markov_chain(11, 3, 40)
    noise = (random(2, 1, 4, 3) * 2**20).round() / 2**20
    first, largest = torch.zeros(4, 3).double(), 2.0**20
    first[chain.start] = largest
    plain = variance_of_sums(chain, noise)
    for large in (noise + largest, noise + first):
        torch.testing.assert_close(variance_of_sums(chain, large), plain, rtol=1e-10, atol=0)


def test_lengths_are_noise_too() -> None:
    chain = markov_chain(12, 3, 6, eos=1)
    noise = random(3, 1, 4, 3)
    length = torch.ones_like(noise)
    (a, b), (_, c) = covariance_of_sums(chain, torch.cat([length, noise]))
    torch.testing.assert_close(
        variance_of_sums(chain, noise + 1e6 * length)[0], 1e12 * a + 2e6 * b + c, rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("eos", [None, 1])
def test_what_has_come_to_rest_is_added_at_once(eos: int | None) -> None:
    """Longer than many chunks: against an autocorrelation sum over powers of the transition matrix."""
    chain = markov_chain(13, 3, 1000, eos)
    function = random(4, 4, 3)
    matrix = torch.zeros(5, 5).double()
    matrix[:4, :3], matrix[4, 4] = chain.probs, 1.0
    if eos is not None:
        matrix[:4, 4], matrix[:4, eos] = chain.probs[:, eos], 0.0
    valued = torch.zeros(4, 5).double()
    valued[:, :3] = chain.probs * function
    if eos is not None:
        valued[:, 4], valued[:, eos] = valued[:, eos], 0.0
    own, square = torch.zeros(5).double(), torch.zeros(5).double()
    own[:4], square[:4] = (chain.probs * function).sum(1), (chain.probs * function**2).sum(1)
    law, past = torch.eye(5).double()[3], torch.zeros(5).double()
    mean = second = torch.tensor(0.0).double()
    for _ in range(chain.length):
        second = second + law @ square + 2 * past @ own
        mean = mean + law @ own
        moved = law[:4] @ valued
        law, past = law @ matrix, past @ matrix + moved
    torch.testing.assert_close(mean_of_sums(chain, function[None])[0], mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(variance_of_sums(chain, function[None])[0], second - mean**2, rtol=1e-8, atol=0)


def test_a_period_is_no_rest() -> None:
    """0, 1, 0, 1, ...: all is known but the first token, and the law is the same every second token."""
    probs = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.25, 0.75]]).double()
    chain = Chain(probs, torch.arange(2).expand(3, 2), 2, 1001)
    function = torch.tensor([[0.0, 5.0], [3.0, 0.0], [3.0, 5.0]]).double()[None]
    # one sequence has one more of the first token: 501 · 3 + 500 · 5 or 500 · 3 + 501 · 5
    assert float(mean_of_sums(chain, function)) == pytest.approx(4000 + 3 * 0.25 + 5 * 0.75, rel=1e-13)
    assert float(variance_of_sums(chain, function)) == pytest.approx(4 * 0.25 * 0.75, rel=1e-10)


def test_two_roads_to_where_a_token_leads() -> None:
    chain = markov_chain(14, 5, 200, eos=3)
    functions = random(5, 2, 6, 5)
    torch.testing.assert_close(
        covariance_of_sums(gathered(chain), functions), covariance_of_sums(chain, functions), rtol=1e-12, atol=1e-12
    )


def test_a_table_of_a_policy() -> None:
    """KL .2492599527 of a policy with two binary tokens: Bernoulli logits .5; −.7 and 1.2, against 0; .3 and −.4."""
    q, p = (markov(rows[0], rows[1:], 2) for rows in map(bernoulli, ((0.5, -0.7, 1.2), (0.0, 0.3, -0.4))))
    log_ratio = p.log_probs - q.log_probs
    assert float(mean_of_sums(Chain.of(q), -log_ratio[None])) == pytest.approx(0.2492599527, abs=5e-11)


def bernoulli(logits: tuple[float, ...]) -> Tensor:
    column = torch.tensor(logits, dtype=torch.float64)
    return torch.stack([torch.zeros_like(column), column], dim=1).log_softmax(-1)
