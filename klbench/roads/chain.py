"""Sequences drawn token by token from a table of states, and where they are expected to be: by dynamic programming.

A sum over all sequences is a sum over states, one token after the other. What ended is kept in one more state after the
S of the table, S itself, that nothing leaves and where every token's value is 0: a law over states has S + 1 numbers,
and always sums to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from klbench.policies.table import ENDED, PolicyTable
from klbench.tolerances import EPSILON

NOTHING_ALIVE = 1e-40
"""A share of sequences that no sum over the others can notice, whatever the value is there."""

CHUNK, CHUNK_NUMBERS = 64, 2**20
"""Tokens whose laws are held at once, and at most so many numbers of them."""

SETTLED = 4 * EPSILON
"""A law that over a whole chunk changes by no more of its largest number has come to rest."""


@dataclass(frozen=True)
class Chain:
    """What sequences are drawn from.

    Args:
        probs: of every token in every state [S, V], float64.
        following: the state a token leads to [S, V], int64; ENDED where the sequence ends with it. A view of one row
            where the last token alone decides: matrix products are taken then.
        start: the first state.
        length: no sequence has more tokens; nothing is forced at the last one.
    """

    probs: Tensor
    following: Tensor
    start: int
    length: int

    @staticmethod
    def of(table: PolicyTable) -> Chain:
        """The same from log-probabilities."""
        return Chain(table.log_probs.exp(), table.following, table.start, table.length)

    @property
    def states(self) -> int:
        """S: how many there are, the one of ended sequences apart."""
        return self.probs.shape[0]

    @property
    def may_end(self) -> bool:
        """Whether a sequence may have fewer than ``length`` tokens."""
        return bool(((self.following == ENDED) & (self.probs > 0)).any())

    @cached_property
    def step(self) -> Move:
        """One more token."""
        return self.move(torch.ones_like(self.probs))

    def move(self, function: Tensor) -> Move:
        """One more token, its probability times its value [S, V]."""
        weights = self.weighed(function)
        if self.last_token_decides:
            after = self.following[0]
            return DenseMove(weights, torch.where(after == ENDED, self.states, after))
        states, tokens = self.probs.nonzero(as_tuple=True)
        targets = self.following[states, tokens]
        targets = torch.where(targets == ENDED, self.states, targets)
        return SparseMove(weights[states, tokens], states, targets, self.states)

    def weighed(self, function: Tensor) -> Tensor:
        """Probability times value [..., S, V]; 0 where the probability is 0, whatever the value there."""
        return torch.where(self.probs > 0, self.probs * function, 0.0)

    @property
    def last_token_decides(self) -> bool:
        """Whether ``following`` is one row, seen from every state."""
        return self.following.stride(0) == 0 or self.states == 1

    def starting(self, count: int = 1) -> Tensor:
        """All weight on the first state [count, S + 1]."""
        rows = self.probs.new_zeros(count, self.states + 1)
        rows[:, self.start] = 1.0
        return rows


@dataclass(frozen=True)
class DenseMove:
    """Weights [S, V] by which states move on, where the token alone says where to [V]."""

    weights: Tensor
    targets: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        """Numbers on states [N, S] moved on by one token [N, S + 1]."""
        moved = rows.new_zeros(rows.shape[0], rows.shape[1] + 1)
        return moved.index_add_(1, self.targets, rows @ self.weights)

    def backward(self, values: Tensor) -> Tensor:
        """Numbers of the states after a token [N, S + 1], summed over it [N, S]."""
        return values[:, self.targets] @ self.weights.T


@dataclass(frozen=True)
class SparseMove:
    """Weights [n] of the cells (state [n], the state after it [n]) that have a probability, of ``count`` states."""

    weights: Tensor
    states: Tensor
    targets: Tensor
    count: int

    def forward(self, rows: Tensor) -> Tensor:
        """Numbers on states [N, S] moved on by one token [N, S + 1]."""
        moved = rows.new_zeros(rows.shape[0], self.count + 1)
        return moved.index_add_(1, self.targets, rows[:, self.states] * self.weights)

    def backward(self, values: Tensor) -> Tensor:
        """Numbers of the states after a token [N, S + 1], summed over it [N, S]."""
        summed = values.new_zeros(values.shape[0], self.count)
        return summed.index_add_(1, self.states, values[:, self.targets] * self.weights)


Move = DenseMove | SparseMove


def moved_on(chain: Chain, rows: Tensor) -> Tensor:
    """Numbers on states [N, S + 1] after one more token; what ended stays."""
    moved = chain.step.forward(rows[:, :-1])
    moved[:, -1] += rows[:, -1]
    return moved


def laws(chain: Chain) -> Iterator[Tensor]:
    """The probability of each state before each token, in chunks [C, S + 1]; it stops where no sequence is alive."""
    law = chain.starting()
    size = max(2, min(CHUNK, CHUNK_NUMBERS // chain.states))
    for first in range(0, chain.length, size):
        chunk = []
        for _ in range(first, min(first + size, chain.length)):
            chunk.append(law)
            law = moved_on(chain, law)
        yield torch.cat(chunk)
        if float(law[:, :-1].sum()) < NOTHING_ALIVE:
            return


def at_rest(before: Tensor, then: Tensor, after: Tensor) -> bool:
    """Whether numbers are the same a chunk ago, a token ago and now: so they stay."""
    size = SETTLED * float(after.abs().max())
    return all(float((after - each).abs().max()) <= size for each in (before, then))


def visits(chain: Chain) -> Tensor:
    """The expected number of tokens drawn in each state [S]."""
    total, done = chain.probs.new_zeros(chain.states + 1), 0
    for law in laws(chain):
        total += law.sum(0)
        done += len(law)
        if len(law) > 1 and at_rest(law[0], law[-2], law[-1]):
            total += (chain.length - done) * law[-1]
            break
    return total[:-1]


def expected_length(chain: Chain) -> float:
    """E[L], in tokens."""
    return float(visits(chain).sum())
