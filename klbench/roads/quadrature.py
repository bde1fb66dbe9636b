"""Numerical integration in one dimension: a distribution on the line becomes the nodes of a mesh.

The line is cut at the ends of every support and at every mode, mean and kink the distributions know of. Each segment
is mapped to u in (−∞, ∞) so that u counts powers of e of the distance to either end: singular ends and heavy tails
become exponential slopes, and any scale is a finite distance away. Where the integrands have fallen to nothing the
mesh ends; inside it is made of Gauss-Lobatto panels, halved until the sums over a panel and over its halves agree
for every moment of every estimator. Kinks and jumps, wherever an estimator has them, are closed in on by the same
halving.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import exp, inf, isfinite, log
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.polynomial import legendre
from torch import Tensor

from klbench.distributions.support import Interval
from klbench.roads.convergence import converges
from klbench.roads.points import Points, by_order, common_sign, first_order, sign_where_infinite
from klbench.tolerances import (
    ACCURACY,
    CLEAR_SLOPE,
    LEAST_REACH,
    LONGEST_REACH,
    NEGLIGIBLE,
    PANEL,
    PANEL_OF_FOURTH,
    PANEL_ROUNDING,
    REACH_TO_AN_END,
    SHORTEST_REACH,
    SLOWEST_FALL,
)

if TYPE_CHECKING:
    from klbench.roads.integrand import Integrand, Summands

_ORDER = 16
"""Of a panel's polynomial, which has 17 nodes: a rule of this order is exact up to degree 31."""
_LEVELS = 60
"""Halvings of a panel of length 1: after 52 of them it is one step of float64 where u is near 1."""
_MOST_PANELS = 2_000
"""Of panels still to be halved: of more than these the mesh fails, and its error says so."""
_SURVEY = 0.25
"""The step of the survey in u, four to a power of e: whatever is smooth in powers of e is seen by it."""
_LOOK_BACK = 32
"""Steps of the survey over which a fall is measured: eight powers of e, the width of a Gaussian's shoulder."""


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
        # each half is measured from its own end: a distance keeps the digits that x loses
        return torch.where(u < 0, self.low + width * u.sigmoid(), self.high - width * (-u).sigmoid())

    def log_jacobian(self, u: Tensor) -> Tensor:
        """log dx/du."""
        if self.high == inf:
            return u
        if self.low == -inf:
            return -u
        sigmoid = torch.nn.functional.logsigmoid
        # two logarithms: the product sigmoid(u) · sigmoid(−u) underflows far out
        return log(self.high - self.low) + sigmoid(u) + sigmoid(-u)

    @property
    def reach(self) -> tuple[float, float]:
        """How far u may run to the left and to the right before x cannot be told from the end."""
        return _reach(self.low), _reach(self.high)


def _reach(end: float) -> float:
    """How many powers of e float64 can go towards an end, or away from it, and still hold the numbers there."""
    if end == 0:
        return SHORTEST_REACH
    return min(max(LEAST_REACH, REACH_TO_AN_END - log(abs(end))), SHORTEST_REACH) if isfinite(end) else LONGEST_REACH


def quadrature(integrand: Integrand) -> Points | None:
    """The points of a mesh for every moment of the integrand; None off the line, or where the mesh fails.

    The mesh must carry all of the probability: if the mass it finds is not 1 within ``ACCURACY``, there is no road.
    """
    support = integrand.base.support
    if integrand.base.kind != "continuous" or not isinstance(support, Interval):
        return None
    pieces = [Piece.survey(integrand, segment) for segment in _segments(integrand, support)]
    exists = torch.stack([piece.exists for piece in pieces]).all(dim=0)
    scale = torch.stack([piece.largest for piece in pieces]).amax(dim=0)
    # an integrand that is 0 everywhere has no largest value: any unit will do
    scale = torch.where(exists & scale.isfinite(), scale, 0.0)
    meshes = [refine(piece, exists, scale) for piece in pieces]
    # the sums are in units of exp(scale), so that none of them overflows
    mass = float(sum(mesh.total[0] for mesh in meshes)) * exp(float(scale[0]))
    if not abs(mass - 1) < ACCURACY:
        return None
    return Points(
        x=torch.cat([mesh.x for mesh in meshes]),
        log_measure=torch.cat([mesh.log_measure for mesh in meshes]),
        converges=by_order(exists),
        error=by_order(_relative_error(meshes)),
        diverges_to=common_sign(torch.stack([piece.diverges_to for piece in pieces])),
        road="quadrature",
    )


def _segments(integrand: Integrand, support: Interval) -> list[Segment]:
    cuts = {support.low, support.high}
    for distribution in (integrand.base, integrand.pair.q, integrand.pair.p):
        cuts.update(distribution.landmarks())
        if isinstance(distribution.support, Interval):
            cuts.update((distribution.support.low, distribution.support.high))
    inside = sorted(cut for cut in cuts if support.low <= cut <= support.high)
    if not any(isfinite(cut) for cut in inside):
        inside = [-inf, 0.0, inf]
    return [Segment(low, high) for low, high in pairwise(inside)]


def _tolerance(exists: Tensor) -> Tensor:
    """The tolerance of each integral's panels [J]; the fourth moments serve error bars only."""
    tolerance = torch.full_like(exists, PANEL, dtype=torch.float64)
    by_order(tolerance)[-1] = PANEL_OF_FOURTH
    return tolerance


def _relative_error(meshes: list[Mesh]) -> Tensor:
    total = torch.stack([mesh.total for mesh in meshes]).sum(dim=0)
    error = torch.stack([mesh.error for mesh in meshes]).sum(dim=0)
    return torch.where(total > 0, error / total, 0.0)


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
        x = segment.x(u)
        summands, at_end = integrand.moments(x), _at_an_end(segment, x)
        rows, values = _with_jacobian(summands, segment, u, at_end), summands.values
        exists, errors = summands.proper(leaving_out=at_end), summands.rounding()
        ends = []
        for side, reach in ((-1, left), (1, right)):
            falls = _clearly_falls(rows, errors, side)
            ends.append(falls if falls.all() else _converges_towards(integrand, segment, side, reach))
        signs = [
            torch.where(first_order(end), 0.0, values[:, at].sign()) for end, at in zip(ends, (0, -1), strict=True)
        ]
        diverges_to = common_sign(torch.stack([*signs, sign_where_infinite(rows, values)]))
        return Piece(integrand, segment, u, rows, exists & ends[0] & ends[1], diverges_to)

    @property
    def largest(self) -> Tensor:
        """The largest value of each log integrand [J]."""
        return self.rows.amax(dim=1)


def _log_integrands(integrand: Integrand, segment: Segment, u: Tensor) -> tuple[Tensor, Tensor]:
    """(log |integrand| with the Jacobian [J, n], the K values [K, n]) at u [n]."""
    x = segment.x(u)
    summands = integrand.moments(x)
    return _with_jacobian(summands, segment, u, _at_an_end(segment, x)), summands.values


def _with_jacobian(summands: Summands, segment: Segment, u: Tensor, at_end: Tensor) -> Tensor:
    """The rows as integrands over u [J, n]; −inf where x cannot be told from an end."""
    # x has rounded onto the end, where the density may be infinite: there is no such point
    return (summands.rows + segment.log_jacobian(u)).masked_fill(at_end, -inf)


def _clearly_falls(rows: Tensor, errors: Tensor, side: int) -> Tensor:
    """Whether each integrand falls off like a power of e over the last of the survey on one side [J].

    A bounded integrand does near a finite end, and a Gaussian one far out; what does not is looked at more closely.
    """
    if side > 0:
        rows, errors = rows.flip(1), errors.flip(1)
    known = rows > -inf
    # argmax gives the first of equal ones: the outermost point that has any mass
    outermost = known.double().argmax(dim=1, keepdim=True)
    within = (outermost + _LOOK_BACK).clamp_max(rows.shape[1] - 1)
    fall = rows.gather(1, within) - rows.gather(1, outermost)
    certain = fall > torch.clamp_min(10 * errors.gather(1, outermost), CLEAR_SLOPE * _LOOK_BACK * _SURVEY)
    return ~known.any(dim=1) | certain.squeeze(1)


def _at_an_end(segment: Segment, x: Tensor) -> Tensor:
    return (x <= segment.low) | (x >= segment.high)


def _converges_towards(integrand: Integrand, segment: Segment, side: int, reach: float) -> Tensor:
    def towards(distance: Tensor) -> tuple[Tensor, Tensor]:
        u = side * distance
        summands = integrand.moments(segment.x(u))
        return summands.rows + segment.log_jacobian(u), summands.rounding()

    return converges(towards, reach)


@dataclass(frozen=True)
class Mesh:
    """Nodes on one segment with the lengths they stand for, the integrands' (scaled) sums [J], and their errors [J]."""

    x: Tensor
    log_measure: Tensor
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
    tolerance = _tolerance(exists)
    sums = _panel_sums(piece, low, high, exists, scale)
    total, error = sums.abs().sum(dim=1), cut_off
    accepted: list[Tensor] = []
    gap, worst_before = sums.abs(), torch.full_like(low, inf)
    for _ in range(_LEVELS):
        if not len(low) or len(low) > _MOST_PANELS:
            break
        middle = (low + high) / 2
        halves = torch.cat([low, middle]), torch.cat([middle, high])
        finer = _panel_sums(piece, *halves, exists, scale)
        gap = (finer[:, : len(low)] + finer[:, len(low) :] - sums).abs()
        # an integral that is 0 has no relative gap: 0/0 would be NaN, and no panel of it ever done
        worst = torch.where(total[:, None] > 0, gap / (total * tolerance)[:, None], 0.0).amax(dim=0)
        # what halving no longer mends is rounding in the integrand itself
        done = (worst <= 1) | ((worst > 0.6 * worst_before) & (worst < PANEL_ROUNDING))
        error = error + gap[:, done].sum(dim=1)
        both = done.repeat(2)
        accepted.append(torch.stack([halves[0][both], halves[1][both]]))
        low, high, sums, gap = halves[0][~both], halves[1][~both], finer[:, ~both], gap[:, ~done]
        worst_before = worst[~done].repeat(2)
    if len(low):
        error = error + gap.sum(dim=1)
        accepted.append(torch.stack([low, high]))
    low, high = torch.cat(accepted, dim=1) if accepted else (low, high)
    return _mesh(piece, low, high, total, error)


def _living_range(piece: Piece, exists: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """(edges of the first panels, the part of each integral that lies beyond them [J])."""
    height = torch.where(exists[:, None], piece.rows - scale[:, None], -inf).nan_to_num(nan=-inf)
    alive = (height > -NEGLIGIBLE).any(dim=0).nonzero().flatten()
    if not len(alive):
        return piece.u[:0], height.new_zeros(len(height))
    # one step more on each side: the integrand may rise between two points of the survey
    first, last = max(int(alive[0]) - 1, 0), min(int(alive[-1]) + 1, len(piece.u) - 1)
    lost = (height[:, 0].exp() + height[:, -1].exp()) * SLOWEST_FALL
    steps = int(1 / _SURVEY)
    edges = piece.u[first : last + 1 : steps]
    return torch.cat([edges[edges < piece.u[last]], piece.u[last : last + 1]]), lost


def _panel_sums(piece: Piece, low: Tensor, high: Tensor, exists: Tensor, scale: Tensor) -> Tensor:
    """The integrands summed over each panel [J, P], in units of exp(scale); zero where the integral does not exist."""
    u, log_weights = _nodes(low, high)
    rows, values = _log_integrands(piece.integrand, piece.segment, u.flatten())
    # one exponential of the sum: a row may overflow where its share does not
    shares = (rows - scale[:, None] + log_weights.flatten()).exp()
    # row 0 is the mass and the other orders are even: only first moments have a sign
    shares[1 : 1 + len(values)] *= values.sign()
    return torch.where(exists[:, None], shares.reshape(len(rows), *u.shape).sum(dim=2), 0.0)


def _nodes(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """(nodes [P, n], log weights [P, n]) of each panel."""
    points, weights = _gauss_lobatto()
    half = ((high - low) / 2)[:, None]
    return (low + high)[:, None] / 2 + half * points, (half * weights).log()


@cache
def _gauss_lobatto() -> tuple[Tensor, Tensor]:
    """Nodes and weights on [-1, 1]. Both ends are nodes: a kink hiding between two panels would be seen by neither."""
    polynomial = [0.0] * (_ORDER - 1) + [1.0]
    inner = legendre.legroots(legendre.legder(polynomial))
    points = np.concatenate([[-1.0], inner, [1.0]])
    weights = 2 / (_ORDER * (_ORDER - 1) * legendre.legval(points, polynomial) ** 2)
    return torch.from_numpy(points), torch.from_numpy(weights)


def _mesh(piece: Piece, low: Tensor, high: Tensor, total: Tensor, error: Tensor) -> Mesh:
    u, log_weights = (part.flatten() for part in _nodes(low, high))
    x = piece.segment.x(u)
    log_measure = log_weights + piece.segment.log_jacobian(u)
    # points without mass go: a value may be infinite or NaN there, and 0 · inf is NaN
    kept = ~_at_an_end(piece.segment, x) & (piece.integrand.base.log_prob(x) > -inf)
    return Mesh(x[kept], log_measure[kept], total, error)
