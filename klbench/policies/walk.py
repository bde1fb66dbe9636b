"""Walking along a table: sequences drawn token by token, in every state by an alias table of its own.

What is drawn is not padded: ``Walks`` has the tokens of all sequences one step after another, and tells of each whose
it is. A softmax is never taken while drawing: what a token costs does not grow with the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from klbench.policies.table import ENDED

if TYPE_CHECKING:
    from klbench.distributions.stream import Stream


@dataclass(frozen=True)
class Walks:
    """Sequences of tokens.

    Args:
        cells: of each token [N], int64: its state · V + itself; the tokens of one step stand together, steps in order.
        owner: which sequence it belongs to [N], int64.
        count: how many sequences there are.
    """

    cells: Tensor
    owner: Tensor
    count: int

    def __len__(self) -> int:
        return self.count

    @cached_property
    def lengths(self) -> Tensor:
        """How many tokens each sequence has [n], float64."""
        return self.owner.bincount(minlength=self.count).double()

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """How many sequences have a first token, a second one, and so on."""
        ended = self.lengths.long().bincount()
        return tuple((self.count - ended.cumsum(0))[:-1].tolist())

    def to_go(self, values: Tensor) -> Tensor:
        """Values of tokens [N] -> the sum of each and of all after it in its sequence [N]."""
        summed, left = torch.empty_like(values), values.new_zeros(self.count)
        end = len(values)
        for size in reversed(self.steps):
            here = slice(end - size, end)
            left[self.owner[here]] += values[here]
            summed[here] = left[self.owner[here]]
            end -= size
        return summed

    def total(self, values: Tensor) -> Tensor:
        """Values of tokens [N], added up for each sequence [n] in the order of its tokens."""
        return torch.bincount(self.owner, weights=values, minlength=self.count)


@dataclass(frozen=True)
class AliasRows:
    """Walker's alias tables, one for each of S states: see ``klbench.distributions.alias``.

    Args:
        keep: how likely a column is kept [S · V], float64.
        alias: the token it is sent to if not [S · V], int32.
        vocabulary: V.
    """

    keep: Tensor
    alias: Tensor
    vocabulary: int

    @staticmethod
    def of(probs: Tensor) -> AliasRows:
        """The tables of probabilities [S, V], each row of which sums to 1."""
        keep = probs.numpy() * probs.shape[1]
        alias = np.tile(np.arange(probs.shape[1], dtype=np.int32), (len(keep), 1))
        _pair_up(keep, alias)
        return AliasRows(torch.from_numpy(keep.ravel()), torch.from_numpy(alias.ravel()), probs.shape[1])

    def draw(self, state: Tensor, uniform: Tensor) -> Tensor:
        """The cell of a token drawn in each state [n], by uniforms on (0, 1) [n], which are used up."""
        # the largest uniform, times V, may round to V itself
        column = uniform.mul_(self.vocabulary).long().clamp_(max=self.vocabulary - 1)
        first = state * self.vocabulary
        cell = first + column
        # the digits behind the point are a uniform of their own
        kept = uniform.sub_(column) < self.keep[cell]
        return torch.where(kept, cell, first + self.alias[cell])


def _pair_up(keep: np.ndarray, alias: np.ndarray) -> None:
    """Vose's pairing of poor columns with rich ones, in place; one pair is made in every row at once.

    A column that is left over by rounding has itself as its alias.
    """
    states, vocabulary = keep.shape
    order = np.argsort(keep >= 1, axis=1, kind="stable")
    count = (keep < 1).sum(1)
    taken, rich_at, poor = np.zeros(states, dtype=np.int64), count.copy(), order[:, 0].copy()
    rows = np.flatnonzero((count > 0) & (count < vocabulary))
    while len(rows):
        needy, rich = poor[rows], order[rows, rich_at[rows]]
        alias[rows, needy] = rich
        keep[rows, rich] -= 1 - keep[rows, needy]
        # a rich column that has given too much is the next poor one
        spent = keep[rows, rich] < 1
        rich_at[rows] += spent
        taken[rows] += ~spent
        poor[rows] = np.where(spent, rich, order[rows, np.minimum(taken[rows], vocabulary - 1)])
        rows = rows[(rich_at[rows] < vocabulary) & (spent | (taken[rows] < count[rows]))]


def walk(table: AliasRows, following: Tensor, start: int, length: int, count: int, stream: Stream) -> Walks:
    """Draw ``count`` sequences of at most ``length`` tokens.

    Args:
        following: the state that a token leads to [S, V], as in ``PolicyTable``.
    """
    state, alive = torch.full((count,), start), torch.arange(count)
    one_row = following.stride(0) == 0
    ends, after = bool((following == ENDED).any()), following[0] if one_row else following.flatten()
    cells, owners = [], []
    for _ in range(length):
        cell = table.draw(state, stream.uniform(len(alive)))
        cells.append(cell)
        owners.append(alive)
        state = after[cell - state * table.vocabulary if one_row else cell]
        if ends:
            going = state != ENDED
            state, alive = state[going], alive[going]
            if not len(alive):
                break
    return Walks(torch.cat(cells), torch.cat(owners), count)
