"""The level of an estimator on sequences: whether it takes a token's log_ratio or the sequence's, and how token values
become one number.

A term is a function of log-probabilities, and knows nothing of tokens. ``AtLevel`` is the same term on sequences: a
number for each, so that whatever takes terms on samples takes these. The words are verl's, which others use too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from klbench.derived.precision import Evaluated, term_of, with_term
from klbench.estimators.vocabulary import Aggregation, LevelName, level_called

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.estimators.term import LogProbs, Term


class TokenProbs(Protocol):
    """The log-probabilities of n sequences with N tokens in all. No padding: every token counts."""

    @property
    def sequences(self) -> LogProbs:
        """The log-probabilities of whole sequences, summed over tokens [n]."""

    @property
    def lengths(self) -> Tensor:
        """How many tokens each sequence has [n], float64."""

    def tokens(self, term: Evaluated) -> Tensor:
        """The term's value for every token [N]."""

    def total(self, values: Tensor) -> Tensor:
        """Values of tokens [N], added up for each sequence [n], in the order of its tokens."""

    def to_go(self, values: Tensor) -> Tensor:
        """Values of tokens [N] -> the sum of each and of all after it in its sequence [N]."""

    def spread(self, values: Tensor) -> Tensor:
        """Values of sequences [n], given to each of their tokens [N]."""


@dataclass(frozen=True)
class Level:
    """Where an estimator is applied, and how its token values become one number.

    Args:
        name: ``token`` or ``sequence``.
        aggregation: of token values; empty for a sequence's.
        norm: what ``seq-mean-token-sum-norm`` divides by.
    """

    name: LevelName = "token"
    aggregation: Aggregation | None = "seq-mean-token-sum"
    norm: float = 1.0

    @property
    def is_ratio_of_sums(self) -> bool:
        """Whether its mean is a ratio of two sums, over tokens and not over sequences."""
        return self.aggregation == "token-mean"

    @property
    def called(self) -> str:
        """``sequence``, ``token-mean``; empty for the token sum, which is the default."""
        return level_called(self.name, self.aggregation or "")

    def divided(self, sums: Tensor, lengths: Tensor) -> Tensor:
        """The sums of token values [n] as the aggregation divides them."""
        match self.aggregation:
            case "seq-mean-token-mean":
                return sums / lengths
            case "seq-mean-token-sum-norm":
                return sums / self.norm
            case _:
                return sums


@dataclass(frozen=True)
class AtLevel:
    """A term on sequences."""

    term: Evaluated
    level: Level

    def values(self, at: TokenProbs) -> Tensor:
        """The value for each sequence [n]; under token-mean its sum over tokens."""
        if self.level.name == "sequence":
            return of_sequences(self.term, at)
        return self.level.divided(at.total(self.of_tokens(at)), at.lengths)

    def of_tokens(self, at: TokenProbs) -> Tensor:
        """The value for each token [N], with the weight of its sequence where it has that."""
        bare, scope = _without_sequence_weight(self.term)
        values = at.tokens(bare)
        if scope is None or at.sequences.log_weight is None:
            return values
        return scope.weighed(values, at.spread(log_weight_of(scope.scope, at)))


@dataclass(frozen=True)
class Apart:
    """One term on sequences less another on the same sequences: a paired difference, whose error is its own.

    Args:
        one, other: at the same level, or at levels that make one number of a sequence.
    """

    one: AtLevel
    other: AtLevel

    @property
    def level(self) -> Level:
        """Of the first."""
        return self.one.level

    def values(self, at: TokenProbs) -> Tensor:
        """The difference for each sequence [n]; under token-mean of its sums over tokens."""
        return self.one.values(at) - self.other.values(at)

    def of_tokens(self, at: TokenProbs) -> Tensor:
        """The difference for each token [N]."""
        return self.one.of_tokens(at) - self.other.of_tokens(at)


def of_sequences(term: Evaluated, at: TokenProbs) -> Tensor:
    """The term of summed log-probabilities [n]; a geometric weight is the sequence's too."""
    bare, scope = _without_sequence_weight(term)
    values = bare.values(at.sequences)
    if scope is None or at.sequences.log_weight is None:
        return values
    return scope.weighed(values, log_weight_of(scope.scope, at))


def log_weight_of(scope: str, at: TokenProbs) -> Tensor:
    """log q/sampler of each sequence [n], 0 on samples of q; of its geometric mean over tokens where that is asked
    for."""
    whole = at.sequences.log_weight
    if whole is None:
        return at.lengths.new_zeros(at.lengths.shape)
    return whole / at.lengths if scope == "geometric" else whole


def _without_sequence_weight(evaluated: Evaluated) -> tuple[Evaluated, Term | None]:
    """The term without a weight that is its sequence's, and the term that has that weight; None if it has none."""
    term = term_of(evaluated)
    if not term.weighted or term.scope == "sample":
        return evaluated, None
    return with_term(evaluated, replace(term, weighted=False)), term
