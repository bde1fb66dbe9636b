"""A quantity: an estimator's value, or its gradient in a place, in a precision. Each is a row of the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from klbench.derived.precision import Evaluated, Rounding, in_precision
from klbench.estimators.divergence import Divergence
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Term
from klbench.estimators.vocabulary import FULL_PRECISION

if TYPE_CHECKING:
    from klbench.measure.place import Place


@dataclass(frozen=True)
class Quantity:
    """The value or the gradient of one estimator.

    Args:
        estimator: with nothing left to fit.
        dtype: the precision it is computed in.
        place: where it is put to take its gradient; None for its value.
    """

    estimator: Estimator
    dtype: str = FULL_PRECISION
    place: Place | None = None

    @property
    def target(self) -> Divergence:
        """The divergence that it estimates, or whose gradient it estimates."""
        return self.estimator.target

    @property
    def term(self) -> Term:
        """Its function of log-probabilities in float64: the value, or the factor on the score."""
        return self.estimator.term if self.place is None else self.place.coefficient(self.estimator.term)

    @property
    def sampled(self) -> Evaluated:
        """The same function in the precision that is measured."""
        return in_precision(self.term, self.dtype)

    @property
    def rounding(self) -> Rounding | None:
        """The change that its precision makes; None in float64."""
        return None if self.dtype == FULL_PRECISION else Rounding(self.term, self.dtype)

    @property
    def called(self) -> str:
        """``k1``, or ``k1 (loss × ratio)``: the estimator and where it is put, as a sentence has it."""
        return self.estimator.name if self.place is None else f"{self.estimator.name} ({self.place})"

    @property
    def exists(self) -> bool:
        """Whether there is anything to measure: for a gradient, whether autograd can differentiate the estimator."""
        return self.place is None or self.place.has_gradient(self.estimator.term)

    @property
    def unit(self) -> int:
        """How many samples make one unit: those that share a baseline, or 1."""
        return self.place.baseline.batch if self.place and self.place.baseline else 1

    @property
    def is_shrunk(self) -> bool:
        """Whether its baseline shortens the mean gradient, as the batch's own mean does."""
        return self.place is not None and self.place.baseline is not None and self.place.baseline.shrinks < 1
