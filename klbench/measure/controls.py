"""The controls: values of known mean, on which a value is regressed to measure its bias more precisely.

On samples of q, k1 has mean KL and so has k3 (r − 1 = k3 − k1 has mean 0); the two span what k1 − KL and r − 1 span.
On samples of another sampler their importance-weighted forms, (q/sampler)(k1 − KL) and (q/sampler)(k3 − KL), have
mean 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from klbench.estimators.schulman import K1, K3, k1, k3
from klbench.estimators.term import Function, Term
from klbench.problems.pair import Pair
from klbench.roads.integrand import Integrand
from klbench.roads.regression import Regression, regression
from klbench.stats.regression import in_span


@dataclass(frozen=True)
class Controls:
    """Terms whose means are known."""

    terms: tuple[Term, ...]
    means: tuple[float, ...]

    def span(self, term: Term) -> bool:
        """Whether the term is a sum of the controls and a constant, so that regression leaves nothing to measure."""
        # a constant times a weight is no constant: with weighted controls the residual of the regression decides
        unweighted = not (term.weighted or any(control.weighted for control in self.terms))
        return unweighted and in_span(term.function, [control.function for control in self.terms])


def controls_for(mean: float, weighted: bool) -> Controls:
    """The controls on this pair; none if their mean is NaN. ``weighted``: the samples are not q's."""
    if isnan(mean):
        return Controls((), ())
    if not weighted:
        return Controls((Term(k1, expansion=K1), Term(k3, expansion=K3)), (mean, mean))
    return Controls((Term(_minus(k1, mean), weighted=True), Term(_minus(k3, mean), weighted=True)), (0.0, 0.0))


def regression_of(term: Term, controls: Controls, pair: Pair) -> Regression | None:
    """The exact regression of a term on the controls; None without controls or without an exact method."""
    if not controls.terms or controls.span(term):
        return None
    return regression(Integrand(pair, (term, *controls.terms)))


def _minus(function: Function, value: float) -> Function:
    return lambda log_ratio: function(log_ratio) - value
