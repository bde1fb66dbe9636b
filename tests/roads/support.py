"""Short ways to the exact road and to the moments of a pair, for the tests of this folder."""

from __future__ import annotations

from klbench.distributions.build import build
from klbench.estimators.catalogue import find
from klbench.estimators.term import Term
from klbench.problems.pair import Pair
from klbench.roads import exact as road
from klbench.roads.exact_moments import Exact
from klbench.roads.integrand import Integrand
from klbench.spec.expression import parse


def integrand(q: str, p: str, *names: str, sampler: str | None = None) -> Integrand:
    terms = tuple(find(name).term for name in names)
    return Integrand(Pair(build(parse(q)), build(parse(p)), build(parse(sampler)) if sampler else None), terms)


def exact_moments(of: Integrand) -> list[Exact | None]:
    return [road.exact(of.pair, term) for term in of.terms if isinstance(term, Term)]


def exact(q: str, p: str, *names: str, sampler: str | None = None) -> dict[str, Exact]:
    found = {}
    for name, moments in zip(names, exact_moments(integrand(q, p, *names, sampler=sampler)), strict=True):
        assert moments is not None, f"no exact road for {name} of {q} against {p}"
        found[name] = moments
    return found
