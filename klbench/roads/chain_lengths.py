"""How long sequences are, and sums over their tokens divided by that: by length, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import torch
from torch import Tensor

from klbench.roads.chain import Chain, laws, visits
from klbench.roads.chain_sums import Tokens, covariance_of_sums, mean_of_sums


@dataclass(frozen=True)
class Lengths:
    """The law of L, the number of tokens.

    Args:
        probs: P(L = l) [T + 1], l from 0; that of 0 is 0.
    """

    probs: Tensor

    @property
    def mean(self) -> float:
        """E[L]."""
        return float((self.probs * self._all).sum())

    @property
    def variance(self) -> float:
        """Var L."""
        return float((self.probs * (self._all - self.mean) ** 2).sum())

    @property
    def mean_reciprocal(self) -> float:
        """E[1/L]."""
        return float((self.probs[1:] / self._all[1:]).sum())

    @property
    def _all(self) -> Tensor:
        return torch.arange(len(self.probs), dtype=self.probs.dtype)


def lengths(chain: Chain) -> Lengths:
    """How long sequences are."""
    ending = chain.step.backward(torch.eye(chain.states + 1, dtype=chain.probs.dtype)[-1:])[0]
    probs, done = chain.probs.new_zeros(chain.length + 1), 0
    for law in laws(chain):
        probs[done + 1 : done + 1 + len(law)] = law[:, :-1] @ ending
        done += len(law)
        # at the last token all end
        if done == chain.length:
            probs[-1] = law[-1, :-1].sum()
    return Lengths(probs)


def moments_by_length(chain: Chain, functions: Tensor) -> tuple[Tensor, Tensor]:
    """(mean, variance) of (1/L) Σ_t f(s_t, a_t) of each of K functions [K, S, V] -> [K] and [K].

    Infinite or NaN where a token that is drawn has such a value, the variance infinite where the mean is.
    """
    visited = visits(chain)
    sums = mean_of_sums(chain, functions, visited)
    if not bool(sums.isfinite().all()):
        variances = torch.where(sums.isinf(), inf, torch.full_like(sums, nan))
        known = sums.isfinite().nonzero()[:, 0]
        if len(known):
            sums[known], variances[known] = moments_by_length(chain, functions[known])
        return sums, variances
    if not chain.may_end:
        return sums / chain.length, covariance_of_sums(chain, functions).diagonal() / chain.length**2
    return _by_length(chain, Tokens.of(chain, functions, visited))


def _by_length(chain: Chain, tokens: Tokens) -> tuple[Tensor, Tensor]:
    state_means, count = tokens.means[:, :-1], len(tokens.means)
    rests = [chain.move(rest) for rest in tokens.rests]
    squares = [chain.move(rest**2) for rest in tokens.rests]
    # E[Σ so far less ``mean``; state] and that of its square
    first, second = torch.zeros_like(state_means), torch.zeros_like(state_means)
    mean, ended, done = state_means.new_zeros(count), [], 0
    for law in laws(chain):
        for alive in law[:, :-1]:
            done += 1
            mass = alive.sum()
            if mass == 0:
                break
            shift = (state_means @ alive) / mass
            mean = mean + shift
            away = state_means - shift[:, None]
            shifted = first + alive * away
            squared = second + away * (first + shifted)
            # the three moments one token on, all alive together at the last
            moved = chain.step.forward(torch.cat([alive[None], shifted, squared]))
            cross = torch.stack([m.forward(torch.stack([alive, row])) for m, row in zip(rests, shifted, strict=True)])
            square = torch.cat([m.forward(alive[None]) for m in squares])
            next_first = moved[1 : 1 + count] + cross[:, 0]
            next_second = moved[1 + count :] + 2 * cross[:, 1] + square
            over = slice(None) if done == chain.length else slice(-1, None)
            here = moved[0, over].sum().expand(count), next_first[:, over].sum(1), next_second[:, over].sum(1)
            ended.append(torch.stack([*here, mean]))
            first, second = next_first[:, :-1], next_second[:, :-1]
    return _collected(torch.stack(ended), tokens.constant)


def _collected(ended: Tensor, constant: Tensor) -> tuple[Tensor, Tensor]:
    """From probability, first and second moment about a mean, and that mean, at each length [T, 4, K]."""
    length = torch.arange(1, len(ended) + 1, dtype=ended.dtype)[:, None]
    probs, first, second, mean = ended.unbind(1)
    whole = ((probs * mean + first) / length).sum(0)
    away = mean / length - whole
    variance = (probs * away**2 + 2 * away * first / length + second / length**2).sum(0)
    return whole + constant, variance
