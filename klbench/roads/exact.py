"""Choosing the exact road: enumeration for what can be listed, quadrature for what lies on a line, none for the
rest."""

from __future__ import annotations

from klbench.roads.enumeration import enumeration
from klbench.roads.integrand import Integrand
from klbench.roads.points import Exact, exact_moments
from klbench.roads.quadrature import quadrature


def exact_road(integrand: Integrand) -> list[Exact] | None:
    """The exact moments of each term of the integrand, or None where no exact road exists."""
    points = enumeration(integrand) if integrand.base.kind == "discrete" else quadrature(integrand)
    return None if points is None else exact_moments(integrand, points)
