"""The exact gradients of a case: the true one of each target, and the expected one of each estimator.

Both are expectations of a coefficient times the score, under q for what is true and under what is drawn from for what
an estimator gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from klbench.derived.coefficient import true_coefficient
from klbench.distributions.distribution import Power
from klbench.distributions.kl_gradient import kl_gradient_closed_form
from klbench.distributions.score import Score, score_of
from klbench.estimators.divergence import Divergence
from klbench.estimators.term import Term
from klbench.measure.pair import Pair
from klbench.roads.gradient import Atoms, ExactVector, exact_gradient
from klbench.roads.integrand import Integrand


@dataclass(frozen=True)
class ExactGradients:
    """Answers what is asked of one case, each question once.

    Args:
        pair: on the CPU.
        score: of its q.
        on_q, drawn: the integrand on samples of q, and on what is drawn from.
        atoms_of_q, atoms_drawn: the same as points, where they can be listed.
    """

    pair: Pair
    score: Score
    on_q: Integrand
    drawn: Integrand
    atoms_of_q: Atoms | None
    atoms_drawn: Atoms | None
    _known: dict[tuple[Term, bool], ExactVector | None] = field(default_factory=dict)

    @staticmethod
    def of(pair: Pair, score: Score) -> ExactGradients:
        """The exact gradients of a pair."""
        return ExactGradients(
            pair,
            score,
            replace(pair, sampler=None).integrand(()),
            pair.integrand(()),
            Atoms.of(pair.q, score),
            Atoms.of(pair.sampler or pair.q, score),
        )

    def under_q(self, term: Term) -> ExactVector | None:
        """The moments of a coefficient times the score on samples of q; None without a road."""
        return self._answer(term, on_q=True)

    def under_draws(self, term: Term) -> ExactVector | None:
        """The same on what is drawn."""
        return self._answer(term, on_q=self.pair.sampler is None)

    def drawn_with(self, term: Term) -> Integrand:
        """The integrand of one value on what is drawn."""
        return replace(self.drawn, terms=(term,))

    def true(self, target: Divergence) -> Tensor:
        """∇ of the target at q's parameters [J]; NaN where it is not known, 0 where only rounding is left of it."""
        found = self.under_q(true_coefficient(target))
        if found is None or not bool(found.mean.isfinite().all()):
            return self._closed_form(target)
        nothing = float(found.mean.norm()) <= found.rounding
        return torch.zeros_like(found.mean) if nothing else found.mean

    def _closed_form(self, target: Divergence) -> Tensor:
        unknown = torch.full((len(self.score.components[0]),), torch.nan, dtype=torch.float64)
        if target.order is None:
            return unknown
        q, p = self.pair.q, self.pair.p
        if isinstance(q, Power) and isinstance(p, Power) and q.copies == p.copies:  # their KLs add up
            score = score_of(q.base, self.score.parameters)
            return q.copies * ExactGradients.of(Pair(q.base, p.base, None), score).true(target)
        found = kl_gradient_closed_form(q, p, self.score, target.order)
        return unknown if found is None or not bool(found.isfinite().all()) else found

    def _answer(self, term: Term, on_q: bool) -> ExactVector | None:
        key = term, on_q
        if key not in self._known:
            integrand, atoms = (self.on_q, self.atoms_of_q) if on_q else (self.drawn, self.atoms_drawn)
            self._known[key] = exact_gradient(integrand, term, self.score, atoms)
        return self._known[key]
