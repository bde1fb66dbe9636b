"""The score of a policy over sequences in the logits of its table, and the gradients of sequences that it makes.

The score of token a in state s is one-hot(a) − π(s) in the row of s. So the gradient of a sequence is made of one
number for each token, its weight: Σ_t weight_t · score_t. Only the tokens' weights differ between estimators.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from klbench.distributions.score import Score

if TYPE_CHECKING:
    from klbench.policies.walk import Walks
    from klbench.problems.sequences import SequencePair

PARAMETER = "logits"


@dataclass(frozen=True)
class SequenceScore(Score):
    """The score of whole sequences in the logits of q's table, row by row.

    Args:
        probs: q's own probabilities [R, V].
        row_of: the row of q's table of every state of the pair [S].
    """

    probs: Tensor
    row_of: Tensor

    @staticmethod
    def of(pair: SequencePair) -> SequenceScore:
        """The score of a pair's q."""
        joint = pair.joint
        rows = int(joint.row_of_q.max()) + 1
        log_probs = joint.log_q.new_full((rows, joint.log_q.shape[1]), -torch.inf)
        log_probs[joint.row_of_q] = joint.log_q
        size = (PARAMETER,), (log_probs.numel(),)
        return SequenceScore(*size, pair.device, lambda _: {}, log_probs.exp(), joint.row_of_q)

    @cached_property
    def components(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """See ``Score``: the table's cells, row by row."""
        return (PARAMETER,) * self.probs.numel(), tuple(range(self.probs.numel()))

    def values(self, x: Walks) -> Tensor:  # type: ignore[override]
        """The score of each sequence, Σ_t score_t [n, J]."""
        return self.gradients(x, torch.ones_like(x.owner, dtype=torch.float64))

    def of_prefixes(self, x: Walks, weights: Tensor, rows: Tensor) -> Tensor:
        """Σ_t weight_t · (the gradient that the prefix of t has) of each sequence [n, J].

        Args:
            weights: of each token [N].
            rows: the gradient that each state has [S, V].
        """
        states = len(rows)
        visited = torch.bincount(x.owner * states + self.states(x), weights=weights, minlength=len(x) * states)
        visited = visited.view(len(x), states, 1)
        # a row that a sequence does not visit has no part in it, and may be NaN
        spread = torch.where(visited > 0, visited * rows, 0.0)
        own = spread.new_zeros((len(x), *self.probs.shape))
        return own.index_add_(1, self.row_of, spread).flatten(1)

    def mean_of_prefixes(self, x: Walks, weights: Tensor, rows: Tensor, probs: Tensor) -> Tensor:
        """The mean of the same over sequences of these probabilities [n] -> [J]."""
        visited = torch.bincount(self.states(x), weights=weights * probs[x.owner], minlength=len(rows))
        return self.in_own_rows(torch.where(visited[:, None] > 0, visited[:, None] * rows, 0.0))

    def states(self, x: Walks) -> Tensor:
        """The state of the pair that each token is drawn in [N]."""
        return x.cells // self.probs.shape[1]

    def gradients(self, x: Walks, weights: Tensor) -> Tensor:
        """Σ_t weight_t · score_t of each sequence [n, J], of a weight for each token [N]."""
        size = self.probs.numel()
        summed = torch.bincount(x.owner * size + self.cells(x), weights=weights, minlength=len(x) * size)
        return self.of_cells(summed.view(len(x), *self.probs.shape)).flatten(1)

    def mean_gradient(self, x: Walks, weights: Tensor, probs: Tensor) -> Tensor:
        """The mean of the same over sequences of these probabilities [n] -> [J]."""
        summed = torch.bincount(self.cells(x), weights=weights * probs[x.owner], minlength=self.probs.numel())
        return self.of_cells(summed.view(self.probs.shape)).flatten()

    def of_cells(self, weights: Tensor) -> Tensor:
        """Weights of cells [..., R, V] as a sum of scores: less what each row has in all, times its probabilities."""
        return weights - weights.sum(-1, keepdim=True) * self.probs

    def cells(self, x: Walks) -> Tensor:
        """The cell of q's own table that each token is in [N]."""
        vocabulary = self.probs.shape[1]
        return self.row_of[x.cells // vocabulary] * vocabulary + x.cells % vocabulary

    def in_own_rows(self, table: Tensor) -> Tensor:
        """A gradient in the rows of the pair's states [S, V] as one in q's own rows [J]."""
        own = torch.zeros_like(self.probs)
        return own.index_add_(0, self.row_of, table).flatten()
