"""The exact gradients of a pair: the true one of each target, and the mean gradient of any coefficient.

Both are expectations of a coefficient times the score: the true one under q, an estimator's under the distribution that
samples come from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from klbench.derived.coefficient import true_coefficient
from klbench.distributions.distribution import Power
from klbench.distributions.kl_gradient import kl_gradient_closed_form
from klbench.distributions.score import Score, score_of
from klbench.estimators.divergence import Divergence
from klbench.estimators.term import Term
from klbench.measure.truth import Truth
from klbench.problems.pair import Pair
from klbench.roads.exact_vector import Atoms, ExactVector, exact_gradient


@dataclass(frozen=True)
class ExactGradients:
    """The exact gradients of one pair, computed when they are first asked for and kept.

    Args:
        pair: on the CPU.
        score: of its q.
    """

    pair: Pair
    score: Score
    _known: dict[tuple[Term, bool], ExactVector | None] = field(default_factory=dict)

    @cached_property
    def _on_policy(self) -> Pair:
        """The same pair on samples of q."""
        return Pair(self.pair.q, self.pair.p)

    @cached_property
    def _atoms(self) -> dict[bool, Atoms | None]:
        """The points of q, and of the distribution that is drawn from, if they can be listed."""
        return {True: Atoms.of(self._on_policy, self.score), False: Atoms.of(self.pair, self.score)}

    def under_q(self, term: Term) -> ExactVector | None:
        """The moments of a coefficient times the score on samples of q; None without an exact method."""
        return self._answer(term, on_q=True)

    def under_draws(self, term: Term) -> ExactVector | None:
        """The same on the samples that are drawn: the sampler's, or q's without a sampler."""
        return self._answer(term, on_q=self.pair.sampler is None)

    def true(self, target: Divergence) -> Truth:
        """The gradient of the target; 0 if it is no larger than its rounding error."""
        known = self.under_q(true_coefficient(target))
        if known is None or not known.is_finite:
            return Truth(self._closed_form(target))
        nothing = float(known.mean.norm()) <= known.rounding
        return Truth(torch.zeros_like(known.mean) if nothing else known.mean)

    def _closed_form(self, target: Divergence) -> Tensor:
        unknown = torch.full((len(self.score.components[0]),), torch.nan, dtype=torch.float64)
        if target.order is None:
            return unknown
        q, p = self.pair.q, self.pair.p
        if isinstance(q, Power) and isinstance(p, Power) and q.copies == p.copies:  # the KLs of copies add up
            score = score_of(q.base, self.score.parameters)
            one: Tensor = ExactGradients(Pair(q.base, p.base), score).true(target).value
            return q.copies * one
        closed = kl_gradient_closed_form(q, p, self.score, target.order)
        return unknown if closed is None or not bool(closed.isfinite().all()) else closed

    def _answer(self, term: Term, on_q: bool) -> ExactVector | None:
        if (term, on_q) not in self._known:
            pair = self._on_policy if on_q else self.pair
            self._known[term, on_q] = exact_gradient(pair, term, self.score, self._atoms[on_q])
        return self._known[term, on_q]
