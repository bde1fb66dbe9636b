"""How the samples of two rows hang together, and the error of a difference that follows from it.

Blocks are numbered streams, decided by the seed and by q, p and sampler. So two rows of one seed, one case and one size
are of the same draws. Where one has more samples, and each draw takes its random numbers after those of the draw
before, its sample contains the other's. Then the covariance of two means is the variance of the larger one's:
Var(a - b) = e_small² - e_large². Errors go with 1/√n, so that this is e_large² (n_large/n_small - 1), and as well
e_small² (1 - n_small/n_large). Of these two the larger is taken: a rare draw may be in one sample alone, and the
difference of two squares that are almost equal may be anything.
"""

from __future__ import annotations

import re
from enum import StrEnum
from math import hypot, isfinite, nan, sqrt

from klbench.report.line import Line


class Draws(StrEnum):
    """How the samples of two rows hang together."""

    SAME = "the same draws"
    NESTED = "one sample contains the other"
    OVERLAPPING = "samples that overlap"
    INDEPENDENT = "independent draws"


ONE_AFTER_ANOTHER = frozenset(
    (
        *("Bernoulli", "Binomial", "Categorical", "Chi2", "ContinuousBernoulli", "Exponential", "Gamma"),
        *("GeneralizedPareto", "Geometric", "Gumbel", "HalfNormal", "LogNormal", "LogisticNormal"),
        *("LogitRelaxedBernoulli", "MultivariateNormal", "Normal", "OneHotCategorical"),
        *("OneHotCategoricalStraightThrough", "Pareto", "Poisson", "RelaxedBernoulli", "RelaxedOneHotCategorical"),
        *("Softmax", "Uniform", "VonMises", "Weibull", "Zipf"),
    )
)
"""The families of which the first n of more draws are the n draws, on the CPU. The others draw in several passes, as
do mixtures and sequences: of an unfinished block fewer draws are other ones."""
_DRAWN_FROM = re.compile(r"(?P<family>\w+)\(.*\)(\*\*\d+)?", re.DOTALL)


def draws_of(a: Line, b: Line, *, same_streams: bool = True) -> Draws:
    """How the samples of two matched rows hang together.

    ``same_streams``: whether both are of a klbench whose streams are the same. Of files of a run, and of checkpoints,
    which may be others under the same name, it is not known, and they count as independent.
    """
    same_case = (a.q, a.p, a.sampler) == (b.q, b.p, b.sampler)
    known = all("(" in line.q and "Model(" not in line.q + line.p + line.sampler for line in (a, b))
    same_seed = (a.row.seed, a.row.device) == (b.row.seed, b.row.device)
    if not (same_streams and same_case and known and same_seed):
        return Draws.INDEPENDENT
    if a.row.samples == b.row.samples:
        return Draws.SAME
    drawn_from = _DRAWN_FROM.fullmatch(a.sampler or a.q)
    nests = a.row.device == "cpu" and drawn_from is not None and drawn_from["family"] in ONE_AFTER_ANOTHER
    return Draws.NESTED if nests else Draws.OVERLAPPING


def error_of_difference(error_a: float, error_b: float, draws: Draws, samples_a: int = 1, samples_b: int = 1) -> float:
    """The standard error of b - a, NaN where one has none.

    Of the same draws it is that of independent ones: what differs there is no chance, and this says how much it is. Of
    samples that overlap it is so too, which is the most it can be.
    """
    if not (isfinite(error_a) and isfinite(error_b)):
        return nan
    if draws is not Draws.NESTED or not (samples_a and samples_b):
        return hypot(error_a, error_b)
    (few, small), (many, large) = sorted([(samples_a, error_a), (samples_b, error_b)])
    return max(large * sqrt(many / few - 1), small * sqrt(1 - few / many))
