"""Sums over tokens divided by the length, against all sequences one by one."""

from __future__ import annotations

import math

import pytest
import torch

from klbench.roads.chain import Chain
from klbench.roads.chain_lengths import lengths, moments_by_length
from tests.roads.chains import CHAINS, every_sequence, markov_chain, random, total

every = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)


@every
def test_the_law_of_the_length(chain: Chain) -> None:
    found, sequences = lengths(chain), every_sequence(chain)
    for length, prob in enumerate(found.probs):
        assert float(prob) == pytest.approx(
            float(sequences.expectation(lambda cells, n=length: len(cells) == n)), abs=1e-15
        )
    mean = float(sequences.expectation(len))
    assert found.mean == pytest.approx(mean, rel=1e-13)
    assert found.mean_reciprocal == pytest.approx(float(sequences.expectation(lambda cells: 1 / len(cells))), rel=1e-13)
    assert found.variance == pytest.approx(
        float(sequences.expectation(lambda cells: (len(cells) - mean) ** 2)), rel=1e-12, abs=1e-14
    )


@every
def test_means_over_tokens(chain: Chain) -> None:
    functions, sequences = random(20, 3, *chain.probs.shape) + 2, every_sequence(chain)
    functions[0, chain.probs == 0] = math.inf
    values = torch.stack([torch.stack([total(f, cells) for f in functions]) / len(cells) for cells in sequences.cells])
    probs = torch.stack(sequences.probs)
    mean = probs @ values
    found = moments_by_length(chain, functions)
    torch.testing.assert_close(found[0], mean, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(found[1], probs @ (values - mean) ** 2, rtol=1e-12, atol=1e-13)


def test_means_may_be_large_beside_the_noise() -> None:
    """A constant on every token moves the mean by it and changes no variance, whatever the lengths."""
    chain = markov_chain(11, 3, 40, eos=1)
    noise = (random(2, 1, 4, 3) * 2**20).round() / 2**20
    mean, variance = moments_by_length(chain, noise)
    large = moments_by_length(chain, noise + 2.0**20)
    torch.testing.assert_close(large[0], mean + 2.0**20, rtol=1e-15, atol=0)
    torch.testing.assert_close(large[1], variance, rtol=1e-10, atol=0)


def test_one_that_is_infinite_leaves_the_others_alone() -> None:
    chain = CHAINS["markov, eos"]
    functions = random(3, 3, *chain.probs.shape)
    alone = moments_by_length(chain, functions[2:])
    functions[0, 0, 0], functions[1, 0, 0] = -math.inf, math.nan
    means, variances = moments_by_length(chain, functions)
    assert (float(means[0]), float(variances[0])) == (-math.inf, math.inf)
    assert means[1].isnan()
    assert variances[1].isnan()
    assert (means[2], variances[2]) == (alone[0][0], alone[1][0])


def test_a_geometric_length() -> None:
    """Long past what float64 keeps alive: E[L] = 1/p, Var L = (1 − p)/p², E[1/L] = −p log p/(1 − p)."""
    p = 0.3
    chain = Chain(torch.tensor([[p, 1 - p]], dtype=torch.float64), torch.tensor([[-1, 0]]), 0, 5000)
    found = lengths(chain)
    assert found.mean == pytest.approx(1 / p, rel=1e-13)
    assert found.variance == pytest.approx((1 - p) / p**2, rel=1e-12)
    assert found.mean_reciprocal == pytest.approx(-p * math.log(p) / (1 - p), rel=1e-13)
