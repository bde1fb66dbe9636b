"""What an exact road makes of a distribution: finitely many points, each with its measure.

E g = Σ exp(log_measure_i) base(x_i) g(x_i), for every function g of the integrand at once. Enumeration takes the atoms,
quadrature the nodes of a mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor

ORDERS = (1, 2, 4)
"""The moments asked of every value: its mean, its variance, and the fourth for the error of the standard deviation."""


@dataclass(frozen=True)
class Points:
    """Points standing for the integrand's base.

    Args:
        x: [n, ...].
        log_measure: log of the length (or 0: the one atom) each point stands for [n].
        converges: whether the moment of each order exists, for each of K values [3, K].
        error: the estimated relative error of each of those moments [3, K].
        diverges_to: the sign of infinity the first moment goes to where it does not converge, NaN for neither [K].
        road: ``enumeration`` or ``quadrature``.
    """

    x: Tensor
    log_measure: Tensor
    converges: Tensor
    error: Tensor
    diverges_to: Tensor
    road: str


def by_order(rows: Tensor) -> Tensor:
    """What is known of the J rows, without the mass, by order [3, K]."""
    return rows[1:].reshape(len(ORDERS), -1)


def first_order(rows: Tensor) -> Tensor:
    """The rows of the first moments [K, ...]."""
    return rows[1 : 1 + (len(rows) - 1) // len(ORDERS)]


def sign_where_infinite(rows: Tensor, values: Tensor) -> Tensor:
    """The sign [K] of the values that are infinite where there is mass: 0 without any, NaN where they disagree."""
    first = first_order(rows)
    signs = torch.where(first.isposinf(), values.sign(), 0.0)
    return common_sign(torch.where(first.isnan(), nan, signs).T)


def common_sign(signs: Tensor) -> Tensor:
    """The sign [K] all the non-zero ones of [m, K] agree on, NaN where they do not."""
    up, down = (signs > 0).any(dim=0), (signs < 0).any(dim=0)
    return torch.where(signs.isnan().any(dim=0) | (up & down), nan, up.double() - down.double())
