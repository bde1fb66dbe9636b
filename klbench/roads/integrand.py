"""The integrand: every estimator of a case, evaluated on points x. The one thing all roads share.

Enumeration and quadrature weigh the points they choose, sampling draws them; what is evaluated there is this, so an exact
number and a measured one can differ only if a road is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from klbench.distributions.distribution import Distribution
from klbench.distributions.pair import log_ratio
from klbench.estimators.term import Term
from klbench.roads.growth import Growth, growth

_EPSILON = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Integrand:
    """K terms on samples of ``base``, which is q, or the sampler where there is one.

    Args:
        q, p: the pair.
        base: what x is distributed as.
        log_ratio: x [n, ...] -> log p(x) − log q(x) [n].
        log_weight: x -> log q(x) − log base(x) [n], or None where base is q.
        terms: the functions of log-probabilities, K of them.
        dtype: the precision they compute in; log-probabilities are float64, rounded to it.
    """

    q: Distribution
    p: Distribution
    base: Distribution
    log_ratio: Callable[[Tensor], Tensor]
    log_weight: Callable[[Tensor], Tensor] | None
    terms: tuple[Term, ...]
    dtype: torch.dtype = torch.float64

    @staticmethod
    def of(
        terms: tuple[Term, ...],
        q: Distribution,
        p: Distribution,
        sampler: Distribution | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> Integrand:
        """The integrand of a pair."""
        weight = log_ratio(sampler, q) if sampler else None
        return Integrand(q, p, sampler or q, log_ratio(q, p), weight, terms, dtype)

    def log_probabilities(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """(log_ratio [n], log_weight [n] or None) at x."""
        weight = self.log_weight(x).to(self.dtype) if self.log_weight else None
        return self.log_ratio(x).to(self.dtype), weight

    def values(self, x: Tensor) -> list[Tensor]:
        """Each term's value at each point: K tensors [n]."""
        ratio, weight = self.log_probabilities(x)
        return [term.values(ratio, weight) for term in self.terms]

    def values_and_log_sizes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(values [K, n], log |value| [K, n]), the latter also where the value itself overflows."""
        ratio, weight = self.log_probabilities(x)
        values = torch.stack([term.values(ratio, weight) for term in self.terms])
        sizes = torch.stack([self._log_size(index, ratio, weight) for index in range(len(self.terms))])
        return values, sizes

    def rounding(self, x: Tensor) -> Tensor:
        """An estimate of the rounding error of log |value| [K, n], from the size of the log-probabilities it is made of."""
        ratio, weight = self.log_probabilities(x)
        scale = self.q.log_prob(x).abs() + self.p.log_prob(x).abs()
        sensitivity = torch.stack([growth.rate(ratio).abs() for growth in self._growths]) + 1 / ratio.abs()
        return _EPSILON * (sensitivity * scale + (0.0 if weight is None else weight.abs()))

    def _log_size(self, index: int, ratio: Tensor, weight: Tensor | None) -> Tensor:
        size = self._growths[index].log_size(ratio)
        if not self.terms[index].weighted or weight is None:
            return size
        return torch.where(weight.isneginf(), weight, weight + size)

    @cached_property
    def _growths(self) -> list[Growth]:
        return [growth(term.function) for term in self.terms]
