"""Continuous families whose draws are vectors: real ones, and points of the simplex."""

from __future__ import annotations

from sys import float_info
from typing import TYPE_CHECKING, Any

from klbench.distributions.constraints import (
    LOWER_CHOLESKY,
    POSITIVE,
    POSITIVE_DEFINITE,
    POSITIVE_VECTOR,
    REAL_MATRIX,
    REAL_VECTOR,
    SIMPLEX,
)
from klbench.distributions.family import Arguments, Family, Parameter, Rule, Shape
from klbench.distributions.support import Space

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.distributions.stream import Stream

COVARIANCES = ("covariance_matrix", "precision_matrix", "scale_tril")
COVARIANCE = (
    Parameter("covariance_matrix", POSITIVE_DEFINITE),
    Parameter("precision_matrix", POSITIVE_DEFINITE),
    Parameter("scale_tril", LOWER_CHOLESKY),
)


def _like_loc(a: Arguments) -> Shape:
    return (len(a["loc"]),)


def _real_vectors(a: Arguments) -> Space:
    return Space(f"real vectors of {len(a['loc'])}")


def _simplex(size: int) -> Space:
    return Space(f"the simplex of {size}")


def _same_size(name: str) -> Rule:
    return Rule(f"loc and {name} of the same size", ("loc", name), lambda a: len(a["loc"]) == len(a[name]))


def _into_simplex(logits: Tensor) -> Tensor:
    # a coordinate that underflows to 0 would have an infinite log-density
    return logits.softmax(-1).clamp_(min=float_info.min)


def in_torch_support(d: Any, x: Tensor) -> Tensor:
    """Whether torch's own constraint holds."""
    # torch's constraints have a tolerance, so that the rounding of a sum to 1 does not put a draw outside
    held: Tensor = d.support.check(x)
    return held


def draw_multivariate_normal(d: Any, stream: Stream, count: int) -> Tensor:
    """Normals through the Cholesky factor."""
    x: Tensor = stream.normal(count, *d.event_shape) @ d.scale_tril.mT
    return x.add_(d.loc)


def loc_score_of_multivariate_normal(d: Any, x: Tensor) -> Tensor:
    """y = covariance⁻¹ (x - loc)."""
    y: Tensor = (x - d.loc).matmul(d.precision_matrix)
    return y


def covariance_score_of_multivariate_normal(d: Any, x: Tensor) -> Tensor:
    """(y yᵀ - covariance⁻¹)/2: with respect to a matrix whose entries are all free, as autograd has it."""
    score: Tensor = (_outer(loc_score_of_multivariate_normal(d, x)) - d.precision_matrix) / 2
    return score


def precision_score_of_multivariate_normal(d: Any, x: Tensor) -> Tensor:
    """(covariance - (x - loc) (x - loc)ᵀ)/2, all entries free."""
    score: Tensor = (d.covariance_matrix - _outer(x - d.loc)) / 2
    return score


def scale_tril_score_of_multivariate_normal(d: Any, x: Tensor) -> Tensor:
    """The lower triangle of y wᵀ, w = scale_tril⁻¹ (x - loc), less one over the diagonal."""
    y = loc_score_of_multivariate_normal(d, x)
    # scale_trilᵀ covariance⁻¹ is scale_tril⁻¹: a product of what is there, and no triangular solve
    w = y.matmul(d.scale_tril)
    score: Tensor = (y.unsqueeze(-1) * w.unsqueeze(-2)).tril() - (1 / d.scale_tril.diagonal()).diag()
    return score


def _outer(y: Tensor) -> Tensor:
    return y.unsqueeze(-1) * y.unsqueeze(-2)


MULTIVARIATE_NORMAL = Family(
    name="MultivariateNormal",
    summary="A normal vector; its covariance, precision or Cholesky factor is given.",
    kind="continuous",
    parameters=(Parameter("loc", REAL_VECTOR), *COVARIANCE),
    alternatives=COVARIANCES,
    rules=tuple(_same_size(name) for name in COVARIANCES),
    support_text="real vectors",
    support=_real_vectors,
    event_shape=_like_loc,
    examples=(
        "MultivariateNormal(loc=[0, 0], covariance_matrix=[[1, 0.5], [0.5, 1]])",
        "MultivariateNormal(loc=[1, -1, 0], precision_matrix=[[2, 0, 0], [0, 1, 0], [0, 0, 3]])",
        "MultivariateNormal(loc=[1, 2], scale_tril=[[1, 0], [0.5, 2]])",
    ),
    draw=draw_multivariate_normal,
    scores={
        "loc": loc_score_of_multivariate_normal,
        "covariance_matrix": covariance_score_of_multivariate_normal,
        "precision_matrix": precision_score_of_multivariate_normal,
        "scale_tril": scale_tril_score_of_multivariate_normal,
    },
)


def draw_low_rank_multivariate_normal(d: Any, stream: Stream, count: int) -> Tensor:
    """Few common factors and noise of its own for each coordinate."""
    common = stream.normal(count, d.cov_factor.shape[-1]) @ d.cov_factor.mT
    return stream.normal(count, *d.event_shape).mul_(d.cov_diag.sqrt()).add_(d.loc).add_(common)


def factor_score_of_low_rank(d: Any, x: Tensor) -> Tensor:
    """(y yᵀ - covariance⁻¹) cov_factor, y = covariance⁻¹ (x - loc)."""
    y = loc_score_of_multivariate_normal(d, x)
    score: Tensor = y.unsqueeze(-1) * y.matmul(d.cov_factor).unsqueeze(-2) - d.precision_matrix @ d.cov_factor
    return score


def diagonal_score_of_low_rank(d: Any, x: Tensor) -> Tensor:
    """The diagonal of (y yᵀ - covariance⁻¹)/2."""
    score: Tensor = (loc_score_of_multivariate_normal(d, x).square_() - d.precision_matrix.diagonal()) / 2
    return score


LOW_RANK_MULTIVARIATE_NORMAL = Family(
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
    support=_real_vectors,
    event_shape=_like_loc,
    examples=("LowRankMultivariateNormal(loc=[0, 1], cov_factor=[[1], [0.5]], cov_diag=[1, 2])",),
    draw=draw_low_rank_multivariate_normal,
    scores={
        "loc": loc_score_of_multivariate_normal,
        "cov_factor": factor_score_of_low_rank,
        "cov_diag": diagonal_score_of_low_rank,
    },
)


def draw_dirichlet(d: Any, stream: Stream, count: int) -> Tensor:
    """Gammas over their sum, in logarithms."""
    # in logarithms: of small concentrations all gammas may underflow, and their sum with them
    return _into_simplex(stream.log_gamma(d.concentration, count, *d.event_shape))


DIRICHLET = Family(
    name="Dirichlet",
    summary="Dirichlet: a random point of the simplex.",
    kind="continuous",
    parameters=(Parameter("concentration", POSITIVE_VECTOR),),
    support_text="vectors >= 0 that sum to 1",
    support=lambda a: _simplex(len(a["concentration"])),
    event_shape=lambda a: (len(a["concentration"]),),
    space="simplex",
    examples=("Dirichlet(concentration=[1, 2, 3])", "Dirichlet(concentration=[0.5, 0.5])"),
    draw=draw_dirichlet,
    inside=in_torch_support,
)


def draw_logistic_normal(d: Any, stream: Stream, count: int) -> Tensor:
    """Stick-breaking of a normal vector, by torch's own transform."""
    normal = d.base_dist.base_dist
    x: Tensor = stream.normal(count, *normal.batch_shape).mul_(normal.scale).add_(normal.loc)
    for transform in d.transforms:
        x = transform(x)
    # a stick may underflow to 0, as in ``_into_simplex``
    return x.clamp_(min=float_info.min)


LOGISTIC_NORMAL = Family(
    name="LogisticNormal",
    summary="A normal vector sent to the simplex by stick-breaking; one coordinate more than loc.",
    kind="continuous",
    parameters=(Parameter("loc", REAL_VECTOR), Parameter("scale", POSITIVE_VECTOR)),
    rules=(_same_size("scale"),),
    support_text="vectors > 0 that sum to 1",
    support=lambda a: _simplex(len(a["loc"]) + 1),
    event_shape=lambda a: (len(a["loc"]) + 1,),
    space="simplex",
    examples=("LogisticNormal(loc=[0, 1], scale=[1, 0.5])",),
    draw=draw_logistic_normal,
    inside=in_torch_support,
)


def draw_relaxed_one_hot(d: Any, stream: Stream, count: int) -> Tensor:
    """The softmax of Gumbels about the logits, over the temperature."""
    gumbels = stream.exponential(count, *d.event_shape).log_().neg_()
    return _into_simplex(gumbels.add_(d.logits).div_(d.temperature))


def logits_score_of_relaxed_one_hot(d: Any, x: Tensor) -> Tensor:
    """1 - K softmax(logits - temperature log x), K the number of categories."""
    # softmax of logarithms: x^-temperature overflows near 0
    score: Tensor = 1 - (d.logits - d.temperature * x.log()).softmax(-1) * x.shape[-1]
    return score


def temperature_score_of_relaxed_one_hot(d: Any, x: Tensor) -> Tensor:
    """(K - 1)/temperature less the sum of score of logits times log x."""
    score: Tensor = (x.shape[-1] - 1) / d.temperature - (logits_score_of_relaxed_one_hot(d, x) * x.log()).sum(-1)
    return score


RELAXED_ONE_HOT_CATEGORICAL = Family(
    name="RelaxedOneHotCategorical",
    summary="Relaxed (concrete) categorical: a softmax of Gumbels at a temperature.",
    kind="continuous",
    parameters=(Parameter("temperature", POSITIVE), Parameter("probs", SIMPLEX), Parameter("logits", REAL_VECTOR)),
    alternatives=("probs", "logits"),
    support_text="vectors > 0 that sum to 1",
    support=lambda a: _simplex(len(a["probs"] if "probs" in a else a["logits"])),
    event_shape=lambda a: (len(a["probs"] if "probs" in a else a["logits"]),),
    space="simplex",
    examples=("RelaxedOneHotCategorical(temperature=0.7, probs=[0.2, 0.3, 0.5])",),
    draw=draw_relaxed_one_hot,
    scores={"temperature": temperature_score_of_relaxed_one_hot, "logits": logits_score_of_relaxed_one_hot},
    inside=in_torch_support,
)

FAMILIES = (
    DIRICHLET,
    LOGISTIC_NORMAL,
    LOW_RANK_MULTIVARIATE_NORMAL,
    MULTIVARIATE_NORMAL,
    RELAXED_ONE_HOT_CATEGORICAL,
)
