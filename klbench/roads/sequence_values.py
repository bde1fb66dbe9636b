"""The exact moments of values on sequences, and what is true of them.

A value that is a sum over tokens has its mean and variance by dynamic programming, at any length. What is not, such as
an estimator of the whole log_ratio, is enumerated where there are few enough sequences; where it is a sum of powers and
exponentials of log_ratio, it follows from the laws of log_ratio along the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, isfinite, nan, sqrt

import torch
from torch import Tensor

from klbench.derived.level import AtLevel, Level
from klbench.derived.precision import Evaluated, term_of
from klbench.estimators.divergence import REVERSE_KL, Divergence
from klbench.estimators.term import LogProbs, Term
from klbench.problems.sequences import SequencePair, WalkProbs
from klbench.roads.chain import Chain, expected_length, visits
from klbench.roads.chain_lengths import moments_by_length
from klbench.roads.chain_sums import mean_of_sums, token_moments, variance_of_sums
from klbench.roads.chain_tilts import exact_of_sequences as exact_of_laws
from klbench.roads.exact_moments import Exact
from klbench.roads.growth import growth
from klbench.roads.sequence_chain import CHAIN, FEW_PATHS, PATHS, chain_of, has_whole_weight, unseen_mass
from klbench.tolerances import CONSTANT_ROUNDING, LOG_DENSITY_ROUNDING

MOST_STEPS = 2**25
"""Of cells times tokens: the laws of log_ratio along a chain take some 0.1 microseconds each, of every power."""
_LINEAR, _RATIO = (1, 0.0), (0, 1.0)


def exact_of_sequences(pair: SequencePair, measured: AtLevel) -> Exact | None:
    """The exact moments of a value on sequences of what is drawn; None where there is no exact method."""
    measured = _as_drawn(pair, measured)
    if pair.count_of_paths <= FEW_PATHS:
        return _by_paths(pair, measured)
    if is_sum_over_tokens(measured):
        return _by_chain(pair, measured)
    if pair.count_of_paths < inf:
        return _by_paths(pair, measured)
    if pair.sampler is not None and has_whole_weight(term_of(measured.term), measured.level):
        return _mean_on_q(pair, measured)
    return _by_laws(pair, measured) if measured.level.name == "sequence" else None


def _as_drawn(pair: SequencePair, measured: AtLevel) -> AtLevel:
    """The same without a weight that is 1, as every weight is on samples of q."""
    term = measured.term
    assert isinstance(term, Term)
    if pair.sampler is not None or not term.weighted:
        return measured
    return replace(measured, term=replace(term, weighted=False, normalised=False, scope="sample"))


def _mean_on_q(pair: SequencePair, measured: AtLevel) -> Exact | None:
    """The mean alone: with its weight it is what it is on samples of q, where the sampler has all of q's."""
    assert isinstance(measured.term, Term)
    if unseen_mass(pair)[1] or measured.level.is_ratio_of_sums:
        return None
    plain = replace(measured, term=replace(measured.term, weighted=False, scope="sample"))
    known = exact_of_sequences(pair.on_policy, plain)
    return None if known is None else replace(known, stdev=nan, kurtosis=nan)


def _by_laws(pair: SequencePair, measured: AtLevel) -> Exact | None:
    """Of a sum of powers and exponentials of the whole log_ratio, on sequences of q; of log_ratio itself, which is the
    sum of the tokens', on any."""
    term = measured.term
    assert isinstance(term, Term)
    if term.expansion is None or term.weighted:
        return None
    kinds = {(power, rate) for _, power, rate in term.expansion}
    if kinds == {_LINEAR}:
        return _by_chain(pair, AtLevel(term, Level()))
    if pair.sampler is not None:
        return None
    steps = pair.joint.length * pair.joint.log_q.numel()
    if steps <= MOST_STEPS:
        known = exact_of_laws(chain_of(pair), pair.cells.log_ratio.view_as(pair.joint.log_q), term.expansion)
        return replace(known, road=CHAIN)
    return _mean_alone(pair, measured) if kinds == {_LINEAR, _RATIO} else None


def _mean_alone(pair: SequencePair, measured: AtLevel) -> Exact:
    """The mean of a · log_ratio + b (r − 1): r has the mean 1 less the mass of p that q never draws."""
    assert isinstance(measured.term, Term)
    assert measured.term.expansion is not None
    linear = sum(factor for factor, power, _ in measured.term.expansion if power == 1)
    ratio = sum(factor for factor, power, _ in measured.term.expansion if power == 0)
    known = _by_chain(pair, AtLevel(Term(lambda log_ratio: linear * log_ratio), Level()))
    mean = known.mean - ratio * unseen_mass(pair)[0]
    return Exact(mean, nan, nan, known.size, CHAIN, known.rounding)


def is_sum_over_tokens(measured: AtLevel) -> bool:
    """Whether it is a sum of values that each token has by itself."""
    term = measured.term
    assert isinstance(term, Term)
    return measured.level.name == "token" and not (term.weighted and term.scope != "sample")


def _by_chain(pair: SequencePair, measured: AtLevel) -> Exact:
    chain, values = chain_of(pair), _values(pair, measured.term)
    rounding, size = _means(chain, [_moved(pair, measured.term), values.abs()], measured.level)
    if size <= rounding:
        return Exact(0.0, 0.0, nan, 0.0, CHAIN, rounding)
    mean, variance, of_mean = _moments_along(chain, values, measured.level)
    if not isfinite(mean):
        return Exact(mean, inf, inf, size, CHAIN, rounding)
    # a constant: what is left is rounding, below 0 too
    constant = variance <= CONSTANT_ROUNDING * mean * (CONSTANT_ROUNDING * mean)
    return Exact(mean, 0.0 if constant else sqrt(variance), nan, size, CHAIN, rounding, of_mean)


def _moments_along(chain: Chain, values: Tensor, level: Level) -> tuple[float, float, float]:
    """(mean, variance, √n times the error of a mean of n) of token values [S, V] at a level."""
    match level.aggregation:
        case "seq-mean-token-mean":
            means, variances = moments_by_length(chain, values[None])
            return float(means), float(variances), nan
        case "token-mean":
            of_token = token_moments(chain, values)
            of_sum = float(variance_of_sums(chain, (values - of_token.mean)[None]))
            return of_token.mean, of_token.variance, sqrt(max(of_sum, 0.0)) / expected_length(chain)
        case _:
            mean, variance = (float(moment(chain, values[None])) for moment in (mean_of_sums, variance_of_sums))
            return mean / level.norm, variance / (level.norm * level.norm), nan


def _means(chain: Chain, tables: Sequence[Tensor], level: Level) -> list[float]:
    """The means of token values as a level makes one number of each."""
    stacked = torch.stack([*tables])
    if level.aggregation == "seq-mean-token-mean":
        return [float(mean) for mean in moments_by_length(chain, stacked)[0]]
    visited = visits(chain)
    norm = float(visited.sum()) if level.is_ratio_of_sums else level.norm
    return [float(mean) / norm for mean in mean_of_sums(chain, stacked, visited)]


def _by_paths(pair: SequencePair, measured: AtLevel) -> Exact:
    at, probs = pair.log_probs(pair.paths.walks), pair.paths.probs
    if measured.level.is_ratio_of_sums:
        return _ratio_by_paths(pair, at, measured, probs)
    rounding = _rounding_of_paths(pair, at, measured, probs)
    return moments_of(measured.values(at), probs, rounding)


def moments_of(values: Tensor, probs: Tensor, rounding: float) -> Exact:
    """The moments of values [n] of these probabilities [n]."""
    values = values.masked_fill(probs == 0, 0.0)
    mean, size = float(probs @ values), float(probs @ values.abs())
    if size <= rounding:
        return Exact(0.0, 0.0, nan, 0.0, PATHS, rounding)
    if not isfinite(mean):
        return Exact(mean, inf, inf, size, PATHS, rounding)
    squares = (values - mean).square()
    variance = float(probs @ squares)
    if sqrt(variance) <= CONSTANT_ROUNDING * abs(mean):
        return Exact(mean, 0.0, nan, size, PATHS, rounding)
    kurtosis = float(probs @ (squares / variance).square())
    return Exact(mean, sqrt(variance), kurtosis, size, PATHS, rounding)


def _ratio_by_paths(pair: SequencePair, at: WalkProbs, measured: AtLevel, probs: Tensor) -> Exact:
    tokens = measured.of_tokens(at)
    length = float(probs @ at.lengths)

    def mean_over_tokens(values: Tensor) -> float:
        return float(probs @ at.total(values)) / length

    rounding = mean_over_tokens(_moved(pair, measured.term).flatten()[at.walks.cells])
    mean, size = mean_over_tokens(tokens), mean_over_tokens(tokens.abs())
    if size <= rounding:
        return Exact(0.0, 0.0, nan, 0.0, PATHS, rounding)
    if not isfinite(mean):
        return Exact(mean, inf, inf, size, PATHS, rounding)
    off = tokens - mean
    stdev = sqrt(mean_over_tokens(off * off))
    of_mean = sqrt(float(probs @ at.total(off).square())) / length
    return Exact(mean, 0.0 if stdev <= CONSTANT_ROUNDING * abs(mean) else stdev, nan, size, PATHS, rounding, of_mean)


def _rounding_of_paths(pair: SequencePair, at: WalkProbs, measured: AtLevel, probs: Tensor) -> float:
    """How far rounding of log-probabilities may have moved the mean over paths."""
    if measured.level.name == "token":
        moved = at.total(_moved(pair, measured.term).flatten()[at.walks.cells])
        return float(probs @ measured.level.divided(moved, at.lengths))
    log_q, log_p, _ = at.sequences.three
    error = LOG_DENSITY_ROUNDING * (_finite(log_q).abs() + _finite(log_p).abs())
    return float(probs @ _change(measured.term, at.sequences, error))


def _moved(pair: SequencePair, term: Evaluated) -> Tensor:
    """How far rounding of log-probabilities may move a term at every cell [S, V]."""
    error = LOG_DENSITY_ROUNDING * (_finite(pair.joint.log_q).abs() + _finite(pair.joint.log_p).abs())
    return _change(term, pair.cells, error.flatten()).view_as(pair.joint.log_q)


def _change(term: Evaluated, at: LogProbs, error: Tensor) -> Tensor:
    if not isinstance(term, Term) or term.looks_at == "absolute" or term.whole is not None:
        return torch.zeros_like(error)
    plain = replace(term, weighted=False)
    up, down = (plain.values(LogProbs(at.log_ratio + sign * error, at.log_weight)) for sign in (1, -1))
    change = (up - down).abs() / 2
    if term.weighted and at.log_weight is not None:
        change = term.weighed(change, at.log_weight)
    return change.nan_to_num(0.0, posinf=0.0)


def _finite(log_probs: Tensor) -> Tensor:
    return log_probs.nan_to_num(0.0, neginf=0.0)


def _values(pair: SequencePair, term: Evaluated) -> Tensor:
    """The term's value for every token in every state [S, V]."""
    return pair.table(term).view_as(pair.joint.log_q)


def true_of_sequences(pair: SequencePair, target: Divergence, level: Level) -> tuple[float, str]:
    """(the divergence, the road) of sequences of q as a level makes one number of it; NaN where there is no road.

    Of tokens it is that of the next token's two distributions, at every prefix that q visits; of the reverse KL their
    sum is the KL of whole sequences.
    """
    if level.name == "sequence" and target != REVERSE_KL:
        return _of_whole(pair, target)
    at_prefix = of_next_token(pair, target)[:, None].expand(pair.joint.log_q.shape)
    chain = chain_of(pair)
    value, rounding = _means(chain, [at_prefix, _moved(pair, target.term)], level)
    return (0.0 if abs(value) <= rounding else value), CHAIN


def of_next_token(pair: SequencePair, target: Divergence) -> Tensor:
    """The divergence between the two distributions of the next token, in every state [S]."""
    q, p = pair.joint.log_q.exp(), pair.joint.log_p.exp()
    unseen = torch.where(q == 0, p, 0.0).sum(1)
    # never negative, and with its digits where q is near p; but only where q shows all of p
    seen = [_row_means(q, pair, term) for term in (target.term_with_control_variate, target.term)]
    value = torch.where(unseen == 0, seen[0], seen[1])
    rate = growth(target.generator).right.limit_of_ratio_to_exp
    return value + torch.where(unseen > 0, rate * unseen, 0.0) if rate != inf else value.masked_fill(unseen > 0, inf)


def _row_means(q: Tensor, pair: SequencePair, term: Term) -> Tensor:
    return (q * _values(pair, term).masked_fill(q == 0, 0.0)).sum(1)


def _of_whole(pair: SequencePair, target: Divergence) -> tuple[float, str]:
    """A divergence of whole sequences that is not the sum of the tokens'."""
    unseen = unseen_mass(pair)[0]
    term = target.term_with_control_variate if unseen == 0 else target.term
    known = exact_of_sequences(pair, AtLevel(term, Level("sequence", None)))
    if known is None:
        return nan, ""
    rate = growth(target.generator).right.limit_of_ratio_to_exp
    return known.mean + (rate * unseen if unseen else 0.0), known.road
