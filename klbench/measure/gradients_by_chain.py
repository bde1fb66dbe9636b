"""The gradient of a sequence by dynamic programming: its exact mean and noise where sequences are too many to list.

A token's coefficient times its own score, a sum over tokens times the score of the whole sequence, and a return are
sums along a chain, and so is what is made of these. A weight that is the sequence's is a product over tokens: with it
an expectation is a sum along a chain of other weights.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf, nan

import torch
from torch import Tensor

from klbench.derived.coefficient import coefficient
from klbench.derived.level import Level
from klbench.derived.token_weights import SCOPES, TokenWeights
from klbench.estimators.term import LogProbs, Term, weigh
from klbench.estimators.whole import Whole
from klbench.problems.sequence_score import SequenceScore
from klbench.problems.sequences import SequencePair
from klbench.roads.chain import Chain, visits
from klbench.roads.chain_gradient_moments import Rows, TokenSums, moments_of_gradient, work_of
from klbench.roads.chain_gradients import mean_token_gradient, mean_whole_gradient
from klbench.roads.chain_sums import reached
from klbench.roads.exact_vector import ExactVector
from klbench.roads.gradient_moments import GradientMoments
from klbench.roads.sequence_chain import CHAIN, chain_of, unseen_mass
from klbench.tolerances import EPSILON

MOST_WORK = 2.0**35
"""Of multiplications that the noise of one gradient may take: some seconds."""


@dataclass(frozen=True)
class _Made:
    """What a sequence's gradient is made of.

    Args:
        coefficients: of each token's own score [S, V]; None for none.
        prefixes: whose gradient each prefix has, and the weight of that by token [S, V]; None for none.
        value: of each token [S, V], for the score of the sequence or, ``to_go``, for the scores up to the token.
        exponent: of the sequence's q/sampler, which multiplies all of it.
        times: a constant that does so too.
    """

    coefficients: Tensor | None = None
    prefixes: tuple[Whole, Tensor] | None = None
    value: Tensor | None = None
    to_go: bool = False
    exponent: float = 0.0
    times: float = 1.0

    @property
    def key(self) -> Hashable:
        """What tells its moments, but for ``times``: k1 in the reward, and k2 of sequences in the loss, are one."""
        whole, weight = self.prefixes or (None, None)
        tables = (self.coefficients, weight, self.value)
        numbers = tuple(None if table is None else table.numpy().tobytes() for table in tables)
        return whole, numbers, self.to_go, self.exponent


@dataclass(frozen=True)
class GradientsByChain:
    """The gradients of one pair."""

    pair: SequencePair
    score: SequenceScore
    _known: dict[Hashable, GradientMoments | None] = field(default_factory=dict)

    def of(self, weights: TokenWeights, *, noise: bool = True) -> ExactVector | None:
        """The exact moments of a gradient; its noise is NaN where it is not asked for or out of reach. None where
        nothing is known of it."""
        made = self._made(weights)
        if made is None:
            return None
        by_length = weights.level.aggregation == "seq-mean-token-mean" and self.pair.joint_may_end
        known = None if by_length else self._mean(made)
        moments = self._moments(made, by_length) if noise or known is None else None
        scale = made.times / (1.0 if by_length else self._divisor(weights))
        return _scaled(known, moments, scale)

    def _divisor(self, weights: TokenWeights) -> float:
        return weights.mean_length if weights.level.is_ratio_of_sums else constant_of(self.pair, weights.level)

    def _made(self, weights: TokenWeights) -> _Made | None:
        """None where the gradient is no sum along a chain."""
        pair, scope = self.pair, SCOPES.get(weights.weighting)
        is_sequences = weights.weighting != "none" and (scope is not None or weights.level.name == "sequence")
        if scope == "geometric" and pair.joint_may_end and (pair.sampler is not None or weights.placement == "loss"):
            return None
        made = self._of_sequence(weights) if weights.level.name == "sequence" else self._of_tokens(weights)
        if made is None or not is_sequences or pair.sampler is None:
            return made
        # a weight that is cut off is no product over tokens
        return None if weights.clip < inf else replace(made, exponent=self._share(weights))

    def _share(self, weights: TokenWeights) -> float:
        """1, or 1 / the length where the weight is the geometric mean over tokens."""
        return 1 / self.pair.joint.length if SCOPES.get(weights.weighting) == "geometric" else 1.0

    def _of_tokens(self, weights: TokenWeights) -> _Made:
        term, scoped = weights.term, weights.weighting in SCOPES
        # of whole distributions the weight brings the value, and the slopes alone are left
        weighting = "none" if scoped and term.whole is None else weights.weighting
        table = self._table(coefficient(term, weights.placement, weighting, weights.clip))
        times = min(1.0, weights.clip) if scoped else 1.0
        if weights.placement == "reward":
            return _Made(value=table, to_go=weights.to_go, times=times)
        made = _Made(table, self._prefixes(weights), times=times)
        if not scoped or weights.clip < 1:
            return made
        # a weight of the sequence is differentiated: its gradient is the score of the sequence
        return replace(made, value=self._table(replace(term, weighted=False)) * self._share(weights))

    def _prefixes(self, weights: TokenWeights) -> tuple[Whole, Tensor] | None:
        whole, log_weight = weights.term.whole, self.pair.cells.log_weight
        if whole is None:
            return None
        assert isinstance(whole, Whole)
        ones = torch.ones_like(self._pi)
        if weights.weighting in ("none", *SCOPES) or log_weight is None:
            return whole, ones
        return whole, weigh(ones, log_weight.view_as(ones), weights.clip)

    def _of_sequence(self, weights: TokenWeights) -> _Made | None:
        """Of a value of the summed log_ratio: a sum over tokens if it is linear."""
        term, is_geometric = weights.term, SCOPES.get(weights.weighting) == "geometric"
        weighting = "none" if is_geometric else "ratio" if weights.weighting in SCOPES else weights.weighting
        line = self._line(coefficient(term, weights.placement, weighting, weights.clip))
        if line is not None and is_geometric and weights.placement == "loss" and weights.clip >= 1:
            line = line.plus(self._line(replace(term, weighted=False)), self._share(weights))
        if line is None:
            return None
        times = min(1.0, weights.clip) if is_geometric else 1.0
        log_ratio = self.pair.cells.log_ratio.view_as(self._pi)
        constant = torch.full_like(self._pi, line.constant) if line.constant else None
        return _Made(constant, value=line.slope * log_ratio if line.slope else None, times=times)

    def _line(self, term: Term) -> _Line | None:
        if term.whole is not None or (term.looks_at == "sampler" and self.pair.sampler is not None):
            return None
        return _Line.of(term)

    def _mean(self, made: _Made) -> tuple[Tensor, Tensor] | None:
        """(E g [J] at any length, how large the terms are that it is the sum of [J]: what cancels between them leaves
        rounding of this size); None where only the carried moments have it."""
        chain = self._chain_of_mean(made)
        mean, size = torch.zeros_like(self._pi), torch.zeros_like(self._pi)
        if chain is None:
            return None
        if made.coefficients is not None:
            mean = mean + mean_token_gradient(chain, self._pi, made.coefficients)
            size = size + self._size(chain, made.coefficients)
        if made.prefixes is not None:
            whole, weight = made.prefixes
            there = visits(chain) * chain.weighed(weight).sum(1)
            of_rows = reached(there[:, None], self.pair.row_gradients(whole))
            mean, size = mean + of_rows, size + of_rows.abs()
        if made.value is not None:
            # of a return too: on samples of q what has been drawn already has no part in a token's mean gradient
            mean = mean + mean_whole_gradient(chain, self._pi, made.value)
            size = size + self._size(chain, made.value, whole=True)
        return self.score.in_own_rows(mean), self.score.in_own_rows(size)

    def _size(self, chain: Chain, table: Tensor, *, whole: bool = False) -> Tensor:
        """How large the terms of a mean gradient are [S, V]; of a value times the score of the whole sequence too."""
        visited = visits(chain)
        own = reached(visited[:, None], chain.weighed(table.abs()))
        size = own + self._pi * own.sum(1, keepdim=True)
        return size + own.sum() * visited[:, None] * (chain.probs + self._pi) if whole else size

    def _chain_of_mean(self, made: _Made) -> Chain | None:
        if made.exponent == 1 and not unseen_mass(self.pair)[1]:
            return chain_of(self.pair.on_policy)
        is_of_q = self.pair.sampler is None
        return None if made.exponent or (made.to_go and not is_of_q) else chain_of(self.pair)

    def _moments(self, made: _Made, by_length: bool) -> GradientMoments | None:
        key = made.key, by_length
        if key not in self._known:
            self._known[key] = self._carried(made, by_length)
        return self._known[key]

    def _carried(self, made: _Made, by_length: bool) -> GradientMoments | None:
        rows, chain = Rows(self._pi, self.score.row_of, len(self.score.probs)), chain_of(self.pair)
        if work_of(chain, rows) * (2 if made.exponent else 1) > MOST_WORK:
            return None
        sums = TokenSums(self._own(made, rows), made.value, made.to_go)
        if not made.exponent:
            return moments_of_gradient(chain, rows, sums, by_length)
        first, second = (
            moments_of_gradient(self._tilted(power * made.exponent), rows, sums, by_length) for power in (1, 2)
        )
        return None if first is None or second is None else first.with_square(second.square)

    def _own(self, made: _Made, rows: Rows) -> Tensor | None:
        """What each token adds to the components of its row by itself [S, V, V]."""
        own = None if made.coefficients is None else made.coefficients[..., None] * rows.scores
        if made.prefixes is None:
            return own
        whole, weight = made.prefixes
        of_prefix = weight[..., None] * self.pair.row_gradients(whole)[:, None]
        return of_prefix if own is None else own + of_prefix

    def _tilted(self, exponent: float) -> Chain:
        """What is drawn, times (q/sampler)^exponent."""
        chain, log_weight = chain_of(self.pair), self.pair.cells.log_weight
        assert log_weight is not None
        probs = chain.probs * (exponent * log_weight.view_as(chain.probs)).exp()
        return replace(chain, probs=torch.where(chain.probs > 0, probs, 0.0))

    @cached_property
    def _pi(self) -> Tensor:
        return self.pair.joint.log_q.exp()

    def _table(self, term: Term) -> Tensor:
        return self.pair.table(term).view_as(self._pi)


@dataclass(frozen=True)
class _Line:
    """constant + slope · log_ratio."""

    constant: float
    slope: float

    @staticmethod
    def of(term: Term) -> _Line | None:
        """A term on samples of q as one; None where it is none."""
        probe = torch.tensor([0.0, 1.0, -1.5, -0.4, 0.7, 2.0], dtype=torch.float64)
        at = LogProbs(probe, None, lambda: (torch.zeros_like(probe), probe, torch.zeros_like(probe)))
        values = term.values(at)
        constant, slope = float(values[0]), float(values[1] - values[0])
        is_line = bool((values - constant - slope * probe).abs().max() <= 8 * EPSILON * (abs(constant) + abs(slope)))
        return _Line(constant, slope) if is_line else None

    def plus(self, other: _Line | None, times: float) -> _Line | None:
        """With a multiple of another."""
        if other is None:
            return None
        return _Line(self.constant + times * other.constant, self.slope + times * other.slope)


def constant_of(pair: SequencePair, level: Level) -> float:
    """The constant that an aggregation divides all sums by, 1 where it is none."""
    if level.aggregation == "seq-mean-token-mean" and not pair.joint_may_end:
        return float(pair.joint.length)
    return level.norm


def _scaled(known: tuple[Tensor, Tensor] | None, moments: GradientMoments | None, scale: float) -> ExactVector | None:
    """The moments of ``scale`` times a gradient; of a known mean [J] and size [J], if there are."""
    if moments is None:
        if known is None:
            return None
        mean, size = (scale * each for each in known)
        return ExactVector(mean, torch.full_like(mean, nan), nan, size, CHAIN)
    mean = moments.mean.flatten() if known is None else known[0]
    stdev, size = (scale * each.flatten().sqrt() for each in (moments.variance, moments.square))
    return ExactVector(scale * mean, stdev, nan, size, CHAIN)
