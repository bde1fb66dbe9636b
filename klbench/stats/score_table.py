"""The scores of finitely many points, as far as moments of gradients need them.

A gradient is a coefficient times a score, so its moments over points are sums over the points of a few products. For
softmax logits the score is one-hot(x) − π, and every one of these sums takes as many steps as there are categories: no
matrix of points × parameters is ever made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


class ScoreTable(ABC):
    """The scores s_i [J] of V points."""

    @abstractmethod
    def cpu(self) -> ScoreTable:
        """The same on the CPU."""

    @abstractmethod
    def combine(self, weights: Tensor) -> Tensor:
        """Σ w_i s_i [J]."""

    @abstractmethod
    def combine_squares(self, weights: Tensor) -> Tensor:
        """Σ w_i s_ij² for each component j [J]."""

    @abstractmethod
    def combine_sizes(self, weights: Tensor) -> Tensor:
        """Σ w_i |s_ij| for each component j [J]."""

    @abstractmethod
    def along(self, direction: Tensor) -> Tensor:
        """s_i · direction [V]."""

    @property
    @abstractmethod
    def squared_norms(self) -> Tensor:
        """‖s_i‖² [V]."""

    @abstractmethod
    def squared_gram(self, weights: Tensor) -> float:
        """Σ w_i w_k (s_i · s_k)² = ‖Σ w_i s_i s_iᵀ‖² (Frobenius)."""


@dataclass(frozen=True)
class DenseTable(ScoreTable):
    """Scores written out [V, J]."""

    scores: Tensor

    def cpu(self) -> DenseTable:
        """See ``ScoreTable.cpu``."""
        return DenseTable(self.scores.cpu())

    def combine(self, weights: Tensor) -> Tensor:
        """See ``ScoreTable.combine``."""
        return weights @ self.scores

    def combine_squares(self, weights: Tensor) -> Tensor:
        """See ``ScoreTable.combine_squares``."""
        return weights @ self.scores.square()

    def combine_sizes(self, weights: Tensor) -> Tensor:
        """See ``ScoreTable.combine_sizes``."""
        return weights @ self.scores.abs()

    def along(self, direction: Tensor) -> Tensor:
        """See ``ScoreTable.along``."""
        return self.scores @ direction

    @cached_property
    def squared_norms(self) -> Tensor:
        """See ``ScoreTable.squared_norms``."""
        return self.scores.square().sum(1)

    def squared_gram(self, weights: Tensor) -> float:
        """See ``ScoreTable.squared_gram``."""
        return float((self.scores.T @ (weights[:, None] * self.scores)).square().sum())


@dataclass(frozen=True)
class OneHotTable(ScoreTable):
    """Scores one-hot(i) − π of every category i, in order; π [V]."""

    probabilities: Tensor

    def cpu(self) -> OneHotTable:
        """See ``ScoreTable.cpu``."""
        return OneHotTable(self.probabilities.cpu())

    def combine(self, weights: Tensor) -> Tensor:
        """See ``ScoreTable.combine``."""
        # w_j − π_j Σ w with w_j (1 − π_j) taken together: near π_j = 1 the two would cancel
        return weights * self._missed - self.probabilities * _of_others(weights)

    def combine_squares(self, weights: Tensor) -> Tensor:
        """See ``ScoreTable.combine_squares``."""
        return weights * self._missed.square() + self.probabilities.square() * _of_others(weights)

    def combine_sizes(self, weights: Tensor) -> Tensor:
        """See ``ScoreTable.combine_sizes``."""
        return weights * self._missed + self.probabilities * _of_others(weights)

    def along(self, direction: Tensor) -> Tensor:
        """See ``ScoreTable.along``."""
        # direction_i − Σ π direction, with what is its own taken together as in ``combine``
        return self._missed * direction - _of_others(self.probabilities * direction)

    @cached_property
    def squared_norms(self) -> Tensor:
        """See ``ScoreTable.squared_norms``."""
        # not 1 − 2 π_i + ‖π‖², which cancels near π_i = 1
        return self._missed.square() + _of_others(self.probabilities.square())

    @cached_property
    def _missed(self) -> Tensor:
        """1 − π, with its digits where π is nearly 1 [V]."""
        return _of_others(self.probabilities)

    def squared_gram(self, weights: Tensor) -> float:
        """See ``ScoreTable.squared_gram``."""
        # s_i · s_k is u_i + u_k, and 1 more where i = k
        u = self.probabilities.square().sum() / 2 - self.probabilities
        total, first, second = weights.sum(), weights @ u, weights @ u.square()
        apart = 2 * (total * second + first.square())
        return float(apart + (weights.square() * (1 + 4 * u)).sum())


def _of_others(values: Tensor) -> Tensor:
    """The sum of all values but each one [V], without taking that one off a sum that it dominates."""
    nothing = values.new_zeros(1)
    before = torch.cat([nothing, values[:-1].cumsum(0)])
    after = torch.cat([values[1:].flip(0).cumsum(0).flip(0), nothing])
    return before + after
