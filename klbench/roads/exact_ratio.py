"""The exact mean and noise of a self-normalised estimator: as of infinitely many samples.

Its mean is that of the weighted value over that of the weight. Its noise is that of a unit's part in the ratio,
w (k − mean) over the mean weight: a value like any other where it is one of a draw, or a sum over tokens. Where
sequences are listed it follows from the same features as on samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, isfinite, nan, sqrt
from typing import TYPE_CHECKING

import torch

from klbench.derived.level import AtLevel, Level
from klbench.derived.self_normalised import SelfNormalised
from klbench.estimators.term import Function, Joint, OfRows, Term, one
from klbench.problems.sequences import SequencePair
from klbench.roads.chain import expected_length
from klbench.roads.chain_sums import token_moments, variance_of_sums
from klbench.roads.exact_moments import Exact
from klbench.roads.sequence_chain import CHAIN, FEW_PATHS, PATHS, chain_of, has_whole_weight, unseen_mass
from klbench.stats.ratio import with_variance
from klbench.tolerances import CONSTANT_ROUNDING

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.derived.measured import Measured
    from klbench.problems.problem import Problem

Road = Callable[["Problem", "Measured"], Exact | None]
"""The exact moments of what is a mean over samples."""


def exact_of_ratio(problem: Problem, measured: SelfNormalised, exact: Road) -> Exact | None:
    """The exact moments of a self-normalised term; None without an exact method."""
    if isinstance(problem, SequencePair) and _are_listed(problem, measured):
        return _by_paths(problem, measured)
    if isinstance(problem, SequencePair) and (
        problem.sampler is None or has_whole_weight(measured.weighting, measured.level)
    ):
        return _as_on_q(problem, measured, exact)
    term, level = measured.weighting, measured.level
    weighted = replace(term, normalised=False)
    value = exact(problem, weighted if level is None else AtLevel(weighted, level))
    weight = _mean_weight(problem, measured, exact)
    if value is None or not weight > 0:
        return None
    known = replace(
        value, mean=value.mean / weight, size=value.size / weight, rounding=value.rounding / weight, kurtosis=nan
    )
    if not isfinite(known.mean):
        return replace(known, stdev=inf)
    if isinstance(problem, SequencePair):
        return _with_noise_along(problem, measured, known, weight)
    part = exact(problem, _less(weighted, known.mean))
    return replace(known, stdev=part.stdev / weight, kurtosis=part.kurtosis) if part else replace(known, stdev=nan)


def _are_listed(pair: SequencePair, measured: SelfNormalised) -> bool:
    few = pair.count_of_paths <= FEW_PATHS
    return few or (pair.count_of_paths < inf and not _is_along_chain(measured))


def _is_along_chain(measured: SelfNormalised) -> bool:
    """Whether a unit's part in the ratio is a sum of what each token has by itself."""
    return measured.weighting.scope == "sample" and measured.over in ("sums", "tokens")


def _as_on_q(pair: SequencePair, measured: SelfNormalised, exact: Road) -> Exact | None:
    """What it is on samples of q, where every weight is 1; the mean alone where a sampler has all of q's."""
    plain = replace(measured.weighting, weighted=False, normalised=False, scope="sample")
    assert measured.level is not None
    known = None if unseen_mass(pair)[1] else exact(pair.on_policy, AtLevel(plain, measured.level))
    if known is None or pair.sampler is None:
        return known
    return replace(known, stdev=nan, kurtosis=nan, of_mean=nan)


def _mean_weight(problem: Problem, measured: SelfNormalised, exact: Road) -> float:
    """The mean weight, NaN where it is not known."""
    term = Term(one, weighted=True, scope=measured.weighting.scope, clip=measured.weighting.clip)
    if measured.level is None:
        known = exact(problem, term)
    elif _is_along_chain(measured):
        known = exact(problem, AtLevel(term, Level("token", "token-mean")))
    elif measured.over == "tokens":
        return nan
    elif measured.weighting.scope == "sample" and measured.level.name == "token":
        known = exact(problem, AtLevel(term, measured.level))
    else:
        known = exact(problem, AtLevel(term, Level("sequence", None)))
    return nan if known is None else known.mean


def _with_noise_along(pair: SequencePair, measured: SelfNormalised, known: Exact, weight: float) -> Exact:
    """Of sequences that are not listed: by dynamic programming, where a unit's part is a sum over tokens."""
    if not _is_along_chain(measured):
        return replace(known, stdev=nan)
    assert measured.level is not None
    chain, shape = chain_of(pair), pair.joint.log_q.shape
    length, norm = expected_length(chain), measured.level.norm
    of_token = known.mean if measured.over == "tokens" else known.mean * norm / length
    part = pair.table(_less(replace(measured.weighting, normalised=False), of_token)).view(shape) / weight
    if measured.over == "tokens":
        of_mean = sqrt(max(float(variance_of_sums(chain, part[None])), 0.0)) / length
        stdev = sqrt(max(token_moments(chain, part).variance, 0.0))
        return replace(known, stdev=_unless_constant(stdev, known.mean), of_mean=of_mean, road=CHAIN)
    # a longer sequence moves the mean length too
    variance = float(variance_of_sums(chain, ((part + of_token) / norm)[None]))
    return replace(known, stdev=_unless_constant(sqrt(max(variance, 0.0)), known.mean), road=CHAIN)


def _by_paths(pair: SequencePair, measured: SelfNormalised) -> Exact:
    at, probs = pair.log_probs(pair.paths.walks), pair.paths.probs

    def means(centre: float) -> tuple[Tensor, Tensor]:
        features = torch.where(probs[:, None] > 0, measured.features(at, centre), 0.0)
        return probs @ features, features.T @ (probs[:, None] * features)

    first = means(0.0)[0]
    centre = float(first[0] / first[1])
    if not isfinite(centre):
        return Exact(float(measured.mean(first, 0.0)), inf if centre in (inf, -inf) else nan, nan, inf, PATHS)
    # about the mean itself nothing cancels
    at_mean, second = means(centre)
    estimate, variance = with_variance(lambda m: measured.mean(m, centre), at_mean, second)
    noise = sqrt(max(float(measured.variance(at_mean, centre)), 0.0))
    size = abs(estimate) + noise
    of_mean = sqrt(variance) if measured.over == "tokens" else nan
    kurtosis = nan
    if measured.over == "units" and second[0, 0] > 0:
        fourth = float(second[_SQUARE, _SQUARE])
        kurtosis = fourth / float(second[0, 0]) ** 2
    return Exact(estimate, _unless_constant(noise, estimate), kurtosis, size, PATHS, of_mean=of_mean)


_SQUARE = 3
"""Where the square of a unit's weighted value stands among its features, if the mean is over units."""


def _unless_constant(stdev: float, mean: float) -> float:
    return 0.0 if stdev <= CONSTANT_ROUNDING * abs(mean) else stdev


def _less(term: Term, mean: float) -> Term:
    """The term less a constant, before its weight."""
    joint = None if term.joint is None else _joint_less(term.joint, mean)
    whole = None if term.whole is None else _RowsLess(term.whole, mean)
    return replace(term, function=_function_less(term.function, mean), joint=joint, whole=whole, expansion=None)


def _function_less(function: Function, mean: float) -> Function:
    return lambda log_ratio: function(log_ratio) - mean


def _joint_less(joint: Joint, mean: float) -> Joint:
    return lambda log_q, log_p, log_sampler: joint(log_q, log_p, log_sampler) - mean


@dataclass(frozen=True)
class _RowsLess:
    whole: OfRows
    mean: float

    def values(self, log_q: Tensor, log_p: Tensor) -> Tensor:
        return self.whole.values(log_q, log_p) - self.mean
