"""Small trees and chains of every kind, by name."""

from __future__ import annotations

from math import exp

from tests.sequences.policies import Branches, Chain, Trio


def _sigmoid(x: float) -> list[float]:
    """Two tokens' probabilities, of which the second has the logit x."""
    return [1 / (1 + exp(x)), 1 / (1 + exp(-x))]


def _binary(first: float, after_0: float, after_1: float) -> Branches:
    return Branches({"": _sigmoid(first), "0": _sigmoid(after_0), "1": _sigmoid(after_1)})


PUBLISHED = Trio(_binary(0.5, -0.7, 1.2), _binary(0.0, 0.3, -0.4))
"""The two-token policy of the contract, whose KL is .2492599527."""

Q = Chain([0.5, 0.3, 0.2], [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4]], 4)
P = Chain([0.4, 0.3, 0.3], [[0.5, 0.25, 0.25], [0.3, 0.5, 0.2], [0.25, 0.45, 0.3]], 4)
S = Chain([0.3, 0.3, 0.4], [[0.4, 0.4, 0.2], [0.3, 0.3, 0.4], [0.2, 0.4, 0.4]], 4)


def _ends(chain: Chain, eos: int = 2) -> Chain:
    return Chain(chain.initial, chain.transition, chain.length, eos)


TREE_Q = Branches({"": [0.5, 0.25, 0.25], "1": [0.1, 0.9, 0], "1,0": [0.2, 0.2, 0.6], "1,2": [0.2, 0.3, 0.5]})
TREE_P = Branches({"": [0.25, 0.5, 0.25], "1": [0.2, 0.8, 0], "1,0": [0.3, 0.3, 0.4], "1,2": [0.2, 0.3, 0.5]})
TREE_WIDE = Branches({"": [0.3, 0.5, 0.2], "1": [0.15, 0.75, 0.1], "1,0": [0.3, 0.3, 0.4], "1,2": [0.4, 0.3, 0.3]})
TREE_S = Branches({"": [0.4, 0.4, 0.2], "1": [0.3, 0.7, 0], "1,0": [0.3, 0.4, 0.3], "1,2": [0.1, 0.1, 0.8]})

_HALVES = {"": [0.5, 0.5], "0": [0.3, 0.7], "1": [0.6, 0.4], "0,0": [0.5, 0.5], "0,1": [0.2, 0.8], "1,0": [0.45, 0.55]}

CASES = {
    "published": PUBLISHED,
    "chain": Trio(Q, P),
    "chain with eos": Trio(_ends(Q), _ends(P)),
    "chain, sampler": Trio(Q, P, S),
    "chain with eos, sampler": Trio(_ends(Q), _ends(P), _ends(S)),
    "sampler misses mass of q": Trio(
        _ends(Q), _ends(P), Chain([0.5, 0.0, 0.5], [[0.7, 0.3, 0.0], [0.4, 0.3, 0.3], [0.2, 0.4, 0.4]], 4, 2)
    ),
    "p has mass off q": Trio(
        Chain([0.6, 0.4, 0.0], [[0.5, 0.5, 0.0], [0.3, 0.3, 0.4], [0.2, 0.4, 0.4]], 4, 2), _ends(P)
    ),
    "p has mass off q, sampler": Trio(
        Chain([0.6, 0.4, 0.0], [[0.5, 0.5, 0.0], [0.3, 0.3, 0.4], [0.2, 0.4, 0.4]], 4, 2),
        _ends(P),
        Chain([0.5, 0.5, 0.0], [[0.6, 0.4, 0.0], [0.4, 0.2, 0.4], [0.2, 0.4, 0.4]], 4, 2),
    ),
    "infinite KL": Trio(_ends(Q), Chain([0.4, 0.3, 0.3], [[0.5, 0.5, 0.0], [0.3, 0.5, 0.2], [0.25, 0.45, 0.3]], 4, 2)),
    "tree": Trio(TREE_Q, TREE_P),
    "tree, p has mass off q": Trio(TREE_Q, TREE_WIDE),
    "tree, sampler": Trio(TREE_Q, TREE_P, TREE_S),
    "a tree against a chain": Trio(
        Branches({**_HALVES, "1,1": [0.9, 0.1]}), Chain([0.4, 0.6], [[0.35, 0.65], [0.5, 0.5]], 3)
    ),
    "a state that q never visits": Trio(
        Chain([0.6, 0.4, 0.0], [[0.5, 0.5, 0.0], [0.3, 0.7, 0.0], [1.0, 0.0, 0.0]], 3),
        Chain([0.6, 0.4, 0.0], [[0.4, 0.6, 0.0], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5]], 3),
    ),
    "one token": Trio(Chain([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], 1), Chain([0.3, 0.7], [[0.5, 0.5], [0.5, 0.5]], 1)),
    "q is p": Trio(_ends(Q), _ends(Q)),
    "a vocabulary of one": Trio(Chain([1.0], [[1.0]], 3), Chain([1.0], [[1.0]], 3)),
}
