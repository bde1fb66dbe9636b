"""Short ways to klbench's exact gradients, for tests."""

from __future__ import annotations

from klbench.derived.coefficient import coefficient
from klbench.distributions.build import build
from klbench.distributions.score import score_of
from klbench.estimators.catalogue import find
from klbench.estimators.vocabulary import Placement, Weighting
from klbench.measure.exact_gradients import ExactGradients
from klbench.problems.pair import Pair
from klbench.roads.exact_vector import ExactVector
from klbench.spec.expression import parse


def gradients_of(q: str, p: str, sampler: str | None = None) -> ExactGradients:
    pair = Pair(build(parse(q)), build(parse(p)), build(parse(sampler)) if sampler else None)
    return ExactGradients(pair, score_of(pair.q))


def exact(of: ExactGradients, name: str, placement: Placement, weighting: Weighting = "none") -> ExactVector:
    found = of.under_draws(coefficient(find(name).term, placement, weighting))
    assert found is not None
    return found
