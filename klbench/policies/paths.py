"""Enumeration of sequences: every one that can be drawn, with its probability, as if it had been drawn."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from klbench.policies.table import ENDED
from klbench.policies.walk import Walks

MOST_PATHS = 1_000_000
"""More sequences than this are not listed."""
MOST_TOKENS = 2**25
"""Nor are more tokens than this, of all sequences together: half a GiB."""


@dataclass(frozen=True)
class Paths:
    """Every sequence that can be drawn.

    Args:
        walks: the sequences, n of them.
        probs: how likely each is drawn [n].
    """

    walks: Walks
    probs: Tensor


def count_of(log_base: Tensor, following: Tensor, start: int, length: int) -> tuple[float, float]:
    """(how many sequences can be drawn, how many tokens they have in all); both infinite where they are too many.

    Args:
        log_base: of every token in every state [S, V].
        following, start, length: as in ``PolicyTable``.
    """
    possible, ended = log_base > -inf, following == ENDED
    at = torch.zeros(len(log_base), dtype=torch.float64)
    at[start] = 1.0
    paths = tokens = 0.0
    for step in range(1, length + 1):
        reached = at[:, None] * possible
        done = float(reached.sum() if step == length else reached[ended].sum())
        paths, tokens = paths + done, tokens + step * done
        if not paths + float(reached.sum()) - done <= MOST_PATHS or tokens > MOST_TOKENS:
            return inf, inf
        going = ~ended & (reached > 0)
        if not going.any():
            break
        at = torch.zeros_like(at).index_add_(0, following[going], reached[going])
    return paths, tokens


def paths_of(log_base: Tensor, following: Tensor, start: int, length: int) -> Paths:
    """Every sequence of at most ``length`` tokens: ``count_of`` tells before whether they are too many."""
    vocabulary = log_base.shape[1]
    state, log_prob = torch.tensor([start]), torch.zeros(1, dtype=torch.float64)
    history, found = torch.empty((1, 0), dtype=torch.int64), []
    for step in range(1, length + 1):
        row, token = (log_base[state] > -inf).nonzero(as_tuple=True)
        cell = state[row] * vocabulary + token
        log_prob = log_prob[row] + log_base[state[row], token]
        history = torch.cat([history[row], cell[:, None]], 1)
        state = following[state[row], token]
        done = torch.full_like(state, fill_value=1, dtype=torch.bool) if step == length else state == ENDED
        found.append((history[done], log_prob[done]))
        state, log_prob, history = state[~done], log_prob[~done], history[~done]
        if not len(state):
            break
    sizes = [len(log_probs) for _, log_probs in found]
    # one step after another: the second token of every sequence that has one, after all first ones
    firsts = [sum(sizes[:step]) for step in range(len(sizes))]
    cells = [row[:, step] for step in range(len(sizes)) for row, _ in found[step:]]
    owner = [torch.arange(first, sum(sizes)) for first in firsts]
    walks = Walks(torch.cat(cells), torch.cat(owner), sum(sizes))
    return Paths(walks, torch.cat([log_probs for _, log_probs in found]).exp())
