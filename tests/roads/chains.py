"""Small chains of every kind, and all of their sequences one by one, for the tests of sums over tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from klbench.policies.table import ENDED
from klbench.roads.chain import Chain


@dataclass(frozen=True)
class Sequences:
    """All sequences of a chain: their probability, and the cells (state, token) they go through."""

    probs: list[Tensor]
    cells: list[tuple[tuple[int, int], ...]]

    def expectation(self, value) -> Tensor:  # type: ignore[no-untyped-def]
        return sum((prob * value(cells) for prob, cells in zip(self.probs, self.cells, strict=True)), torch.tensor(0.0))


def every_sequence(chain: Chain, probs: Tensor | None = None) -> Sequences:
    """With the probabilities of the chain's table, or of another [S, V] (which autograd may follow)."""
    table = chain.probs if probs is None else probs
    found: list[tuple[Tensor, tuple[tuple[int, int], ...]]] = []
    alive: list[tuple[Tensor, tuple[tuple[int, int], ...], int]] = [(table.new_ones(()), (), chain.start)]
    for t in range(chain.length):
        following = []
        for prob, cells, state in alive:
            for token in range(table.shape[1]):
                if chain.probs[state, token] == 0:
                    continue
                then = int(chain.following[state, token])
                one = (prob * table[state, token], (*cells, (state, token)))
                if then == ENDED or t == chain.length - 1:
                    found.append(one)
                else:
                    following.append((*one, then))
        alive = following
    return Sequences([prob for prob, _ in found], [cells for _, cells in found])


def total(function: Tensor, cells: tuple[tuple[int, int], ...]) -> Tensor:
    return sum((function[cell] for cell in cells), function.new_zeros(()))


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def policy(seed: int, states: int, tokens: int, zeros: bool = False) -> Tensor:
    """Random probabilities [S, V]; with ``zeros`` every other row lacks a token."""
    logits = random(seed, states, tokens)
    if zeros:
        logits[::2, seed % tokens] = -torch.inf
    return logits.softmax(-1)


def markov_chain(seed: int, tokens: int, length: int, eos: int | None = None, zeros: bool = False) -> Chain:
    after = torch.arange(tokens)
    if eos is not None:
        after[eos] = ENDED
    probs = policy(seed, tokens + 1, tokens, zeros)
    return Chain(probs, after.expand(tokens + 1, tokens), tokens, length)


def gathered(chain: Chain) -> Chain:
    """The same without a view: the other road."""
    return Chain(chain.probs, chain.following.contiguous(), chain.start, chain.length)


def tree_chain(seed: int, tokens: int, depth: int, zeros: bool = False, longest: int | None = None) -> Chain:
    """A tree in which some prefixes go on and others do not."""
    draw = torch.Generator().manual_seed(seed)
    following: list[list[int]] = []

    def grow(level: int) -> int:
        row = len(following)
        following.append([ENDED] * tokens)
        for token in range(tokens):
            if level + 1 < depth and float(torch.rand(1, generator=draw)) < 0.7:
                following[row][token] = grow(level + 1)
        return row

    start = grow(0)
    table = torch.tensor(following)
    return Chain(policy(seed, len(following), tokens, zeros), table, start, longest or depth)


CHAINS = {
    "markov": markov_chain(1, 3, 5),
    "markov, eos": markov_chain(2, 3, 6, eos=1),
    "markov, two tokens, eos": markov_chain(3, 2, 6, eos=0),
    "markov, zeros": markov_chain(4, 3, 5, zeros=True),
    "markov, eos and zeros": markov_chain(5, 3, 5, eos=2, zeros=True),
    "markov by cells": gathered(markov_chain(2, 3, 6, eos=1)),
    "markov, one token long": markov_chain(6, 3, 1, eos=0),
    "tree": tree_chain(7, 2, 5),
    "tree, three tokens": tree_chain(8, 3, 4, zeros=True),
    "tree, cut": tree_chain(9, 2, 6, longest=4),
    "one state": Chain(policy(10, 1, 3), torch.tensor([[0, ENDED, 0]]), 0, 5),
}
