"""Tilted laws of a sequence's log ratio, against all sequences one by one."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from torch import Tensor

from klbench.estimators.catalogue import find
from klbench.roads.chain import Chain
from klbench.roads.chain_tilts import exact_of_sequences, tilts_of_chain
from tests.roads.chains import CHAINS, every_sequence, markov_chain, policy, total

every = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
FINITE = ("k1", "k2", "k3", "k1_cv(0.5)", "chi2_pq", "chi2_qp", "squared_hellinger", "forward_kl")


def against(chain: Chain, seed: int = 40) -> Tensor:
    """log p − log q, p being any other policy; NaN where nothing is drawn."""
    log_ratio = policy(seed, *chain.probs.shape).log() - chain.probs.log()
    return log_ratio.masked_fill(chain.probs == 0, math.nan)


def sums(chain: Chain, log_ratio: Tensor) -> tuple[Tensor, Tensor]:
    """(probability, L) of every sequence."""
    sequences = every_sequence(chain)
    return torch.stack(sequences.probs), torch.stack([total(log_ratio, cells) for cells in sequences.cells])


@every
@pytest.mark.parametrize("rate", [-1.5, 0.0, 0.3, 1.0, 2.0, 4.0])
def test_cumulants_of_tilted_laws(chain: Chain, rate: float) -> None:
    log_ratio = against(chain)
    tilts = tilts_of_chain(chain, log_ratio, frozenset({(4, rate)}))
    probs, whole = sums(chain, log_ratio)
    log_share = probs.log() + rate * whole
    share = log_share.softmax(0)
    mean = float(share @ whole)
    two, three, four = (float(share @ (whole - mean) ** power) for power in (2, 3, 4))
    wanted = (mean - tilts.centre, two, three, four - 3 * two**2)
    found = tilts.by_rate[rate]
    assert tilts.centre == pytest.approx(float(probs @ whole), rel=1e-12)
    assert found.log_mass == pytest.approx(float(log_share.logsumexp(0)), rel=1e-12, abs=1e-14)
    assert found.cumulants == pytest.approx(wanted, rel=1e-11, abs=1e-13)


@every
@pytest.mark.parametrize("name", FINITE)
def test_whole_sequences(chain: Chain, name: str) -> None:
    log_ratio, term = against(chain), find(name).term
    assert term.expansion is not None
    found = exact_of_sequences(chain, log_ratio, term.expansion)
    probs, whole = sums(chain, log_ratio)
    values = term.function(whole)
    mean = float(probs @ values)
    variance, fourth = (float(probs @ (values - mean) ** power) for power in (2, 4))
    assert found.mean == pytest.approx(mean, rel=1e-11, abs=1e-12 * found.size)
    assert found.stdev == pytest.approx(math.sqrt(variance), rel=1e-10)
    assert found.kurtosis == pytest.approx(fourth / variance**2, rel=1e-7)


@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize("small", [0.1, 1e-5])
def test_small_differences_keep_their_digits(name: str, small: float) -> None:
    """Against all sequences in 50 digits, from the log ratios as float64 has them."""
    chain = markov_chain(15, 2, 5, eos=1)
    log_ratio, term = small * against(chain), find(name).term
    assert term.expansion is not None
    found = exact_of_sequences(chain, log_ratio, term.expansion)
    sequences = every_sequence(chain)
    with mpmath.workdps(50):
        mean, second = mpmath.mpf(0), mpmath.mpf(0)
        for cells in sequences.cells:
            prob = mpmath.fprod(mpmath.mpf(float(chain.probs[cell])) for cell in cells)
            whole = mpmath.fsum(mpmath.mpf(float(log_ratio[cell])) for cell in cells)
            value = mpmath.fsum(
                a * (mpmath.expm1(k * whole) if j == 0 else whole**j * mpmath.exp(k * whole))
                for a, j, k in term.expansion
            )
            mean, second = mean + prob * value, second + prob * value**2
        stdev = mpmath.sqrt(second - mean**2)
    assert found.mean == pytest.approx(float(mean), rel=1e-10)
    if name == "k3" and small == 1e-5:  # a square of e^L − 1 − L: its terms cancel beyond use, and none is given
        assert math.isnan(found.stdev)
    else:
        assert found.stdev == pytest.approx(float(stdev), rel=1e-9)


def test_a_token_that_p_lacks() -> None:
    chain = CHAINS["markov, eos"]
    log_ratio = against(chain)
    log_ratio[0, 0] = -math.inf
    probs, whole = sums(chain, log_ratio)
    k1, chi2 = find("k1").term.expansion, find("chi2_pq").term
    assert k1 is not None
    assert exact_of_sequences(chain, log_ratio, k1).mean == math.inf
    assert chi2.expansion is not None
    found, values = exact_of_sequences(chain, log_ratio, chi2.expansion), chi2.function(whole)
    mean = float(probs @ values)
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert found.stdev == pytest.approx(math.sqrt(float(probs @ (values - mean) ** 2)), rel=1e-11)


def test_the_same_policy_has_no_noise() -> None:
    chain = CHAINS["markov, eos"]
    for name in FINITE:
        expansion = find(name).expansion
        assert expansion is not None
        found = exact_of_sequences(chain, torch.zeros_like(chain.probs), expansion)
        assert (found.mean, found.stdev) == (0.0, 0.0)


def test_ratios_that_overflow() -> None:
    """A thousand steps: log E[e^(2L)] of independent tokens is a sum, far beyond what e^x holds."""
    probs = torch.tensor([[0.3, 0.7]], dtype=torch.float64)
    log_ratio = torch.tensor([[4.0, -2.0]], dtype=torch.float64)
    chain = Chain(probs, torch.zeros(1, 2, dtype=torch.int64), 0, 1000)
    tilt = tilts_of_chain(chain, log_ratio, frozenset({(2, 2.0)})).by_rate[2.0]
    up = 0.3 * math.exp(8) / (0.3 * math.exp(8) + 0.7 * math.exp(-4))
    assert tilt.log_mass == pytest.approx(1000 * math.log(0.3 * math.exp(8) + 0.7 * math.exp(-4)), rel=1e-12)
    assert tilt.cumulants[1] == pytest.approx(1000 * 36 * up * (1 - up), rel=1e-11)
