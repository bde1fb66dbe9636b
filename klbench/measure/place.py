"""The place of an estimator in training, which decides its gradient: placement, weighting, baseline."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

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
        """The factor on the mean gradient: 1 − 1/n with the batch's own mean, 1 with the mean of the others."""
        return 1 - 1 / self.batch if self.kind == "mean" else 1.0


@dataclass(frozen=True)
class Place:
    """In the loss or in the reward, with or without a weight, and in the reward with or without a baseline."""

    placement: Placement
    weighting: Weighting
    baseline: Baseline | None = None
    clip: float = inf

    def __str__(self) -> str:
        return placed(self.placement, self.weighting)

    @property
    def is_weighted(self) -> bool:
        """Whether the importance weight multiplies it."""
        return self.weighting != "none"

    def coefficient(self, term: Term) -> Term:
        """The factor on the score in the gradient of one sample, without a baseline."""
        return coefficient(term, self.placement, self.weighting, self.clip)

    def has_gradient(self, term: Term) -> bool:
        """Whether autograd can differentiate the term here."""
        if term.whole is not None:
            return True
        near_one = torch.tensor([0.1, -0.1], dtype=torch.float64)
        try:
            self.coefficient(term).of_three(torch.zeros_like(near_one), near_one, torch.zeros_like(near_one))
        except NotDifferentiableError:
            return False
        return True
