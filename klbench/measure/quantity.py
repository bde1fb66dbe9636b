"""A quantity: an estimator's value, or its gradient in a place, in a precision. Each is a row of the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from klbench.derived.level import Level
from klbench.derived.measured import Measured, at_level
from klbench.derived.precision import Evaluated, Rounding, in_precision
from klbench.estimators.divergence import Divergence
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Term
from klbench.estimators.vocabulary import FULL_PRECISION

if TYPE_CHECKING:
    from klbench.measure.place import Place


@dataclass(frozen=True)
class Aim:
    """What is estimated: a divergence of single draws, or of sequences as a level makes one number of it."""

    divergence: Divergence
    level: Level | None = None


@dataclass(frozen=True)
class Quantity:
    """The value or the gradient of one estimator.

    Args:
        estimator: with nothing left to fit.
        dtype: the precision it is computed in.
        place: where it is put to take its gradient; None for its value.
        level: how it takes sequences; None for single draws.
    """

    estimator: Estimator
    dtype: str = FULL_PRECISION
    place: Place | None = None
    level: Level | None = None

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
        """``k1``, ``k1 (loss × ratio)``, ``k1 (sequence)``: the estimator, its level and where it is put, as a sentence
        has it."""
        level = self.level.called if self.level else ""
        details = [*[level] * bool(level), *[str(self.place)] * bool(self.place)]
        return f"{self.estimator.name} ({', '.join(details)})" if details else self.estimator.name

    @property
    def aim(self) -> Aim:
        """What it estimates: a divergence, at a level where there are tokens."""
        return Aim(self.target, self.level)

    @property
    def measured(self) -> Measured:
        """Its value in the precision that is measured, at its level."""
        return at_level(self.sampled, self.level)

    @property
    def measured_rounding(self) -> Measured | None:
        """The change that its precision makes, at its level; None in float64."""
        return None if self.rounding is None else at_level(self.rounding, self.level)

    @property
    def exact_term(self) -> Measured:
        """Its value in float64, at its level."""
        return at_level(self.term, self.level)

    @property
    def exists(self) -> bool:
        """Whether there is anything to measure: for a gradient, whether autograd can differentiate the estimator."""
        return self.place is None or self.place.has_gradient(self.estimator.term)

    @property
    def is_of_tokens(self) -> bool:
        """Whether it is a value whose mean is over all tokens: a ratio of two sums."""
        return self.place is None and self.level is not None and self.level.is_ratio_of_sums

    @property
    def unit(self) -> int:
        """How many samples make one unit: those that share a baseline, or 1."""
        return self.place.baseline.batch if self.place and self.place.baseline else 1

    @property
    def is_shrunk(self) -> bool:
        """Whether its baseline shortens the mean gradient, as the batch's own mean does."""
        return self.place is not None and self.place.baseline is not None and self.place.baseline.shrinks < 1
