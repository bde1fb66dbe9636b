"""The cells of a gradient table: every estimator in every placement, weighting and precision that is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from klbench.derived.coefficient import NotDifferentiableError, coefficient
from klbench.derived.precision import Evaluated, in_precision
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Term
from klbench.estimators.vocabulary import PLACEMENTS, Placement, Weighting, placed
from klbench.spec.model import Spec


@dataclass(frozen=True)
class Cell:
    """One row of the gradient table.

    Args:
        estimator: with nothing left to fit.
        placement, weighting: where it sits and how it is weighted.
        dtype: the precision it is computed in.
    """

    estimator: Estimator
    placement: Placement
    weighting: Weighting
    dtype: str

    @property
    def term(self) -> Term:
        """The coefficient of the gradient, in float64."""
        return coefficient(self.estimator.term, self.placement, self.weighting)

    @property
    def called(self) -> str:
        """``k1 (loss × ratio)``: the estimator and where it is put, as a sentence has it."""
        return f"{self.estimator.name} ({placed(self.placement, self.weighting)})"

    @property
    def sampled(self) -> Evaluated:
        """The coefficient as it is sampled."""
        return in_precision(self.term, self.dtype)

    @property
    def has_gradient(self) -> bool:
        """Whether autograd finds anything to follow."""
        near_one = torch.tensor([0.1, -0.1], dtype=torch.float64)
        try:
            self.term.of_three(torch.zeros_like(near_one), near_one, torch.zeros_like(near_one))
        except NotDifferentiableError:
            return False
        return True


def cells(spec: Spec, estimators: Sequence[Estimator]) -> Iterator[Cell]:
    """Every cell, in the order of the spec; where it says nothing, an estimator's own placement and weighting."""
    for estimator in estimators:
        for placement in spec.placements or _own(estimator.placement, PLACEMENTS):
            for weighting in spec.weightings or (estimator.weighting,):
                for dtype in spec.dtype:
                    yield Cell(estimator, placement, weighting, dtype)


def _own(placement: Placement | None, every: tuple[Placement, ...]) -> tuple[Placement, ...]:
    return every if placement is None else (placement,)
