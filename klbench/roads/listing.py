"""Points that stand for a distribution: enumeration for what can be listed, quadrature for what lies on a line."""

from __future__ import annotations

from klbench.roads.enumeration import enumeration
from klbench.roads.integrand import Integrand
from klbench.roads.points import Points
from klbench.roads.quadrature import quadrature


def points_of(integrand: Integrand) -> Points | None:
    """Points that stand for the integrand's base, good for all of its terms at once; None without a road."""
    return enumeration(integrand) if integrand.base.kind == "discrete" else quadrature(integrand)
