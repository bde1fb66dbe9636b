"""How the tests of policies over sequences build them, and a second road to what they are."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from klbench.policies.build import table_of
from klbench.policies.table import ENDED, PolicyTable
from klbench.spec.expression import parse


def table(text: str) -> PolicyTable:
    return table_of(parse(text))


def normals(seed: int, of: str, count: int) -> np.ndarray:
    """The numbered stream, without klbench."""
    digest = blake2b(b"%d:%b" % (seed, of.encode()), digest_size=16).digest()
    sequence = np.random.SeedSequence(int.from_bytes(digest, "little"), spawn_key=(0,))
    return np.random.Generator(np.random.SFC64(sequence)).standard_normal(count)


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def state_after(policy: PolicyTable, tokens: tuple[int, ...]) -> int:
    """The state behind some tokens, ENDED where the sequence is over."""
    state = policy.start
    for token in tokens:
        assert state != ENDED
        state = int(policy.following[state, token])
    return state


def row(policy: PolicyTable, tokens: tuple[int, ...]) -> np.ndarray:
    """The probabilities of the next token after some."""
    return policy.log_probs[state_after(policy, tokens)].exp().numpy()


def sequences(policy: PolicyTable) -> dict[tuple[int, ...], float]:
    """Every sequence with its probability, by walking."""
    found: dict[tuple[int, ...], float] = {}
    waiting = [((), policy.start, 1.0)]
    while waiting:
        tokens, state, mass = waiting.pop()
        for token, probability in enumerate(policy.log_probs[state].exp().tolist()):
            longer, after = (*tokens, token), int(policy.following[state, token])
            if probability and (after == ENDED or len(longer) == policy.length):
                found[longer] = mass * probability
            elif probability:
                waiting.append((longer, after, mass * probability))
    return found
