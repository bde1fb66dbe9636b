"""Where an estimator is put in training, which decides its gradient: placement, weighting, baseline."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from klbench.derived.coefficient import NotDifferentiableError, coefficient
from klbench.estimators.term import Term
from klbench.estimators.vocabulary import Placement, Weighting, placed


@dataclass(frozen=True)
class Baseline:
    """How the rewards of a batch are centred: ``mean`` or ``leave-one-out`` of ``batch`` samples."""

    kind: str
    batch: int

    @property
    def shrinks(self) -> float:
        """What the gradient is multiplied by: 1 − 1/n by the batch's own mean, 1 by the mean of the others."""
        return 1 - 1 / self.batch if self.kind == "mean" else 1.0


@dataclass(frozen=True)
class Place:
    """In the loss or in the reward, with a weight, and with a baseline in the reward where there is one."""

    placement: Placement
    weighting: Weighting
    baseline: Baseline | None = None

    def __str__(self) -> str:
        return placed(self.placement, self.weighting)

    @property
    def is_weighted(self) -> bool:
        """Whether the importance weight multiplies it."""
        return self.weighting != "none"

    def coefficient(self, term: Term) -> Term:
        """What multiplies the score, without a baseline."""
        return coefficient(term, self.placement, self.weighting)

    def has_gradient(self, term: Term) -> bool:
        """Whether autograd finds anything to follow."""
        near_one = torch.tensor([0.1, -0.1], dtype=torch.float64)
        try:
            self.coefficient(term).of_three(torch.zeros_like(near_one), near_one, torch.zeros_like(near_one))
        except NotDifferentiableError:
            return False
        return True
