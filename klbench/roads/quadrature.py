"""Numerical integration in one dimension: a distribution on the line becomes the nodes of a mesh.

The line is cut at the ends of every support and at every mode, mean and kink the distributions know of. Each segment is mapped
to u in (−∞, ∞) so that u counts powers of e of the distance to either end: singular ends and heavy tails become exponential
slopes, and any scale is a finite distance away. Where the integrands have fallen to nothing the mesh ends; inside it is made
of Gauss-Legendre panels, halved until the sums over a panel and over its halves agree for every moment of every estimator.
Kinks and jumps, wherever an estimator has them, are closed in on by the same halving.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import inf, isfinite, log

import numpy as np
import torch
from torch import Tensor

from klbench.distributions.support import Interval
from klbench.roads.convergence import converges
from klbench.roads.integrand import Integrand
from klbench.roads.points import Points, by_order, common_sign, first_order, log_rows, proper, rounding_rows, sign_where_infinite

ACCURACY = 1e-9
"""A mesh whose estimated relative error is above this is no exact road."""

_ORDER = 16
_TOLERANCE = 1e-13
_NEGLIGIBLE = 42.0
_LEVELS = 60
_MOST_PANELS = 20_000
_FARTHEST = 340.0
_SURVEY = 0.25


@dataclass(frozen=True)
class Segment:
    """A piece of the line, one end of it at least finite, with its map from u."""

    low: float
    high: float

    def x(self, u: Tensor) -> Tensor:
        """The point at u."""
        if self.high == inf:
            return self.low + u.exp()
        if self.low == -inf:
            return self.high - (-u).exp()
        width = self.high - self.low
        return torch.where(u < 0, self.low + width * u.sigmoid(), self.high - width * (-u).sigmoid())

    def log_jacobian(self, u: Tensor) -> Tensor:
        """log dx/du."""
        if self.high == inf:
            return u
        if self.low == -inf:
            return -u
        sigmoid = torch.nn.functional.logsigmoid
        return log(self.high - self.low) + sigmoid(u) + sigmoid(-u)

    @property
    def reach(self) -> tuple[float, float]:
        """How far u may run to the left and to the right before x cannot be told from the end."""
        return _reach(self.low), _reach(self.high)


def _reach(end: float) -> float:
    return _FARTHEST if end == 0 or not isfinite(end) else max(12.0, 32.0 - log(max(abs(end), 1.0)))


def quadrature(integrand: Integrand) -> Points | None:
    """The points of a mesh for every moment of the integrand, or None where it is not on the line or the mesh fails.

    The mesh must carry all of the probability: if the mass it finds is not 1 within ``ACCURACY``, there is no road.
    """
    support = integrand.base.support
    if integrand.base.kind != "continuous" or not isinstance(support, Interval):
        return None
    pieces = [Piece.survey(integrand, segment) for segment in _segments(integrand, support)]
    exists = torch.stack([piece.exists for piece in pieces]).all(dim=0)
    scale = torch.stack([piece.largest for piece in pieces]).amax(dim=0)
    scale = torch.where(exists & scale.isfinite(), scale, 0.0)
    meshes = [refine(piece, exists, scale) for piece in pieces]
    points = torch.cat([mesh.x for mesh in meshes]), torch.cat([mesh.log_weight for mesh in meshes])
    error = max(_relative_error(meshes), abs(float(points[1].exp().sum()) - 1))
    if not error < ACCURACY:
        return None
    diverges_to = common_sign(torch.stack([piece.diverges_to for piece in pieces]))
    return Points(*points, by_order(exists), diverges_to, "quadrature", error)


def _segments(integrand: Integrand, support: Interval) -> list[Segment]:
    cuts = {support.low, support.high}
    for distribution in (integrand.base, integrand.q, integrand.p):
        cuts.update(distribution.landmarks())
        if isinstance(distribution.support, Interval):
            cuts.update((distribution.support.low, distribution.support.high))
    inside = sorted(cut for cut in cuts if support.low <= cut <= support.high)
    if not any(isfinite(cut) for cut in inside):
        inside = [-inf, 0.0, inf]
    return [Segment(low, high) for low, high in pairwise(inside)]


def _relative_error(meshes: list[Mesh]) -> float:
    total = torch.stack([mesh.total for mesh in meshes]).sum(dim=0)
    error = torch.stack([mesh.error for mesh in meshes]).sum(dim=0)
    return float(torch.where(total > 0, error / total, 0.0).max())


@dataclass(frozen=True)
class Piece:
    """A segment with the logarithms of the integrands over it: row 0 is the mass, then each order's K moments.

    Args:
        u: the survey's points [m], evenly spaced over the reach of the segment.
        rows: the log integrands there [J, m].
        exists: whether each integral over this segment converges [J].
        diverges_to: the sign of infinity each first moment goes to where it does not converge, else 0 [K].
    """

    integrand: Integrand
    segment: Segment
    u: Tensor
    rows: Tensor
    exists: Tensor
    diverges_to: Tensor

    @staticmethod
    def survey(integrand: Integrand, segment: Segment) -> Piece:
        """Look over the whole segment: where the integrands live, and whether they fall off at its ends."""
        left, right = segment.reach
        u = torch.arange(-left, right + _SURVEY, _SURVEY, dtype=torch.float64)
        rows, values = log_integrands(integrand, segment, u)
        ends = [_converges_towards(integrand, segment, side, reach) for side, reach in ((-1, left), (1, right))]
        signs = [
            torch.where(first_order(end), 0.0, values[:, at].sign()) for end, at in zip(ends, (0, -1), strict=True)
        ]
        diverges_to = common_sign(torch.stack([*signs, sign_where_infinite(rows, values)]))
        return Piece(integrand, segment, u, rows, proper(rows) & ends[0] & ends[1], diverges_to)

    @property
    def largest(self) -> Tensor:
        """The largest value of each log integrand [J]."""
        return self.rows.amax(dim=1)


def log_integrands(integrand: Integrand, segment: Segment, u: Tensor) -> tuple[Tensor, Tensor]:
    """(log |integrand| with the Jacobian [J, n], the K values [K, n]) at u [n]; −inf where x falls on an end or off the base."""
    x = segment.x(u)
    log_weight = integrand.base.log_prob(x) + segment.log_jacobian(u)
    log_weight = log_weight.masked_fill((x <= segment.low) | (x >= segment.high) | log_weight.isnan(), -inf)
    values, sizes = integrand.values_and_log_sizes(x)
    return log_rows(log_weight, sizes), values


def _converges_towards(integrand: Integrand, segment: Segment, side: int, reach: float) -> Tensor:
    def towards(distance: Tensor) -> tuple[Tensor, Tensor]:
        u = side * distance
        rows, _ = log_integrands(integrand, segment, u)
        return rows, rounding_rows(integrand, segment.x(u))

    return converges(towards, reach)


@dataclass(frozen=True)
class Mesh:
    """Nodes on one segment, the sums of the integrands over them [J] (scaled), and the sums' estimated errors [J]."""

    x: Tensor
    log_weight: Tensor
    total: Tensor
    error: Tensor


def refine(piece: Piece, exists: Tensor, scale: Tensor) -> Mesh:
    """Halve panels until the sums over each and over its halves agree, for every integral that exists.

    Args:
        piece: the segment.
        exists: which of the J integrals exist over all segments; the others do not guide the mesh.
        scale: the logarithm each integrand is measured in [J].
    """
    edges, cut_off = _living_range(piece, exists, scale)
    low, high = edges[:-1], edges[1:]
    sums = _panel_sums(piece, low, high, exists, scale)
    total, error = sums.abs().sum(dim=1), cut_off
    accepted: list[Tensor] = []
    last_gap = torch.full_like(low, inf)
    for _ in range(_LEVELS):
        if not len(low) or len(low) > _MOST_PANELS:
            break
        middle = (low + high) / 2
        halves = torch.cat([low, middle]), torch.cat([middle, high])
        finer = _panel_sums(piece, *halves, exists, scale)
        gap = (finer[:, : len(low)] + finer[:, len(low) :] - sums).abs()
        worst = torch.where(total[:, None] > 0, gap / total[:, None], 0.0).amax(dim=0)
        # what halving no longer mends is rounding in the estimators themselves
        done = (worst <= _TOLERANCE) | ((worst > 0.7 * last_gap) & (worst < 1e-11))
        error = error + gap[:, done].sum(dim=1)
        both = done.repeat(2)
        accepted.append(torch.stack([halves[0][both], halves[1][both]]))
        low, high, sums, last_gap = halves[0][~both], halves[1][~both], finer[:, ~both], worst[~done].repeat(2)
    if len(low):
        error = error + sums.abs().sum(dim=1)
        accepted.append(torch.stack([low, high]))
    return _mesh(piece, *torch.cat(accepted, dim=1), total, error)


def _living_range(piece: Piece, exists: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """(edges of the first panels, what each integral loses by ending there [J])."""
    height = torch.where(exists[:, None], piece.rows - scale[:, None], -inf).nan_to_num(nan=-inf)
    alive = (height > -_NEGLIGIBLE).any(dim=0).nonzero().flatten()
    if not len(alive):
        return piece.u[:0], height.new_zeros(len(height))
    first, last = max(int(alive[0]) - 1, 0), min(int(alive[-1]) + 1, len(piece.u) - 1)
    lost = (height[:, 0].exp() + height[:, -1].exp()) * _FARTHEST
    steps = int(1 / _SURVEY)
    edges = piece.u[first : last + 1 : steps]
    return torch.cat([edges, piece.u[last : last + 1]]).unique(), lost


def _panel_sums(piece: Piece, low: Tensor, high: Tensor, exists: Tensor, scale: Tensor) -> Tensor:
    """The integrands summed over each panel [J, P], in units of exp(scale); zero where the integral does not exist."""
    u, log_weights = _nodes(low, high)
    rows, values = log_integrands(piece.integrand, piece.segment, u.flatten())
    shares = (rows - scale[:, None] + log_weights.flatten()).exp()
    shares[1 : 1 + len(values)] *= values.sign()
    return torch.where(exists[:, None], shares.reshape(len(rows), *u.shape).sum(dim=2), 0.0)


def _nodes(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """(nodes [P, n], log weights [P, n]) of each panel."""
    points, weights = _gauss_legendre()
    half = ((high - low) / 2)[:, None]
    return (low + high)[:, None] / 2 + half * points, (half * weights).log()


@cache
def _gauss_legendre() -> tuple[Tensor, Tensor]:
    points, weights = np.polynomial.legendre.leggauss(_ORDER)
    return torch.from_numpy(points), torch.from_numpy(weights)


def _mesh(piece: Piece, low: Tensor, high: Tensor, total: Tensor, error: Tensor) -> Mesh:
    u, log_weights = (part.flatten() for part in _nodes(low, high))
    x = piece.segment.x(u)
    rows, _ = log_integrands(piece.integrand, piece.segment, u)
    log_weight = rows[0] + log_weights
    kept = log_weight > -inf
    return Mesh(x[kept], log_weight[kept], total, error)
