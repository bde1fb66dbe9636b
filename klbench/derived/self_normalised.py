"""Importance weights divided by their mean over the same samples: Σ w k / Σ w, w = q/sampler.

What such an estimator's mean and noise are follows from means of features of each unit, a draw or a sequence. The
weights' mean is over tokens where it is a token's weight, or where the aggregation is over tokens; over sequences where
weight and value are a sequence's. The noise is that of one unit as it moves the ratio, w (k − mean) over the mean
weight: √n times the error of the mean of n.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch

from klbench.derived.level import Apart, AtLevel, Level, TokenProbs, log_weight_of, of_sequences
from klbench.derived.precision import Evaluated, term_of, with_term
from klbench.estimators.term import LogProbs, Term, one, weigh

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SelfNormalised:
    """A weighted term whose weights are divided by their mean.

    Args:
        term: weighted.
        level: how it takes sequences; None for single draws.
    """

    term: Evaluated
    level: Level | None = None
    of_units = False

    @property
    def weighting(self) -> Term:
        """The term that has the weight."""
        return term_of(self.term)

    @property
    def plain(self) -> Evaluated:
        """The term without its weight."""
        return with_term(self.term, replace(self.weighting, weighted=False, normalised=False))

    @property
    def over(self) -> Literal["units", "tokens", "sums"]:
        """What the weights' mean is over: draws or sequences, tokens, or tokens while the value is a sequence's sum."""
        if self.level is None or self.level.name == "sequence":
            return "units"
        if self.level.is_ratio_of_sums:
            return "tokens"
        # a mean over a sequence's tokens has their mean weight beside it
        return "sums" if self._is_of_tokens and self.level.aggregation != "seq-mean-token-mean" else "units"

    @property
    def width(self) -> int:
        """How many features there are."""
        return 10 if self.over == "sums" else 6

    @property
    def _is_of_tokens(self) -> bool:
        """Whether every token has a weight of its own."""
        return self.level is not None and self.level.name == "token" and self.weighting.scope == "sample"

    def values(self, at: LogProbs | TokenProbs) -> Tensor:
        """The value of each unit without its weight [n], of a token where it is a sum over tokens."""
        if isinstance(at, LogProbs):
            assert not isinstance(self.plain, AtLevel)
            return self.plain.values(at)
        if self.level is not None and self.over != "units":
            return at.total(at.tokens(self.plain)) / at.lengths
        return self._of_sequences(at)

    def features(self, at: LogProbs | TokenProbs, centre: float | Tensor) -> Tensor:
        """What each unit adds to the means that everything follows from [n, F], of values about a centre."""
        if self.over == "units":
            value, weight = self._units(at, centre)
            one = torch.ones_like(value)
            return torch.stack([value, weight, one, value * value, value * weight, weight * weight], 1)
        assert not isinstance(at, LogProbs)
        values, weights = self._tokens(at, centre)
        value, weight, length = at.total(values), at.total(weights), at.lengths
        if self.over == "tokens":
            squares = at.total(values * values), at.total(values * weights), at.total(weights * weights)
            return torch.stack([value, weight, length, *squares], 1)
        linear = (value, weight, length)
        products = (linear[i] * linear[j] for i in range(3) for j in range(i, 3))
        return torch.stack([value, weight, torch.ones_like(value), length, *products], 1)

    def measured(self, at: LogProbs | TokenProbs, centre: float) -> tuple[Tensor, Tensor]:
        """(the weighted values, the features about a centre)."""
        features = self.features(at, centre)
        return (self.weighed(at) if centre or self.over == "tokens" else features[:, 0]), features

    def weighed(self, at: LogProbs | TokenProbs) -> Tensor:
        """The weighted value of each unit, or token where the mean is over tokens: not divided by any mean."""
        if self.over == "tokens":
            assert not isinstance(at, LogProbs)
            return self._tokens(at, 0.0)[0]
        return self.features(at, 0.0)[:, 0]

    def mean(self, means: Tensor, centre: float) -> Tensor:
        """The estimate, from the means of the features [F]."""
        ratio = centre + means[0] / means[1]
        return ratio * means[3] / means[2] / self._norm if self.over == "sums" else ratio

    def variance(self, means: Tensor, centre: float) -> Tensor:
        """The variance of one unit, of a token where the mean is over tokens, from the means of the features [F]."""
        off = means[0] / means[1]
        if self.over != "sums":
            return (means[3] - 2 * off * means[4] + off * off * means[5]) * means[2] / means[1] ** 2
        slopes = torch.stack([means[3] / means[1], -off * means[3] / means[1], centre + off]) / self._norm
        linear = means[[0, 1, 3]] / means[2]
        return slopes @ (means[4:][_SYMMETRIC] / means[2] - torch.outer(linear, linear)) @ slopes

    @property
    def _norm(self) -> float:
        return self.level.norm if self.level else 1.0

    def _units(self, at: LogProbs | TokenProbs, centre: float | Tensor) -> tuple[Tensor, Tensor]:
        """The weighted value about the centre and the weight of each unit [n]."""
        if isinstance(at, LogProbs):
            values, log_weight = self.values(at), at.log_weight
            log_weight = torch.zeros_like(values) if log_weight is None else log_weight
        elif self._is_of_tokens:
            assert self.level is not None
            weighed, weights = self._tokens(at, centre)
            return self.level.divided(at.total(weighed), at.lengths), self.level.divided(at.total(weights), at.lengths)
        else:
            values, log_weight = self._of_sequences(at), self._log_weight(at)
        weights = weigh(torch.ones_like(values), log_weight, self.weighting.clip)
        return _times(weights, values - centre), weights

    def _tokens(self, at: TokenProbs, centre: float | Tensor) -> tuple[Tensor, Tensor]:
        """The same of each token [N]."""
        values = at.tokens(self.plain)
        if self._is_of_tokens:
            weights = at.tokens(Term(one, weighted=True, clip=self.weighting.clip))
        else:
            log_weight = self._log_weight(at)
            weights = at.spread(weigh(torch.ones_like(log_weight), log_weight, self.weighting.clip))
        return _times(weights, values - centre), weights

    def _of_sequences(self, at: TokenProbs) -> Tensor:
        assert self.level is not None
        return (
            of_sequences(self.plain, at)
            if self.level.name == "sequence"
            else AtLevel(self.plain, self.level).values(at)
        )

    def _log_weight(self, at: TokenProbs) -> Tensor:
        return log_weight_of(self.weighting.scope, at)


_SYMMETRIC = torch.tensor([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
"""Where the products of three features stand."""


def _times(weights: Tensor, values: Tensor) -> Tensor:
    """weights · values; 0 where the weight is 0, whatever the value there."""
    return torch.where(weights > 0, weights * values, 0.0)


@dataclass(frozen=True)
class Pooled:
    """A mean over all values of all units: over the tokens of sequences, Σ v / Σ L; over sequences that come in
    groups. A ratio too, where units have more values or fewer."""

    term: AtLevel | Apart | Evaluated

    @property
    def of_units(self) -> bool:
        """Whether the values are of sequences, whose variance is over n − 1 as that of samples is."""
        return not (isinstance(self.term, AtLevel | Apart) and self.term.level.is_ratio_of_sums)

    @property
    def width(self) -> int:
        """How many features there are."""
        return 3

    def features(self, at: LogProbs | TokenProbs, centre: float | Tensor) -> Tensor:
        """(Σ (v − c), Σ (v − c)², how many values) of every sequence [n, 3]."""
        return self.measured(at, centre)[1]

    def measured(self, at: LogProbs | TokenProbs, centre: float | Tensor) -> tuple[Tensor, Tensor]:
        """(the values, the features about a centre)."""
        values = self.weighed(at)
        return values, self._features(at, values - centre)

    def _features(self, at: LogProbs | TokenProbs, off: Tensor) -> Tensor:
        if not self.of_units:
            assert not isinstance(at, LogProbs)
            return torch.stack([at.total(off), at.total(off * off), at.lengths], 1)
        return torch.stack([off, off * off, torch.ones_like(off)], 1)

    def weighed(self, at: LogProbs | TokenProbs) -> Tensor:
        """The values, one for each token [N], sequence or draw [n]."""
        if isinstance(at, LogProbs):
            assert not isinstance(self.term, AtLevel | Apart)
            return self.term.values(at).double()
        assert isinstance(self.term, AtLevel | Apart)
        values = self.term.values(at) if self.of_units else self.term.of_tokens(at)
        return values.double()

    def mean(self, means: Tensor, centre: float) -> Tensor:
        """The mean, from the means of the features [3]."""
        return centre + means[0] / means[2]

    def variance(self, means: Tensor, centre: float) -> Tensor:  # noqa: ARG002
        """The variance of a value, every value counting alike, from the means of the features [3]."""
        return means[1] / means[2] - (means[0] / means[2]) ** 2


@dataclass(frozen=True)
class EffectiveShare:
    """The effective sample size of weights over their number, (Σ w)² / (n Σ w²): 1 where all are alike."""

    term: AtLevel
    of_units = False

    def features(self, at: TokenProbs, centre: float | Tensor) -> Tensor:  # noqa: ARG002
        """(Σ w, Σ w², how many weights) of every sequence [n, 3]."""
        return Pooled(self.term).features(at, 0.0)

    def measured(self, at: TokenProbs, centre: float) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """(the weights, one for each token [N] or sequence [n], and the features)."""
        return Pooled(self.term).measured(at, 0.0)

    def mean(self, means: Tensor, centre: float) -> Tensor:  # noqa: ARG002
        """The share, from the means of the features [3]."""
        return means[0] * means[0] / (means[1] * means[2])

    def variance(self, means: Tensor, centre: float) -> Tensor:
        """That of a weight, from the means of the features [3]."""
        return Pooled(self.term).variance(means, centre)


@dataclass(frozen=True)
class NoiseOver:
    """The noise of one mean over that of another on the same samples, from the features of both.

    Args:
        one, other: the means.
        centres: what their values are taken about.
    """

    one: Pooled | SelfNormalised
    other: Pooled | SelfNormalised
    centres: tuple[float, float] = (0.0, 0.0)
    of_units = False

    def features(self, at: LogProbs | TokenProbs, centre: float | Tensor) -> Tensor:  # noqa: ARG002
        """The features of both [n, F]."""
        return self.measured(at, 0.0)[1]

    def measured(self, at: LogProbs | TokenProbs, centre: float) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """(the values of the first, the features of both)."""
        values, features = self.one.measured(at, self.centres[0])
        return values, torch.cat([features, self.other.measured(at, self.centres[1])[1]], 1)

    def mean(self, means: Tensor, centre: float) -> Tensor:  # noqa: ARG002
        """The quotient of the standard deviations, from the means of the features [F]."""
        first, width = means[: self.one.width], self.one.width
        second = means[width : width + self.other.width]
        return (self.one.variance(first, self.centres[0]) / self.other.variance(second, self.centres[1])).sqrt()

    def variance(self, means: Tensor, centre: float) -> Tensor:  # noqa: ARG002
        """That of the first, from the means of the features [F]."""
        return self.one.variance(means[: self.one.width], self.centres[0])


Ratio = Pooled | SelfNormalised | EffectiveShare | NoiseOver
"""An estimate that is a ratio of sums over the samples: a smooth function of means of features."""
