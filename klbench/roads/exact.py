"""Choosing the exact road: enumeration for what can be listed, quadrature for what lies on a line, and products of
either for independent factors; none for the rest.

Every term takes the road alone, on a mesh of its own: which other terms there are changes no digit of any.
"""

from __future__ import annotations

from dataclasses import replace

from klbench.roads.factors import factors_road
from klbench.roads.integrand import Integrand
from klbench.roads.listing import points_of
from klbench.roads.points import Exact, exact_moments


def exact_road(integrand: Integrand) -> list[Exact | None]:
    """The exact moments of each of the K terms, None where no exact road exists."""
    return [_alone(replace(integrand, terms=(term,))) for term in integrand.terms]


def _alone(integrand: Integrand) -> Exact | None:
    points = points_of(integrand)
    return factors_road(integrand) if points is None else exact_moments(integrand, points)[0]
