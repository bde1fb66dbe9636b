"""Means and covariances of sums over a sequence's tokens, and the moments of one token, exactly.

A token's value is its state's mean and a rest. Partial sums are carried less their mean, token by token: nothing that
is large cancels, whatever the means are beside the noise, and however lengths vary.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, isinf, nan

import torch
from torch import Tensor

from klbench.roads.chain import Chain, at_rest, laws, moved_on, visits


def mean_of_sums(chain: Chain, functions: Tensor, visited: Tensor | None = None) -> Tensor:
    """E[Σ_t f(s_t, a_t)] of each of K functions [K, S, V] -> [K], in the functions' unit.

    Infinite or NaN where a token that is drawn has such a value. ``visited`` are the chain's visits, if known.
    """
    visited = visits(chain) if visited is None else visited
    return reached(visited, chain.weighed(functions).sum(-1)).sum(-1)


def covariance_of_sums(chain: Chain, functions: Tensor) -> Tensor:
    """The covariances of Σ_t f(s_t, a_t) of K functions [K, S, V] -> [K, K], in the functions' units squared.

    Infinite on the diagonal where the mean is, NaN wherever else the number does not exist.
    """
    visited = visits(chain)
    means = mean_of_sums(chain, functions, visited)
    finite = means.isfinite()
    if bool(finite.all()):
        return _covariance(chain, Tokens.of(chain, functions, visited))
    whole = torch.full((len(means), len(means)), nan, dtype=means.dtype)
    if bool(finite.any()):
        known = finite.nonzero()[:, 0]
        whole[known[:, None], known] = _covariance(chain, Tokens.of(chain, functions[known], visited))
    whole.diagonal()[means.isinf()] = inf
    return whole


def variance_of_sums(chain: Chain, functions: Tensor) -> Tensor:
    """The variance of Σ_t f(s_t, a_t) of each of K functions [K, S, V] -> [K]."""
    return covariance_of_sums(chain, functions).diagonal()


@dataclass(frozen=True)
class Tokens:
    """The values of K functions as a constant, what a state's mean has beyond it, and a rest whose mean is 0.

    Args:
        constant: of each function [K]: its mean over tokens.
        means: of each state, less the constant [K, S + 1]; the last is that of ended sequences, whose value is 0.
        rests: what a token adds to its state's mean [K, S, V]; 0 where its probability is.
        within: the covariances of the rests in each state [K, K, S + 1].
    """

    constant: Tensor
    means: Tensor
    rests: Tensor
    within: Tensor

    @staticmethod
    def of(chain: Chain, functions: Tensor, visited: Tensor) -> Tokens:
        """Of functions [K, S, V], finite wherever a token is drawn."""
        kept = (chain.probs > 0) & (visited > 0)[:, None]
        constant = mean_of_sums(chain, functions, visited) / visited.sum()
        # less a constant first: a state's mean then is rounded in units of what varies
        values = torch.where(kept, functions - constant[:, None, None], 0.0)
        means = chain.weighed(values).sum(-1)
        rests = torch.where(kept, values - means[..., None], 0.0)
        within = torch.einsum("ksv,jsv->kjs", chain.weighed(rests), rests)
        ended = torch.zeros_like(within[..., :1])
        return Tokens(constant, torch.cat([means, -constant[:, None]], dim=1), rests, torch.cat([within, ended], dim=2))


def _covariance(chain: Chain, tokens: Tokens) -> Tensor:
    moves = [chain.move(rest) for rest in tokens.rests]
    past = torch.zeros_like(tokens.means)  # E[Σ so far less its mean; state]
    total, done = tokens.within.new_zeros(tokens.within.shape[:2]), 0
    for law in laws(chain):
        # [C, K, S + 1]: a state's mean less that of all, and what the rests put onto the states after
        away = tokens.means - (law @ tokens.means.T)[..., None]
        fresh = torch.stack([move.forward(law[:, :-1]) for move in moves], dim=1)
        own = torch.einsum("cks,cjs->ckj", away * law[:, None], away) + torch.einsum("kjs,cs->ckj", tokens.within, law)
        before, last, added = past, past, own[0]
        for t in range(len(law)):
            crossed = past @ away[t].T
            added = own[t] + crossed + crossed.T
            total += added
            last, past = past, moved_on(chain, past + law[t] * away[t]) + fresh[t]
        done += len(law)
        if len(law) > 1 and at_rest(law[0], law[-2], law[-1]) and at_rest(before, last, past):
            return total + (chain.length - done) * added
    return total


@dataclass(frozen=True)
class TokenMoments:
    """The moments of one token's value, all tokens of all sequences weighted equally.

    Args:
        mean: E[Σ f]/E[L].
        variance: infinite where the mean is.
        kurtosis: the fourth central moment over the squared variance; NaN where the value is constant.
    """

    mean: float
    variance: float
    kurtosis: float


def token_moments(chain: Chain, function: Tensor, visited: Tensor | None = None) -> TokenMoments:
    """Of one function [S, V]; ``visited`` are the chain's visits, if known."""
    visited = visits(chain) if visited is None else visited
    shares = visited[:, None] / visited.sum() * chain.probs
    mean = float(reached(shares, function).sum())
    if not isfinite(mean):
        return TokenMoments(mean, inf if isinf(mean) else nan, nan)
    away = torch.where(shares > 0, function - mean, 0.0)
    # the mean is rounded: what is left of it is taken off
    away = away - (shares * away).sum()
    variance, fourth = float((shares * away**2).sum()), float((shares * away**4).sum())
    return TokenMoments(mean, variance, fourth / variance**2 if variance > 0 else nan)


def reached(weights: Tensor, values: Tensor) -> Tensor:
    """weights · values; 0 where the weight is 0, whatever the value there."""
    return torch.where(weights > 0, weights * values, 0.0)
