"""An estimator in the arithmetic of a training run, bfloat16 for example: its log-probabilities are rounded to it
first.

The truth stays float64. ``Rounded`` is the value such a run gets; ``Rounding`` is that less the float64 value of the
same draw, so that its mean is the share of the bias that rounding makes, and its error is small although both are
noisy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from klbench.estimators.term import LogProbs, Term
from klbench.estimators.vocabulary import FULL_PRECISION


@dataclass(frozen=True)
class Rounded:
    """A term computed in ``dtype`` on log-probabilities rounded to it; the value is handed back in float64."""

    term: Term
    dtype: str

    def values(self, at: LogProbs) -> Tensor:
        """The value for each sample [n]."""
        if self.term.whole is not None:
            values = at.looked_up(self.term.whole, getattr(torch, self.dtype)).double()
            if not self.term.weighted or at.log_weight is None:
                return values
            return self.term.weighed(values, at.log_weight)
        # each log-probability by itself, as a training run has them: their difference is then rounded too
        log_q, log_p, log_sampler = (log_prob.to(getattr(torch, self.dtype)) for log_prob in at.three)
        # the value and its weight are low precision too; only what comes out is widened, exactly
        values = self.term.of_three(log_q, log_p, log_sampler)
        return (self.term.weighed(values, log_q - log_sampler) if self.term.weighted else values).double()


@dataclass(frozen=True)
class Rounding:
    """What rounding to ``dtype`` adds to a term's value."""

    term: Term
    dtype: str

    def values(self, at: LogProbs) -> Tensor:
        """The value for each sample [n]."""
        return Rounded(self.term, self.dtype).values(at) - self.term.values(at)


Evaluated = Term | Rounded | Rounding


def term_of(evaluated: Evaluated) -> Term:
    """The term that is computed, in whatever precision."""
    return evaluated.term if isinstance(evaluated, Rounded | Rounding) else evaluated


def with_term(evaluated: Evaluated, term: Term) -> Evaluated:
    """Another term in the same precision."""
    return replace(evaluated, term=term) if isinstance(evaluated, Rounded | Rounding) else term


def in_precision(term: Term, dtype: str) -> Term | Rounded:
    """The term in ``dtype``: itself in float64."""
    return term if dtype == FULL_PRECISION else Rounded(term, dtype)
