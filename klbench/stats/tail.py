"""The tail of a sample: Pareto-k̂, which says whether a mean can be trusted.

The largest values of |k| are kept (at most ``TAIL``, whatever the sample's size), and a generalized Pareto
distribution is fitted to what exceeds them. Its shape k̂ estimates how many moments there are: moments of order above
1/k̂ do not exist. With k̂ > 0.7 the mean and its error bar are not to be trusted at any affordable number of samples;
10^(1/(1 − k̂)) are needed.

Source: Vehtari, Simpson, Gelman, Yao and Gabry (JMLR 2024), Pareto smoothed importance sampling; the fit is Zhang and
Stephens (2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, nan, sqrt

import numpy as np
import torch
from torch import Tensor

from klbench.tolerances import TRUSTED

__all__ = ["TRUSTED", "Largest", "above", "khat", "none_yet", "tail_length", "top"]

TAIL = 4096
"""As long as the tail of 1.9 million values is by the rule; a longer one fits k̂ no better that is worth its time."""
_DISTINCT = 5
"""Fewer different values are a few atoms, and have no tail to fit."""
_TIED = 1e-9
"""Sizes that exceed the smallest of the tail by less than this share are that one again, but for rounding."""


def tail_length(count: int) -> int:
    """How many of ``count`` values make the tail: min(n/5, 3√n), at most ``TAIL``."""
    return min(ceil(min(0.2 * count, 3 * sqrt(count))), TAIL)


@dataclass(frozen=True)
class Largest:
    """At least the ``limit`` largest sizes seen, in no order.

    ``threshold`` is a size that ``limit`` of those seen so far exceed or equal: nothing below it can enter any more.
    Merging is associative and commutative as a set.
    """

    sizes: Tensor
    limit: int
    # below every size, 0 among them
    threshold: float = -1.0

    def merge(self, other: Largest) -> Largest:
        """With more sizes seen, sorted out only once twice as many as needed have come together."""
        sizes = torch.cat((self.sizes, other.sizes))
        if len(sizes) < 2 * self.limit:
            return Largest(sizes, self.limit, self.threshold)
        kept = top(sizes, self.limit)
        return Largest(kept, self.limit, float(kept.min()))

    def of(self, count: int) -> Largest:
        """As long as the tail of ``count`` values is: a run to a precision ends before its last sample."""
        return Largest(self.sizes, min(self.limit, tail_length(count) + 1), self.threshold)

    @property
    def values(self) -> Tensor:
        """The ``limit`` largest, or all there are."""
        return top(self.sizes, self.limit)


def none_yet(count: int) -> Largest:
    """The start, for a sample of ``count`` values: the tail, and the value it is measured from."""
    return Largest(torch.empty(0, dtype=torch.float64), tail_length(count) + 1)


def above(value: Tensor, largest: Largest) -> Largest:
    """The sizes |value| that may still enter ``largest``; NaN is passed over, being no size."""
    entering = _beyond(value.double().abs(), largest.threshold).cpu()
    return Largest(top(entering, largest.limit), largest.limit)


def _beyond(sizes: Tensor, threshold: float) -> Tensor:
    if not sizes.is_cpu:
        return sizes[sizes > threshold]
    # NumPy picks a few of many several times as fast as torch does on the CPU
    array = sizes.numpy()
    return torch.from_numpy(array[array > threshold])


def top(values: Tensor, limit: int) -> Tensor:
    """The ``limit`` largest of [n] on the CPU, in no order; all of them if there are no more."""
    if len(values) <= limit:
        return values
    # NumPy's partition takes a fifth of the time of torch's topk
    return torch.from_numpy(np.partition(values.numpy(), -limit)[-limit:].copy())


def khat(largest: Largest) -> float:
    """Pareto-k̂ of the exceedances of the tail over the largest value outside it, NaN where there is no tail to speak
    of.

    A tail whose values are infinite has k̂ = inf; a tail of fewer than 5 distinct values (a few atoms) has none.
    """
    ordered = largest.values.sort().values
    if len(ordered) and torch.isinf(ordered[-1]):
        return float("inf")
    exceedances = ordered[1:] - ordered[0] if len(ordered) else ordered
    exceedances = exceedances[exceedances > _TIED * ordered[:1]]
    if len(exceedances) < _DISTINCT or len(set(exceedances.tolist())) < _DISTINCT:
        return nan
    return _generalized_pareto_shape(exceedances)


def _generalized_pareto_shape(ordered: Tensor) -> float:
    """The shape of a generalized Pareto distribution fitted to ascending positive values [m], by Zhang and Stephens."""
    count = len(ordered)
    candidates = 30 + int(sqrt(count))
    steps = torch.arange(1, candidates + 1, dtype=torch.float64)
    quartile = ordered[int(count / 4 + 0.5) - 1]
    # every candidate is below 1/largest, so that 1 − θ x is above 0 for every x
    theta = 1 / ordered[-1] + (1 - torch.sqrt(candidates / (steps - 0.5))) / (3 * quartile)
    # log1p: θ x may be far below the rounding of 1
    shapes = torch.log1p(-theta[:, None] * ordered).mean(dim=1)
    likelihood = count * (torch.log(-theta / shapes) - shapes - 1)
    # in logarithms: likelihoods of thousands of values leave float64, and only their ratios matter
    weights = torch.softmax(likelihood, dim=0)
    best = (weights * theta).sum()
    shape = float(torch.log1p(-best * ordered).mean())
    # the weakly informative prior of Vehtari et al.: worth ten observations of shape ½
    return (count * shape + 10 * 0.5) / (count + 10)
