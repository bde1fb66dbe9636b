"""Short ways to the exact road and to the moments of a pair, for the tests of this folder."""

from __future__ import annotations

from klbench.distributions.build import build
from klbench.estimators.catalogue import find
from klbench.roads.exact import exact_road
from klbench.roads.integrand import Integrand
from klbench.roads.points import Exact
from klbench.spec.expression import parse


def integrand(q: str, p: str, *names: str, sampler: str | None = None) -> Integrand:
    terms = tuple(find(name).term for name in names)
    return Integrand.of(terms, build(parse(q)), build(parse(p)), build(parse(sampler)) if sampler else None)


def exact(q: str, p: str, *names: str, sampler: str | None = None) -> dict[str, Exact]:
    found = {}
    for name, moments in zip(names, exact_road(integrand(q, p, *names, sampler=sampler)), strict=True):
        assert moments is not None, f"no exact road for {name} of {q} against {p}"
        found[name] = moments
    return found
