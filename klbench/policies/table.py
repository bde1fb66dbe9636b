"""A policy over sequences as a table: in each of finitely many states, the next token's log-probabilities.

A Markov chain has a state for each last token, a tree one for each prefix, an n-gram one for each of its contexts.
What a state is called matters to nobody: a sequence starts in ``start``, every token leads to the state that
``following`` has for it, and the sequence ends where that is ``ENDED``, or after ``length`` tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ENDED = -1
"""In place of a state: the sequence ends with this token, which counts."""


@dataclass(frozen=True)
class PolicyTable:
    """A policy over sequences.

    Args:
        log_probs: of every token in every state [S, V], float64, nats; each row sums to 1, −inf where there is none.
        following: the state that a token leads to [S, V], int64; ENDED where the sequence ends with it. A view of one
            row where the last token alone decides.
        start: the first state.
        length: no sequence has more tokens.
    """

    log_probs: Tensor
    following: Tensor
    start: int
    length: int

    @property
    def states(self) -> int:
        """How many there are."""
        return self.log_probs.shape[0]

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.log_probs.shape[1]

    @property
    def may_end(self) -> bool:
        """Whether a sequence may end before ``length``: if not, all have one length."""
        return bool((self.following == ENDED).any())


def markov(initial: Tensor, transition: Tensor, length: int, eos: int | None = None) -> PolicyTable:
    """A Markov chain from log-probabilities: of the first token [V], and of the next after each one [V, V].

    State i is "the last token was i", state V the start.
    """
    vocabulary = len(initial)
    after = torch.arange(vocabulary)
    if eos is not None:
        after[eos] = ENDED
    log_probs = torch.cat([transition, initial[None]])
    return PolicyTable(log_probs, after.expand(vocabulary + 1, vocabulary), vocabulary, length)
