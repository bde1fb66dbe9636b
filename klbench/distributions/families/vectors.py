"""Families whose draws are vectors or matrices."""

from __future__ import annotations

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
from klbench.distributions.family import Arguments, Family, Parameter, Rule, Shape
from klbench.distributions.support import Space

PROBS_OR_LOGITS = ("probs", "logits")
CATEGORIES = (Parameter("probs", SIMPLEX), Parameter("logits", REAL_VECTOR))
COVARIANCES = ("covariance_matrix", "precision_matrix", "scale_tril")
COVARIANCE = (
    Parameter("covariance_matrix", POSITIVE_DEFINITE),
    Parameter("precision_matrix", POSITIVE_DEFINITE),
    Parameter("scale_tril", LOWER_CHOLESKY),
)


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
        examples=("Wishart(df=4, covariance_matrix=[[1, 0.2], [0.2, 2]])", "Wishart(df=3.5, scale_tril=[[1, 0], [0, 1]])"),
    ),
)
