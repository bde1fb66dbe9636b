"""The integrand: terms of a pair, evaluated on points x. The one thing all exact roads share.

Enumeration and quadrature weigh the points they choose; sampling evaluates the same terms on the same pair's
log-probabilities. So an exact number and a measured one can differ only if a road is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, log

import torch
from torch import Tensor

from klbench.derived.precision import Evaluated
from klbench.distributions.distribution import Distribution
from klbench.estimators.term import Term
from klbench.problems.pair import Pair
from klbench.roads.growth import Growth, growth
from klbench.roads.points import ORDERS
from klbench.tolerances import EPSILON, LOG_LARGEST, LOG_SMALLEST, NEGLIGIBLE


@dataclass(frozen=True)
class Integrand:
    """K terms on samples of a pair.

    Args:
        pair: what is sampled, and its log-probabilities.
        terms: the functions of log-probabilities, K of them.
        factor: x -> [n, K], what each value is multiplied with, such as a component of the score; None for nothing.
    """

    pair: Pair
    terms: tuple[Evaluated, ...]
    factor: Callable[[Tensor], Tensor] | None = None

    @property
    def base(self) -> Distribution:
        """What x is distributed as."""
        return self.pair.base

    def rounding_of_values(self, x: Tensor) -> list[Tensor]:
        """How far rounding of the log-probabilities may move each term's value: K tensors [n].

        A value that is a difference of nearly equal log-densities may be nothing else, and its mean with it.
        """
        up, down = self.pair.moved_by_rounding(x)
        return [((term.values(up) - term.values(down)).abs() / 2).nan_to_num(0.0, posinf=0.0) for term in self.terms]

    def moments(self, x: Tensor) -> Summands:
        """The summands of every moment at x, in logarithms."""
        return Summands(self, x)

    @cached_property
    def plain(self) -> tuple[Term, ...]:
        """The terms an exact road can take: those in float64."""
        return tuple(term for term in self.terms if isinstance(term, Term))

    @cached_property
    def growths(self) -> list[Growth]:
        """How fast each term's function grows far out."""
        known = {term: growth(term.function, term.rounding) for term in dict.fromkeys(self.plain)}
        return [known[term] for term in self.plain]


class Summands:
    """The summands of the moments at points x [n], as J = 1 + 3K rows: the base's mass, then K of each order.

    They are kept as logarithms, so that a value may overflow where its share of a moment does not.
    """

    def __init__(self, integrand: Integrand, x: Tensor) -> None:
        self._integrand, self._terms = integrand, integrand.plain
        pair = integrand.pair
        self.log_base, self._log_q, self._log_p = (d.log_prob(x) for d in (pair.base, pair.q, pair.p))
        self._at = pair.log_probs(x)
        self._ratio, self._weight = self._at.log_ratio, self._at.log_weight
        self._factors = None if integrand.factor is None else integrand.factor(x).T
        distinct = dict(zip(self._terms, integrand.growths, strict=True))
        self._plain_sizes = {term: self._plain_size(term, growth) for term, growth in distinct.items()}
        self._plain_values = {term: self._plain_value(term, growth) for term, growth in distinct.items()}
        self._sizes = [self._size(index) for index in range(len(self._terms))]

    @cached_property
    def values(self) -> Tensor:
        """Each term's value [K, n]; where a function is infinite but loses its sign to inf − inf, the sign is
        restored."""
        values = torch.stack([self._plain_values[term] for term in self._terms])
        return values if self._factors is None else _times(values, self._factors)

    @cached_property
    def rows(self) -> Tensor:
        """log of the base's probability (density), and of its product with |value|^order [J, n]; −inf off the base."""
        rows = torch.stack([self._row(index, order) for order in ORDERS for index in range(len(self._sizes))])
        # what has no chance of ever being drawn, to the last digit of float64, may be no number
        rows = rows.masked_fill(rows.isnan() & (self.log_base < LOG_SMALLEST), -torch.inf)
        return torch.cat([self.log_base[None], rows]).masked_fill(self.log_base.isneginf(), -torch.inf)

    def proper(self, leaving_out: Tensor | None = None) -> Tensor:
        """Whether each row is free of infinite and undefined entries, and of overflow that matters [J]."""
        bad = self.rows.isnan() | self.rows.isposinf() | self._overflows
        return ~(bad if leaving_out is None else bad & ~leaving_out).any(dim=1)

    @property
    def _overflows(self) -> Tensor:
        """Where a value overflows and its share of a moment is not negligible for that [J, n]."""
        sizes = [self._plain_sizes[term][1] for term in self._terms]
        beyond = [
            (size >= LOG_LARGEST) & (not term.tells_by_ratio(self._at))
            for size, term in zip(sizes, self._terms, strict=True)
        ]
        # an infinite value in a share of a moment that is too small to be seen does no harm
        matters = self.rows > self.rows.amax(dim=1, keepdim=True) - NEGLIGIBLE
        mass = torch.zeros_like(self.log_base, dtype=torch.bool)
        return matters & torch.stack([mass, *beyond * len(ORDERS)])

    def rounding(self) -> Tensor:
        """An estimate of the rounding error in each row [J, n]; infinite where the base itself has underflowed."""
        rows = [self._rounding(index, order) for order in ORDERS for index in range(len(self._sizes))]
        return (4 * EPSILON * torch.stack([self.log_base.abs(), *rows])).masked_fill(
            self.log_base.isneginf(), torch.inf
        )

    def extension_error(self) -> Tensor:
        """The relative error of |value| from carrying it on beyond where it can be computed [K, n]."""
        nothing = torch.zeros_like(self._ratio)
        errors = zip(self._terms, self._integrand.growths, strict=True)
        return torch.stack([g.error(self._ratio) if term.tells_by_ratio(self._at) else nothing for term, g in errors])

    def _size(self, index: int) -> tuple[Tensor, Tensor]:
        """(rate [n], rest [n]) of log |value| without the weight, and with the factor."""
        rate, rest = self._plain_sizes[self._terms[index]]
        if self._factors is None:
            return rate, rest
        size = self._factors[index].abs().log()
        # −inf is a value of 0, which stays 0 however large the factor is
        return rate, (rest + size).masked_fill(rest.isneginf() | size.isneginf(), -torch.inf)

    def _plain_size(self, term: Term, growth: Growth) -> tuple[Tensor, Tensor]:
        if term.tells_by_ratio(self._at):
            return growth.log_size(self._ratio)
        # a value may overflow where nothing is ever drawn; ``overflows`` tells where it matters
        size = replace(term, weighted=False).values(self._at).abs().log()
        return torch.zeros_like(self._ratio), size.clamp_max(LOG_LARGEST)

    def _plain_value(self, term: Term, growth: Growth) -> Tensor:
        value = term.values(self._at)
        if not term.tells_by_ratio(self._at):
            return value
        # far out a difference of two infinite terms is NaN; the faster of them decides the sign
        return torch.where(value.isnan() & ~self._ratio.isnan(), growth.infinity(self._ratio), value)

    def _row(self, index: int, order: int) -> Tensor:
        rate, rest = self._sizes[index]
        weight = self._weight if self._weighted(index) else None
        if weight is not None:
            # a weight that is cut off is a constant
            rest = torch.where(self._cut_off(index), rest + self._log_clip(index), rest)
        plain = self.log_base + order * rest
        if weight is not None:
            plain = plain + order * weight.masked_fill(self._cut_off(index), 0.0)
        # |value|^order grows like r^(order·rate): gather each log-probability before they can cancel by rounding
        coefficients = self._coefficients(index, order, rate)
        far = sum(c * log_prob for c, log_prob in zip(coefficients, self._log_probs, strict=True)) + order * rest
        row = torch.where(rate == 0, plain, far)
        return row if weight is None else row.masked_fill(weight.isneginf(), -torch.inf)

    def _rounding(self, index: int, order: int) -> Tensor:
        rate, rest = self._sizes[index]
        coefficients = self._coefficients(index, order, rate)
        parts = zip(coefficients, self._log_probs, strict=True)
        gathered = sum((c * log_prob).abs().masked_fill(c == 0, 0.0) for c, log_prob in parts)
        scale = self._log_q.abs() + self._log_p.abs()
        # a log_ratio that is exactly 0, or infinite, has lost nothing to subtraction
        power = self._integrand.growths[index].power(self._ratio).abs()
        exact = (self._ratio == 0) | self._ratio.isinf() | (power == 0)
        lost = (power * scale / self._ratio.abs()).masked_fill(exact, 0.0)
        return gathered + order * (lost + rest.abs().masked_fill(rest.isneginf(), 0.0))

    def _coefficients(self, index: int, order: int, rate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of log base, log q and log p in the logarithm of base · |weight · r^rate|^order."""
        weights = torch.full_like(rate, order if self._weighted(index) else 0)
        if self._weighted(index):
            weights = weights.masked_fill(self._cut_off(index), 0.0)
        # base · (q/base)^weights · (p/q)^(order·rate), one exponent for each log-probability
        on_base = 1 - weights
        on_q = weights - order * rate
        if self._integrand.pair.log_weight is None:
            return torch.zeros_like(rate), on_base + on_q, order * rate
        return on_base, on_q, order * rate

    @property
    def _log_probs(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.log_base, self._log_q, self._log_p

    def _log_clip(self, index: int) -> float:
        """The logarithm of the largest weight, 0 where no weight is cut off."""
        clip = self._terms[index].clip
        return log(clip) if clip < inf else 0.0

    def _cut_off(self, index: int) -> Tensor:
        """Where the weight is larger than it may be [n]."""
        assert self._weight is not None
        clip = self._terms[index].clip
        return self._weight > log(clip) if clip < inf else torch.zeros_like(self._weight, dtype=torch.bool)

    def _weighted(self, index: int) -> bool:
        return self._weight is not None and self._terms[index].weighted


def _times(values: Tensor, factors: Tensor) -> Tensor:
    """The products, 0 where either factor is 0: what is never reached may be infinite."""
    return (values * factors).masked_fill((values == 0) | (factors == 0), 0.0)
