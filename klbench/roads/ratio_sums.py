"""What samples leave behind of what is a ratio of sums over them: the sums of a unit's features, and of their
products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from klbench.derived.self_normalised import Ratio
from klbench.problems.problem import Problem
from klbench.roads.blocks import Accumulator
from klbench.stats.mergeable import SumsAndTails
from klbench.stats.ratio import RatioSums, SampledRatio

TokenSums = SumsAndTails[RatioSums]
"""What is left of K ratios: their sums, and the largest |values| of each."""


@dataclass(frozen=True)
class RatioAccumulator(Accumulator[TokenSums]):
    """The accumulator of K ratios.

    Args:
        ratios: what is computed of every unit, K of them.
        shift: what the values are taken about [K].
        tokens: how many values there may be in all, which decides how many of the largest are kept.
        numbers: how many numbers one sample is.
    """

    ratios: tuple[Ratio, ...]
    shift: Tensor
    tokens: int
    numbers: int

    def measure(self, problem: Problem, x: Any, seen: TokenSums | None) -> TokenSums:
        """See ``Accumulator``."""
        at = problem.log_probs(x)
        centres = self.shift.tolist()
        parts = [ratio.measured(at, centre) for ratio, centre in zip(self.ratios, centres, strict=True)]
        # one by one: the rounding of a product of many matrices depends on how many there are
        values, features = [one for one, _ in parts], [other for _, other in parts]
        if (groups := problem.groups(x)) is not None:
            features = [_by_group(part, groups) for part in features]
        most = max(part.shape[1] for part in features)
        first = torch.stack([_wide(part.sum(0), most) for part in features])
        second = torch.stack([_wide(part.T @ part, most, 2) for part in features])
        counts = [[int((value < 0).sum()) for value in values], [int((~value.isfinite()).sum()) for value in values]]
        sums = RatioSums(len(features[0]), self.shift, first, second, torch.tensor(counts))
        return SumsAndTails.of(sums, values, self.tokens, seen)

    def sampled(self, whole: TokenSums, index: int) -> SampledRatio:
        """See ``Accumulator``."""
        found = SampledRatio(whole.sums, index, self.ratios[index], None)
        return SampledRatio(whole.sums, index, self.ratios[index], whole.largest[index].of(int(found.tokens)))


def _by_group(features: Tensor, groups: Tensor) -> Tensor:
    """The features of samples [n, F], added up over each group, of which there are numbers from 0 [n]."""
    return features.new_zeros(int(groups.max()) + 1, features.shape[1]).index_add_(0, groups, features)


def _wide(sums: Tensor, size: int, axes: int = 1) -> Tensor:
    return pad(sums, (0, size - sums.shape[-1]) * axes)
