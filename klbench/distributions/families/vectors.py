"""Families whose draws are vectors or matrices."""

from __future__ import annotations

from itertools import combinations
from math import comb, lgamma
from sys import float_info
from typing import TYPE_CHECKING, Any

from klbench.distributions.constraints import (
    COUNT,
    COUNT_ABOVE_1,
    LOWER_CHOLESKY,
    POSITIVE,
    POSITIVE_DEFINITE,
    POSITIVE_VECTOR,
    REAL_MATRIX,
    REAL_VECTOR,
    SIMPLEX,
)
from klbench.distributions.families.integers import alias_table, log_probs
from klbench.distributions.family import MAX_ATOMS, Arguments, Family, Parameter, Rule, Shape
from klbench.distributions.support import Space

PROBS_OR_LOGITS = ("probs", "logits")
CATEGORIES = (Parameter("probs", SIMPLEX), Parameter("logits", REAL_VECTOR))
COVARIANCES = ("covariance_matrix", "precision_matrix", "scale_tril")
COVARIANCE = (
    Parameter("covariance_matrix", POSITIVE_DEFINITE),
    Parameter("precision_matrix", POSITIVE_DEFINITE),
    Parameter("scale_tril", LOWER_CHOLESKY),
)

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.alias import AliasTable
    from klbench.distributions.stream import Stream


def _categories(a: Arguments) -> int:
    return len(a["probs"] if "probs" in a else a["logits"])


def _one_per_category(a: Arguments) -> Shape:
    return (_categories(a),)


def _size(a: Arguments) -> int:
    """The number of rows of whichever matrix was given."""
    return next(len(a[name]) for name in COVARIANCES if name in a)


def _like_loc(a: Arguments) -> Shape:
    return (len(a["loc"]),)


def _space(name: str, shape: Shape) -> Space:
    return Space(f"{name} of shape {shape}")


def _simplex(shape: Shape) -> Space:
    return _space("simplex", shape)


def _real_vectors(shape: Shape) -> Space:
    return _space("real numbers", shape)


def _same_size(name: str) -> Rule:
    return Rule(f"loc and {name} of the same size", ("loc", name), lambda a: len(a["loc"]) == len(a[name]))


def _enough_freedom(name: str) -> Rule:
    return Rule("df > size of the matrix - 1", ("df", name), lambda a: a["df"] > len(a[name]) - 1)


def draw_dirichlet(d: Any, stream: Stream, count: int) -> Tensor:
    """Gammas over their sum, in logarithms."""
    return _inside_simplex(stream.log_gamma(d.concentration, count, *d.event_shape))


def draw_lkj_cholesky(d: Any, stream: Stream, count: int) -> Tensor:
    """The onion: row k is a random direction of squared length Beta(k / 2, concentration + (dim - 1 - k) / 2)."""
    factor = stream.normal(count, d.dim, d.dim).tril_(-1)
    k = d.concentration.new_ones(d.dim - 1).cumsum(0)
    squared = stream.beta(k / 2, d.concentration + (d.dim - 1 - k) / 2, count, d.dim - 1)
    rows = factor[:, 1:]
    rows.mul_(squared.sqrt().div_(rows.norm(dim=-1)).unsqueeze(-1))
    factor[:, 0, 0] = 1
    factor.diagonal(dim1=-2, dim2=-1)[:, 1:] = (1 - squared).clamp_(min=float_info.min).sqrt_()
    return factor


def draw_logistic_normal(d: Any, stream: Stream, count: int) -> Tensor:
    """Stick-breaking of a normal vector, by torch's own transform."""
    normal = d.base_dist.base_dist
    x: Tensor = stream.normal(count, *normal.batch_shape).mul_(normal.scale).add_(normal.loc)
    for transform in d.transforms:
        x = transform(x)
    return x.clamp_(min=float_info.min)


def draw_low_rank_multivariate_normal(d: Any, stream: Stream, count: int) -> Tensor:
    """Few common factors and noise of its own for each coordinate."""
    common = stream.normal(count, d.cov_factor.shape[-1]) @ d.cov_factor.mT
    return stream.normal(count, *d.event_shape).mul_(d.cov_diag.sqrt()).add_(d.loc).add_(common)


def draw_multinomial(d: Any, stream: Stream, count: int) -> Tensor:
    """A binomial for each category of what the categories before it left."""
    counts: Tensor = d.probs.new_empty((count, *d.event_shape))
    left = d.probs.new_full((count,), float(d.total_count))
    shares = (d.probs / d.probs.flip(0).cumsum(0).flip(0)).nan_to_num(0).clamp(max=1)
    for category, share in enumerate(shares):
        counts[:, category] = stream.binomial(left, share, count)
        left = left - counts[:, category]
    return counts


def draw_multivariate_normal(d: Any, stream: Stream, count: int) -> Tensor:
    """Normals through the Cholesky factor."""
    x: Tensor = stream.normal(count, *d.event_shape) @ d.scale_tril.mT
    return x.add_(d.loc)


def draw_one_hot(table: AliasTable, stream: Stream, count: int) -> Tensor:
    """A one where an alias table points."""
    category = table.draw(stream.uniform(count)).long()
    return table.keep.new_zeros(count, len(table.keep)).scatter_(1, category.unsqueeze(1), 1.0)


def draw_relaxed_one_hot(d: Any, stream: Stream, count: int) -> Tensor:
    """The softmax of Gumbels about the logits, over the temperature."""
    gumbels = stream.exponential(count, *d.event_shape).log_().neg_()
    return _inside_simplex(gumbels.add_(d.logits).div_(d.temperature))


def draw_wishart(d: Any, stream: Stream, count: int) -> Tensor:
    """Bartlett: the square of a triangle of normals with roots of χ² on its diagonal."""
    size = d.event_shape[0]
    triangle = stream.normal(count, size, size).tril_(-1)
    freedom = d.df + 1 - d.df.new_ones(size).cumsum(0)
    triangle.diagonal(dim1=-2, dim2=-1).copy_(stream.gamma(freedom / 2, count, size).mul_(2).sqrt_())
    root = d.scale_tril @ triangle
    drawn: Tensor = root @ root.mT
    return drawn


def score_one_hot(d: Any, x: Tensor) -> Tensor:
    """The log-probability of the one category, log 0 included."""
    return log_probs(d)[x.argmax(-1)]


def score_multinomial(d: Any, x: Tensor) -> Tensor:
    """log n! - Σ log xᵢ! + Σ xᵢ log pᵢ, where 0 log 0 = 0."""
    weighed = x.mul(log_probs(d)).where(x > 0, 0.0).sum(-1)
    return weighed + lgamma(d.total_count + 1) - (x + 1).lgamma().sum(-1)


def in_torch_support(d: Any, x: Tensor) -> Tensor:
    """Whether torch's own constraint holds."""
    held: Tensor = d.support.check(x)
    return held


def is_one_hot(_: Any, x: Tensor) -> Tensor:
    """Whether one coordinate is 1 and the others 0."""
    return ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1)


def is_multinomial(d: Any, x: Tensor) -> Tensor:
    """Whether all are whole numbers >= 0 that sum to total_count."""
    return ((x >= 0) & (x == x.floor())).all(-1) & (x.sum(-1) == d.total_count)


def one_hot_atoms(d: Any) -> Tensor:
    """The rows of the identity."""
    rows: Tensor = d.probs.new_ones(d.event_shape).diag()
    return rows


def multinomial_atoms(d: Any) -> Tensor | None:
    """Every way to put total_count balls into the categories, told by where the bars between them stand."""
    places, bars = d.total_count + d.event_shape[0] - 1, d.event_shape[0] - 1
    if comb(places, bars) > MAX_ATOMS:
        return None
    stands = [(-1, *chosen, places) for chosen in combinations(range(places), bars)]
    atoms: Tensor = d.probs.new_tensor(stands).diff(dim=1) - 1
    return atoms


def _inside_simplex(logits: Tensor) -> Tensor:
    return logits.softmax(-1).clamp_(min=float_info.min)


FAMILIES = (
    Family(
        name="Dirichlet",
        summary="Dirichlet: a random point of the simplex.",
        kind="continuous",
        parameters=(Parameter("concentration", POSITIVE_VECTOR),),
        support_text="vectors >= 0 that sum to 1",
        support=lambda a: _simplex((len(a["concentration"]),)),
        event_shape=lambda a: (len(a["concentration"]),),
        space="simplex",
        examples=("Dirichlet(concentration=[1, 2, 3])", "Dirichlet(concentration=[0.5, 0.5])"),
        draw=draw_dirichlet,
        inside=in_torch_support,
    ),
    Family(
        name="LKJCholesky",
        summary="The Cholesky factor of a random correlation matrix.",
        kind="continuous",
        parameters=(Parameter("dim", COUNT_ABOVE_1), Parameter("concentration", POSITIVE, 1.0)),
        support_text="lower triangular matrices whose rows have length 1",
        support=lambda a: _space("Cholesky factors of correlation matrices", (int(a["dim"]), int(a["dim"]))),
        event_shape=lambda a: (int(a["dim"]), int(a["dim"])),
        space="Cholesky factors of correlation matrices",
        examples=("LKJCholesky(dim=3, concentration=2)", "LKJCholesky(dim=2)"),
        draw=draw_lkj_cholesky,
        inside=in_torch_support,
    ),
    Family(
        name="LogisticNormal",
        summary="A normal vector sent to the simplex by stick-breaking; one coordinate more than loc.",
        kind="continuous",
        parameters=(Parameter("loc", REAL_VECTOR), Parameter("scale", POSITIVE_VECTOR)),
        rules=(_same_size("scale"),),
        support_text="vectors > 0 that sum to 1",
        support=lambda a: _simplex((len(a["loc"]) + 1,)),
        event_shape=lambda a: (len(a["loc"]) + 1,),
        space="simplex",
        examples=("LogisticNormal(loc=[0, 1], scale=[1, 0.5])",),
        draw=draw_logistic_normal,
        inside=in_torch_support,
    ),
    Family(
        name="LowRankMultivariateNormal",
        summary="A normal vector of covariance cov_factor cov_factorᵀ + diag(cov_diag).",
        kind="continuous",
        parameters=(
            Parameter("loc", REAL_VECTOR),
            Parameter("cov_factor", REAL_MATRIX),
            Parameter("cov_diag", POSITIVE_VECTOR),
        ),
        rules=(_same_size("cov_factor"), _same_size("cov_diag")),
        support_text="real vectors",
        support=lambda a: _real_vectors(_like_loc(a)),
        event_shape=_like_loc,
        examples=("LowRankMultivariateNormal(loc=[0, 1], cov_factor=[[1], [0.5]], cov_diag=[1, 2])",),
        draw=draw_low_rank_multivariate_normal,
    ),
    Family(
        name="Multinomial",
        summary="How often each category comes up in total_count draws.",
        kind="discrete",
        parameters=(Parameter("total_count", COUNT, 1), *CATEGORIES),
        alternatives=PROBS_OR_LOGITS,
        support_text="vectors of whole numbers >= 0 that sum to total_count",
        support=lambda a: Space(f"counts of {_categories(a)} categories that sum to {int(a['total_count'])}"),
        event_shape=_one_per_category,
        space="integers",
        examples=(
            "Multinomial(total_count=5, probs=[0.2, 0.3, 0.5])",
            "Multinomial(total_count=1000, logits=[0, 1])",
        ),
        draw=draw_multinomial,
        log_prob=score_multinomial,
        inside=is_multinomial,
        atoms=multinomial_atoms,
    ),
    Family(
        name="MultivariateNormal",
        summary="A normal vector; its covariance, precision or Cholesky factor is given.",
        kind="continuous",
        parameters=(Parameter("loc", REAL_VECTOR), *COVARIANCE),
        alternatives=COVARIANCES,
        rules=tuple(_same_size(name) for name in COVARIANCES),
        support_text="real vectors",
        support=lambda a: _real_vectors(_like_loc(a)),
        event_shape=_like_loc,
        examples=(
            "MultivariateNormal(loc=[0, 0], covariance_matrix=[[1, 0.5], [0.5, 1]])",
            "MultivariateNormal(loc=[1, -1, 0], precision_matrix=[[2, 0, 0], [0, 1, 0], [0, 0, 3]])",
            "MultivariateNormal(loc=[1, 2], scale_tril=[[1, 0], [0.5, 2]])",
        ),
        draw=draw_multivariate_normal,
    ),
    Family(
        name="OneHotCategorical",
        summary="One of len(probs) categories, as a one-hot vector.",
        kind="discrete",
        parameters=CATEGORIES,
        alternatives=PROBS_OR_LOGITS,
        support_text="one-hot vectors",
        support=lambda a: _space("one-hot vectors", _one_per_category(a)),
        event_shape=_one_per_category,
        categories=_categories,
        space="integers",
        examples=("OneHotCategorical(probs=[0.1, 0.45, 0.45])", "OneHotCategorical(logits=[0, 1])"),
        prepare=alias_table,
        draw=draw_one_hot,
        log_prob=score_one_hot,
        inside=is_one_hot,
        atoms=one_hot_atoms,
    ),
    Family(
        name="OneHotCategoricalStraightThrough",
        summary="OneHotCategorical with a straight-through gradient; the same law.",
        kind="discrete",
        parameters=CATEGORIES,
        alternatives=PROBS_OR_LOGITS,
        support_text="one-hot vectors",
        support=lambda a: _space("one-hot vectors", _one_per_category(a)),
        event_shape=_one_per_category,
        categories=_categories,
        space="integers",
        examples=("OneHotCategoricalStraightThrough(probs=[0.2, 0.8])",),
        prepare=alias_table,
        draw=draw_one_hot,
        log_prob=score_one_hot,
        inside=is_one_hot,
        atoms=one_hot_atoms,
    ),
    Family(
        name="RelaxedOneHotCategorical",
        summary="Relaxed (concrete) categorical: a softmax of Gumbels at a temperature.",
        kind="continuous",
        parameters=(Parameter("temperature", POSITIVE), *CATEGORIES),
        alternatives=PROBS_OR_LOGITS,
        support_text="vectors > 0 that sum to 1",
        support=lambda a: _simplex(_one_per_category(a)),
        event_shape=_one_per_category,
        space="simplex",
        examples=("RelaxedOneHotCategorical(temperature=0.7, probs=[0.2, 0.3, 0.5])",),
        draw=draw_relaxed_one_hot,
        inside=in_torch_support,
    ),
    Family(
        name="Wishart",
        summary="Wishart: the scatter matrix of df normal vectors.",
        kind="continuous",
        parameters=(Parameter("df", POSITIVE), *COVARIANCE),
        alternatives=COVARIANCES,
        rules=tuple(_enough_freedom(name) for name in COVARIANCES),
        support_text="positive definite matrices",
        support=lambda a: _space("positive definite matrices", (_size(a), _size(a))),
        event_shape=lambda a: (_size(a), _size(a)),
        space="positive definite matrices",
        examples=(
            "Wishart(df=4, covariance_matrix=[[1, 0.2], [0.2, 2]])",
            "Wishart(df=3.5, scale_tril=[[1, 0], [0, 1]])",
        ),
        draw=draw_wishart,
        inside=in_torch_support,
    ),
)
