"""Families whose draws are matrices."""

from __future__ import annotations

from sys import float_info
from typing import TYPE_CHECKING, Any

from klbench.distributions.constraints import COUNT_ABOVE_1, POSITIVE, known
from klbench.distributions.families.vectors import COVARIANCE, COVARIANCES, in_torch_support
from klbench.distributions.family import Arguments, Family, Parameter, Rule, Shape
from klbench.distributions.support import Space

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.stream import Stream

CORRELATIONS = "Cholesky factors of correlation matrices"
DEFINITE = "positive definite matrices"


def _dim(a: Arguments) -> Shape:
    size = int(a["dim"]) if known(a["dim"]) else None
    return (size, size)


def draw_lkj_cholesky(d: Any, stream: Stream, count: int) -> Tensor:
    """The onion: row k is a random direction of squared length Beta(k/2, concentration + (dim - 1 - k)/2)."""
    factor = stream.normal(count, d.dim, d.dim).tril_(-1)
    k = d.concentration.new_ones(d.dim - 1).cumsum(0)
    squared = stream.beta(k / 2, d.concentration + (d.dim - 1 - k) / 2, count, d.dim - 1)
    rows = factor[:, 1:]
    rows.mul_(squared.sqrt().div_(rows.norm(dim=-1)).unsqueeze(-1))
    diagonal = factor.diagonal(dim1=-2, dim2=-1)
    diagonal[:, 0] = 1
    # a squared length that rounds to 1 leaves 0, which no Cholesky factor has on its diagonal
    diagonal[:, 1:] = (1 - squared).clamp_(min=float_info.min).sqrt_()
    return factor


LKJ_CHOLESKY = Family(
    name="LKJCholesky",
    summary="The Cholesky factor of a random correlation matrix.",
    kind="continuous",
    parameters=(Parameter("dim", COUNT_ABOVE_1), Parameter("concentration", POSITIVE, 1.0)),
    support_text="lower triangular matrices whose rows have length 1",
    support=lambda a: Space(f"{CORRELATIONS} of size {int(a['dim'])}"),
    event_shape=_dim,
    space="Cholesky factors of correlation matrices",
    examples=("LKJCholesky(dim=3, concentration=2)", "LKJCholesky(dim=2)"),
    draw=draw_lkj_cholesky,
    inside=in_torch_support,
)


def _size(a: Arguments) -> int:
    return next(len(a[name]) for name in COVARIANCES if name in a)


def _enough_freedom(name: str) -> Rule:
    return Rule("df > size of the matrix - 1", ("df", name), lambda a: a["df"] > len(a[name]) - 1)


def draw_wishart(d: Any, stream: Stream, count: int) -> Tensor:
    """Bartlett: the square of a triangle of normals with roots of χ² on its diagonal."""
    size = d.event_shape[0]
    triangle = stream.normal(count, size, size).tril_(-1)
    freedom = d.df + 1 - d.df.new_ones(size).cumsum(0)
    triangle.diagonal(dim1=-2, dim2=-1).copy_(stream.gamma(freedom / 2, count, size).mul_(2).sqrt_())
    root = d.scale_tril @ triangle
    drawn: Tensor = root @ root.mT
    return drawn


WISHART = Family(
    name="Wishart",
    summary="Wishart: the scatter matrix of df normal vectors.",
    kind="continuous",
    parameters=(Parameter("df", POSITIVE), *COVARIANCE),
    alternatives=COVARIANCES,
    rules=tuple(_enough_freedom(name) for name in COVARIANCES),
    support_text=DEFINITE,
    support=lambda a: Space(f"{DEFINITE} of size {_size(a)}"),
    event_shape=lambda a: (_size(a), _size(a)),
    space="positive definite matrices",
    examples=("Wishart(df=4, covariance_matrix=[[1, 0.2], [0.2, 2]])", "Wishart(df=3.5, scale_tril=[[1, 0], [0, 1]])"),
    draw=draw_wishart,
    inside=in_torch_support,
)

FAMILIES = (LKJ_CHOLESKY, WISHART)
