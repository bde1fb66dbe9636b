"""Gradients in a table's logits, against autograd of sums over all sequences, and numbers worked out apart."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from klbench.policies.table import markov
from klbench.roads.chain import Chain, visits
from klbench.roads.chain_gradients import (
    gradient_of_forward_kl,
    gradient_of_kl,
    gradient_of_mean_length,
    gradient_of_token_kl,
    mean_token_gradient,
    mean_whole_gradient,
)
from tests.roads.chains import CHAINS, every_sequence, policy, random, total

every = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)


def logits_of(probs: Tensor) -> Tensor:
    return probs.log().clamp(min=-1e4).requires_grad_()


def gradient(value: Tensor, logits: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(value, logits, retain_graph=True)
    return found


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


@every
@pytest.mark.parametrize("on_policy", [True, False])
def test_token_gradients(chain: Chain, on_policy: bool) -> None:
    pi = chain.probs if on_policy else policy(30, *chain.probs.shape)
    logits, coefficients = logits_of(pi), random(31, *chain.probs.shape)
    log_pi = logits.log_softmax(-1)
    value = every_sequence(chain).expectation(lambda cells: total(coefficients * log_pi, cells))
    coefficients = coefficients.masked_fill(chain.probs == 0, math.nan)
    close(mean_token_gradient(chain, pi, coefficients), gradient(value, logits))


@every
@pytest.mark.parametrize("on_policy", [True, False])
def test_whole_gradients(chain: Chain, on_policy: bool) -> None:
    pi = chain.probs if on_policy else policy(32, *chain.probs.shape)
    logits, function = logits_of(pi), random(33, *chain.probs.shape) + 1
    log_pi = logits.log_softmax(-1)
    value = every_sequence(chain).expectation(lambda cells: total(function, cells) * total(log_pi, cells))
    function[chain.probs == 0] = math.nan
    close(mean_whole_gradient(chain, pi, function), gradient(value, logits))


@every
def test_gradients_of_what_sequences_are_expected_to_be(chain: Chain) -> None:
    """On-policy the whole gradient is that of an expectation itself."""
    logits, log_p = logits_of(chain.probs), policy(34, *chain.probs.shape).log()
    log_q = logits.log_softmax(-1)
    sequences = every_sequence(chain, logits.softmax(-1))
    kl = sequences.expectation(lambda cells: total(log_q - log_p, cells))
    close(gradient_of_kl(chain, log_p - chain.probs.log()), gradient(kl, logits))
    if chain.may_end:
        length = sequences.expectation(lambda cells: torch.tensor(len(cells)).double())
        close(gradient_of_mean_length(chain), gradient(length, logits))
    else:
        close(gradient_of_mean_length(chain), torch.zeros_like(chain.probs))


@every
def test_the_gradient_of_forward_kl(chain: Chain) -> None:
    pi = policy(35, *chain.probs.shape)
    logits = logits_of(pi)
    log_q = logits.log_softmax(-1)
    kl = every_sequence(chain).expectation(lambda cells: -total(log_q, cells))
    close(gradient_of_forward_kl(chain, pi), gradient(kl, logits))


@every
def test_the_token_local_part(chain: Chain) -> None:
    pi, log_p = policy(36, *chain.probs.shape), policy(37, *chain.probs.shape).log()
    logits, visited = logits_of(pi), visits(chain)
    log_q = logits.log_softmax(-1)
    kl = (visited * (log_q.exp() * (log_q - log_p)).sum(-1)).sum()
    close(gradient_of_token_kl(visited, pi, log_p - pi.log()), gradient(kl, logits))


def test_means_may_be_large_beside_the_noise() -> None:
    chain = CHAINS["markov"]
    noise = (random(2, *chain.probs.shape) * 2**20).round() / 2**20
    found, wanted = (mean_whole_gradient(chain, chain.probs, noise + large) for large in (2.0**20, 0.0))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-14)


def bernoulli(logits: tuple[float, ...]) -> Tensor:
    column = torch.tensor(logits, dtype=torch.float64)
    return torch.stack([torch.zeros_like(column), column], dim=1).log_softmax(-1)


Q, P = bernoulli((0.5, -0.7, 1.2)), bernoulli((0.0, 0.3, -0.4))
CHAIN = Chain.of(markov(Q[0], Q[1:], 2))
# the table has the start last
LOG_RATIO = torch.cat([(P - Q)[1:], (P - Q)[:1]])


def in_bernoulli_logits(found: Tensor) -> list[float]:
    """(first token, second after 0, second after 1)."""
    return [float(found[row, 1]) for row in (2, 0, 1)]


TRUE = [0.15510609, -0.08370563, 0.17717129]
K2_LOSS = [0.11750186, -0.08370563, 0.17717129]
K3_LOSS = [0.12245933, -0.0916028, 0.22857481]
K3_SEQUENCE_LOSS = [0.12245933, -0.12131514, 0.18360622]


def test_the_worked_example() -> None:
    pi = CHAIN.probs
    assert in_bernoulli_logits(gradient_of_kl(CHAIN, LOG_RATIO)) == pytest.approx(TRUE, abs=5e-9)
    token_k2 = mean_token_gradient(CHAIN, pi, -LOG_RATIO)
    assert in_bernoulli_logits(token_k2) == pytest.approx(K2_LOSS, abs=5e-9)
    torch.testing.assert_close(gradient_of_token_kl(visits(CHAIN), pi, LOG_RATIO), token_k2, rtol=1e-13, atol=1e-15)
    token_k3 = mean_token_gradient(CHAIN, pi, -LOG_RATIO.expm1())
    assert in_bernoulli_logits(token_k3) == pytest.approx(K3_LOSS, abs=5e-9)


def test_the_worked_example_by_enumeration() -> None:
    logits = logits_of(CHAIN.probs)
    log_pi = logits.log_softmax(-1)
    value = every_sequence(CHAIN).expectation(lambda cells: -total(LOG_RATIO, cells).expm1() * total(log_pi, cells))
    assert in_bernoulli_logits(gradient(value, logits)) == pytest.approx(K3_SEQUENCE_LOSS, abs=5e-9)


def test_an_infinite_mean_has_no_gradient() -> None:
    function = LOG_RATIO.clone()
    function[0, 0] = math.inf
    assert mean_whole_gradient(CHAIN, CHAIN.probs, function).isnan().all()
