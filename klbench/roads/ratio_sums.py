"""What samples leave behind of token values whose mean is over all tokens: sums for a ratio of two sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from klbench.derived.level import AtLevel
from klbench.problems.problem import Problem
from klbench.roads.blocks import Accumulator
from klbench.stats.mergeable import SumsAndTails
from klbench.stats.ratio import RatioSums, SampledRatio

TokenSums = SumsAndTails[RatioSums]
"""What is left of the tokens of K values: their sums, and the largest |values| of each."""


@dataclass(frozen=True)
class RatioAccumulator(Accumulator[TokenSums]):
    """The accumulator of K values of tokens.

    Args:
        terms: what is computed of every token, K of them.
        shift: what the sums are taken about [K].
        tokens: how many there may be in all, which decides how many of the largest are kept.
        numbers: how many numbers one sample is.
    """

    terms: tuple[AtLevel, ...]
    shift: Tensor
    tokens: int
    numbers: int

    def measure(self, problem: Problem, x: Any, seen: TokenSums | None) -> TokenSums:
        """See ``Accumulator``."""
        at = problem.log_probs(x)
        values = [term.of_tokens(at).double() for term in self.terms]
        # one by one: the rounding of a product of many matrices depends on how many there are
        parts = [self._parts(at, value, centre) for value, centre in zip(values, self.shift, strict=True)]
        first, second = torch.stack([part.sum(0) for part in parts]), torch.stack([part.T @ part for part in parts])
        counts = [[int((value < 0).sum()) for value in values], [int((~value.isfinite()).sum()) for value in values]]
        sums = RatioSums(len(x), self.shift, first, second, torch.tensor(counts))
        return SumsAndTails.of(sums, values, self.tokens, seen)

    @staticmethod
    def _parts(at: Any, value: Tensor, centre: Tensor) -> Tensor:
        """(Σ (v − c), Σ (v − c)², L) of every sequence [n, 3]."""
        off = value - centre
        return torch.stack([at.total(off), at.total(off * off), at.lengths], 1)

    def sampled(self, whole: TokenSums, index: int) -> SampledRatio:
        """See ``Accumulator``."""
        tokens = int(whole.sums.first[index, 2])
        return SampledRatio(whole.sums, index, whole.largest[index].of(tokens))
