"""Choosing the exact road: enumeration for what can be listed, quadrature for what lies on a line, none for the rest.

Every term takes the road alone, on a mesh of its own: which other terms there are changes no digit of any.
"""

from __future__ import annotations

from dataclasses import replace

from klbench.roads.enumeration import enumeration
from klbench.roads.integrand import Integrand
from klbench.roads.points import Exact, Points, exact_moments
from klbench.roads.quadrature import quadrature


def exact_road(integrand: Integrand) -> list[Exact | None]:
    """The exact moments of each of the K terms, None where no exact road exists."""
    return [_alone(replace(integrand, terms=(term,))) for term in integrand.terms]


def _alone(integrand: Integrand) -> Exact | None:
    points = points_of(integrand)
    return None if points is None else exact_moments(integrand, points)[0]


def points_of(integrand: Integrand) -> Points | None:
    """Points that stand for the integrand's base, good for all of its terms at once; None without a road."""
    return enumeration(integrand) if integrand.base.kind == "discrete" else quadrature(integrand)
