"""The gradient of an estimator on one sequence, as a weight for each token: Σ_t weight_t · score_t.

At level token the loss weighs a token's score with its own coefficient, and the reward every score with the value of
the whole sequence; at level sequence both weigh every score alike. A weight that is the sequence's, q/sampler of all
its tokens, depends on every token: where it is differentiated it adds its value, times the sequence's, to every score.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from klbench.derived.coefficient import coefficient
from klbench.derived.level import AtLevel, Level, log_weight_of
from klbench.derived.precision import Evaluated, in_precision
from klbench.estimators.estimator import SCOPE_OF
from klbench.estimators.term import Term, one, weigh

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.derived.level import TokenProbs
    from klbench.estimators.term import Scope
    from klbench.estimators.vocabulary import Placement, Weighting

SCOPES = {weighting: scope for weighting, scope in SCOPE_OF.items() if scope != "sample"}
"""The weightings by a weight that is the sequence's."""


@dataclass(frozen=True)
class TokenWeights:
    """The weight of each token's score.

    Args:
        term: the estimator.
        placement, weighting: where and how it is put.
        level: how it takes sequences.
        dtype: the precision of its arithmetic.
        mean_length: of sequences as they are drawn; token-mean divides by it.
        to_go: whether a token's score is weighed, in the reward, by what its sequence has from it on.
        clip: the largest importance weight.
    """

    term: Term
    placement: Placement
    weighting: Weighting
    level: Level
    dtype: str
    mean_length: float
    to_go: bool = False
    clip: float = inf

    def values(self, at: TokenProbs) -> Tensor:
        """The weight of every token [N]."""
        scope = SCOPES.get(self.weighting)
        if scope is None:
            return self._plain(at, self._coefficient(self.weighting))
        if scope == "sequence" and self.level.name == "sequence":
            return self._plain(at, self._coefficient("ratio"))
        return self._by_sequence(at, scope)

    def of_prefixes(self, at: TokenProbs) -> Tensor | None:
        """The weight of what each token's prefix has of the gradient [N]; None where a prefix has none of its own."""
        if self.term.whole is None or self.placement == "reward":
            return None
        lengths, scope = at.spread(at.lengths), SCOPES.get(self.weighting)
        shares = self._divided(lengths.new_ones(lengths.shape), lengths)
        if self.weighting == "none":
            return shares
        if scope is None:
            return shares * at.tokens(Term(one, weighted=True, clip=self.clip))
        return weigh(shares, at.spread(log_weight_of(scope, at)), self.clip)

    def _coefficient(self, weighting: Weighting) -> Evaluated:
        return in_precision(coefficient(self.term, self.placement, weighting, self.clip), self.dtype)

    def _plain(self, at: TokenProbs, factor: Evaluated) -> Tensor:
        if self.level.name == "token" and (self.placement == "loss" or self.to_go):
            tokens = at.tokens(factor)
            tokens = at.to_go(tokens) if self.to_go else tokens
            return self._divided(tokens, at.spread(at.lengths))
        return at.spread(self._of_sequences(at, factor))

    def _of_sequences(self, at: TokenProbs, evaluated: Evaluated) -> Tensor:
        """A number of each sequence [n]: of its summed log_ratio, or of its tokens, aggregated."""
        if self.level.name == "sequence":
            return AtLevel(evaluated, self.level).values(at)
        return self._divided(at.total(at.tokens(evaluated)), at.lengths)

    def _divided(self, values: Tensor, lengths: Tensor) -> Tensor:
        if self.level.is_ratio_of_sums:
            return values / self.mean_length
        return self.level.divided(values, lengths)

    def _by_sequence(self, at: TokenProbs, scope: Scope) -> Tensor:
        """With the weight of a token's sequence, differentiated in the loss."""
        # on samples of q the weight is 1, and its gradient the score
        log_weight = log_weight_of(scope, at)
        # of whole distributions the weight brings the value, and the slopes alone are left
        factor = self._plain(at, self._coefficient(self.weighting if self.term.whole else "none"))
        if self.placement == "reward":
            return weigh(factor, at.spread(log_weight), self.clip)
        value = self._of_sequences(at, in_precision(replace(self.term, weighted=False), self.dtype))
        value = value / at.lengths if scope == "geometric" else value
        # a weight that is cut off is a constant
        moving = value.masked_fill(log_weight.exp() > self.clip, 0.0)
        return weigh(factor + at.spread(moving), at.spread(log_weight), self.clip)


@dataclass(frozen=True)
class RoundingOfWeights:
    """What rounding to its precision adds to the weights of tokens."""

    rounded: TokenWeights

    def values(self, at: TokenProbs) -> Tensor:
        """The change for every token [N]."""
        return self.rounded.values(at) - replace(self.rounded, dtype="float64").values(at)

    def of_prefixes(self, at: TokenProbs) -> Tensor | None:  # noqa: ARG002
        """None: the gradient of whole distributions is taken in float64."""
        return None


MeasuredWeights = TokenWeights | RoundingOfWeights
