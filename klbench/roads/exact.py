"""The exact moments of a term's value: by enumeration of what can be listed, by quadrature on a line, from the factors'
own where a pair has independent factors, along the tables of sequences; none for the rest.

Every term takes its road alone, on a mesh of its own: which other terms there are changes no digit of any.
"""

from __future__ import annotations

from klbench.derived.level import AtLevel
from klbench.derived.measured import Measured
from klbench.derived.self_normalised import SelfNormalised
from klbench.estimators.term import Term
from klbench.problems.pair import Pair
from klbench.problems.problem import Problem
from klbench.problems.sequences import SequencePair
from klbench.roads.exact_moments import Exact, exact_moments, points_of
from klbench.roads.exact_ratio import exact_of_ratio
from klbench.roads.factors import factors_road
from klbench.roads.integrand import Integrand
from klbench.roads.sequence_values import exact_of_sequences, moments_of


def exact(problem: Problem, term: Measured) -> Exact | None:
    """The exact moments of a term on samples of a problem; None where there is no exact method."""
    if isinstance(term, SelfNormalised):
        return exact_of_ratio(problem, term, exact)
    if isinstance(problem, SequencePair) and isinstance(term, AtLevel):
        return exact_of_sequences(problem, term)
    if not isinstance(problem, Pair) or not isinstance(term, Term):
        return None
    if term.whole is not None:
        return _of_tokens(problem, term)
    integrand = Integrand(problem, (term,))
    points = points_of(integrand)
    return factors_road(integrand) if points is None else exact_moments(integrand, points)[0]


def _of_tokens(pair: Pair, term: Term) -> Exact | None:
    """The moments of a function of whole distributions, where one token is drawn."""
    atoms = pair.base.atoms()
    if atoms is None:
        return None
    probs = pair.base.log_prob(atoms).exp()
    return moments_of(term.values(pair.log_probs(atoms)), probs, rounding=0.0)
