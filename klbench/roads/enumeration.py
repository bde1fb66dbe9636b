"""Enumeration: a discrete distribution becomes its atoms, all of them or all that matter.

A small support is summed whole. A long or countable one (Poisson, geometric, negative binomial) is summed from its
first to its last atom that contributes more than exp(−42) of any moment that exists; whether a moment exists is
decided as for integrals, with the sum of a smooth summand over powers of e in place of an integral.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from klbench.distributions.support import Lattice
from klbench.roads.convergence import converges
from klbench.roads.points import Points, by_order, common_sign, first_order, sign_where_infinite
from klbench.tolerances import LOG_FARTHEST_WHOLE, NEGLIGIBLE, SUM_OVER_ATOMS_ROUNDING

if TYPE_CHECKING:
    from klbench.roads.integrand import Integrand

MOST_ATOMS = 2**17
"""Of more atoms than this, those that matter are looked for; a sum of more is not taken."""


def enumeration(integrand: Integrand) -> Points | None:
    """The atoms of the integrand's base, or None where they cannot be listed."""
    support = integrand.base.support
    if isinstance(support, Lattice) and support.low > -inf and support.high - support.low >= MOST_ATOMS:
        return _long(integrand, support.low, support.high)
    atoms = integrand.base.atoms()
    return None if atoms is None or len(atoms) > MOST_ATOMS else _finite(integrand, atoms)


def _finite(integrand: Integrand, atoms: Tensor) -> Points:
    kept = atoms[integrand.base.log_prob(atoms) > -inf]
    summands = integrand.moments(kept)
    return _points(kept, summands.proper(), sign_where_infinite(summands.rows, summands.values))


def _long(integrand: Integrand, low: float, high: float) -> Points | None:
    # every small atom, and far out one in each 64th of a power of e
    steps = torch.arange(0, LOG_FARTHEST_WHOLE, 2**-6, dtype=torch.float64).exp().floor().sub(1)
    survey = torch.tensor(sorted(set((low + steps).clamp(max=high).tolist())), dtype=torch.float64)
    summands = integrand.moments(survey)
    rows, values = summands.rows, summands.values
    converging = _converges(integrand, low, high, len(rows))
    exists = summands.proper() & converging
    # a moment that does not exist would keep every atom alive
    height = torch.where(exists[:, None], rows, -inf)
    alive = (height > height.amax(dim=1, keepdim=True) - NEGLIGIBLE).any(dim=0).nonzero().flatten()
    if not len(alive):
        return None
    first = float(survey[max(int(alive[0]) - 1, 0)])
    last = float(survey[min(int(alive[-1]) + 1, len(survey) - 1)])
    if not last - first < MOST_ATOMS:
        return None
    at_the_end = torch.where(first_order(converging), 0.0, values[:, -1].sign())
    signs = common_sign(torch.stack([sign_where_infinite(rows, values), at_the_end]))
    atoms = torch.arange(first, last + 1, dtype=torch.float64)
    return _points(atoms[integrand.base.log_prob(atoms) > -inf], exists, signs)


def _points(atoms: Tensor, exists: Tensor, diverges_to: Tensor) -> Points:
    error = torch.full_like(exists, SUM_OVER_ATOMS_ROUNDING, dtype=torch.float64)
    measure = torch.zeros(len(atoms), dtype=torch.float64)
    return Points(atoms, measure, by_order(exists), by_order(error), diverges_to, "enumeration")


def _converges(integrand: Integrand, low: float, high: float, count: int) -> Tensor:
    if high < inf:
        return torch.ones(count, dtype=torch.bool)
    return converges(lambda u: _towards_infinity(integrand, low, u), LOG_FARTHEST_WHOLE)


def _towards_infinity(integrand: Integrand, low: float, u: Tensor) -> tuple[Tensor, Tensor]:
    """The terms at x = low + e^u with dx/du, as ``converges`` takes them."""
    summands = integrand.moments(low + u.exp().floor())
    # a sum over x is an integral over u with dx = e^u du
    return summands.rows + u, summands.rounding()
