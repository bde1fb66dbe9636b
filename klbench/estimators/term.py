"""A term: the pure function of log-probabilities behind an estimator, without its declarations. Roads evaluate it.

Most are functions of log_ratio alone, and a weight q/sampler multiplies them. Some need more: a weight inside a clamp,
the sampler itself, a ratio that is differentiated. Those are joint: functions of log q, log p and log sampler. Only
differences of these matter to most, so where x is evaluated exactly log q is taken as 0, log p as log_ratio and log
sampler as −log_weight: no digit of a small log_ratio is lost to subtraction. Functions that look at log q itself get
the log-probabilities as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor

Function = Callable[["Tensor"], "Tensor"]
"""log_ratio [n] -> a value for each sample [n], elementwise."""

Joint = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
"""(log_q, log_p, log_sampler), each [n] -> a value for each sample [n], elementwise.

Samples of q itself have log_sampler = log_q, detached: exp(log_q - log_sampler) is then 1 and its gradient the score.
"""

LooksAt = Literal["ratio", "sampler", "absolute"]

Scope = Literal["sample", "sequence", "geometric"]
"""Whose weight it is on sequences: a token's own, its sequence's, or the geometric mean over its sequence."""

Expansion = tuple[tuple[float, int, float], ...]
"""A function of L = log_ratio as a finite sum: (a, j, k) for a L^j e^(kL), and (a, 0, k) for a (e^(kL) − 1).

Every generator of a divergence is 0 at L = 0, so no constant is needed, and without one no digit is lost near 0.
"""


class OfRows(Protocol):
    """A function of whole distributions."""

    def values(self, log_q: Tensor, log_p: Tensor) -> Tensor:
        """(log_q, log_p) of every token at S prefixes [S, V] -> a value for each of these tokens [S, V]."""


@dataclass(frozen=True)
class LogProbs:
    """The log-probabilities of n samples.

    Args:
        log_ratio: log p(x) − log q(x) [n], nats.
        log_weight: log q(x) − log sampler(x) [n], or None where samples come from q.
        absolute: log q(x), log p(x) and log sampler(x), computed when asked for.
        rows: log q and log p of every token at each of S prefixes [S, V], where there are such.
        cell: prefix · V + token of every sample [n], computed when asked for; None where the samples are all cells, in
            order.
        known: functions of whole distributions that are known without these [n].
    """

    log_ratio: Tensor
    log_weight: Tensor | None = None
    absolute: Callable[[], tuple[Tensor, Tensor, Tensor]] | None = None
    rows: Callable[[], tuple[Tensor, Tensor]] | None = None
    cell: Callable[[], Tensor] | None = None
    known: Mapping[OfRows, Tensor] | None = None

    def looked_up(self, whole: OfRows, dtype: Any = None) -> Tensor:
        """A function of whole distributions at every sample [n], computed in ``dtype``."""
        if self.known is not None and whole in self.known:
            return self.known[whole]
        assert self.rows is not None, "whole distributions are asked for only where there are some"
        table = whole.values(*(row.to(dtype) if dtype else row for row in self.rows())).flatten()
        return table if self.cell is None else table[self.cell()]

    @cached_property
    def three(self) -> tuple[Tensor, Tensor, Tensor]:
        """(log_q, log_p, log_sampler) as they are."""
        assert self.absolute is not None
        return self.absolute()

    @property
    def differences(self) -> tuple[Tensor, Tensor, Tensor]:
        """(log_q, log_p, log_sampler) with log_q taken as 0."""
        nothing = self.log_ratio.new_zeros(self.log_ratio.shape)
        return nothing, self.log_ratio, nothing if self.log_weight is None else -self.log_weight


@dataclass(frozen=True)
class Term:
    """A function of log_ratio = log p(x) − log q(x), multiplied by q(x)/sampler(x) where ``weighted``.

    Args:
        function: of log_ratio.
        weighted: whether its value is multiplied by q/sampler.
        joint: the same as a function of all three log-probabilities, where there is more to it than log_ratio.
        looks_at: what the value depends on: ``ratio`` (log_ratio tells it), ``sampler`` (on samples of q it does), or
            ``absolute`` (log q and log p themselves).
        rounding: log_ratio -> an estimate of the rounding error of ``function``, where it cancels.
        expansion: ``function`` as a finite sum of powers and exponentials, where it is one; None where it is not.
        scope: whose weight it is, where it is weighted and x is a token of a sequence.
        clip: the largest weight; a larger one counts as this.
        normalised: whether the weights are divided by their mean over all samples, which no sample's value shows.
        whole: the same as a function of whole distributions, where it is one.
    """

    function: Function
    weighted: bool = False
    joint: Joint | None = None
    looks_at: LooksAt = "ratio"
    rounding: Function | None = None
    expansion: Expansion | None = None
    scope: Scope = "sample"
    clip: float = inf
    normalised: bool = False
    whole: OfRows | None = None

    def values(self, at: LogProbs) -> Tensor:
        """The value for each sample [n]."""
        values = self._unweighted(at)
        return self.weighed(values, at.log_weight) if self.weighted and at.log_weight is not None else values

    def weighed(self, values: Tensor, log_weight: Tensor) -> Tensor:
        """Values times their weights [n], as far as these are not cut off."""
        return weigh(values, log_weight, self.clip)

    def tells_by_ratio(self, at: LogProbs) -> bool:
        """Whether the value there is ``function`` of log_ratio, times the weight."""
        return self.looks_at == "ratio" or (self.looks_at == "sampler" and at.log_weight is None)

    def _unweighted(self, at: LogProbs) -> Tensor:
        if self.whole is not None:
            return at.looked_up(self.whole)
        if self.tells_by_ratio(at):
            return self.function(at.log_ratio)
        assert self.joint is not None
        return self.joint(*(at.three if self.looks_at == "absolute" else at.differences))

    @property
    def of_three(self) -> Joint:
        """The same, unweighted, as a function of (log_q, log_p, log_sampler)."""
        return self.joint or _lifted(self.function)


def one(log_ratio: Tensor) -> Tensor:
    """1 for every sample [n]: weighted, it is the weight."""
    return log_ratio.new_ones(log_ratio.shape)


def weigh(values: Tensor, log_weight: Tensor, clip: float = inf) -> Tensor:
    """values × min(q/sampler, clip) [n]; 0 for a sample q cannot produce, whatever the value there (log_ratio may be
    NaN)."""
    weight = log_weight.exp() if clip == inf else log_weight.exp().clamp(max=clip)
    # a weight of 0 times a value that is infinite or NaN is NaN
    return (weight * values).masked_fill(log_weight.isneginf(), 0.0)


def on_samples_of_q(joint: Joint) -> Function:
    """A joint function as it is on samples of q: a function of log_ratio."""

    def function(log_ratio: Tensor) -> Tensor:
        nothing = log_ratio.new_zeros(log_ratio.shape)
        return joint(nothing, log_ratio, nothing)

    return function


def _lifted(function: Function) -> Joint:
    return lambda log_q, log_p, _: function(log_p - log_q)


def plus(first: Expansion | None, second: Expansion | None, factor: float = 1.0) -> Expansion | None:
    """first + factor · second, None where either is no finite sum."""
    if first is None or second is None:
        return None
    return (*first, *((factor * coefficient, power, rate) for coefficient, power, rate in second))
