"""Drawing one of many categories in constant time: Walker's alias method (Vose, IEEE Trans. Softw. Eng. 1991)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AliasTable:
    """A uniform column is kept with probability ``keep``, else sent to its ``alias``. Both [categories]."""

    keep: Tensor
    alias: Tensor

    @classmethod
    def of(cls, probs: Tensor) -> AliasTable:
        """The table of probabilities [categories] that sum to 1, on their device."""
        size = probs.numel()
        keep = (probs.cpu() * size).tolist()
        alias = list(range(size))
        small = [k for k in range(size) if keep[k] < 1]
        large = [k for k in range(size) if keep[k] >= 1]
        while small and large:
            poor, rich = small.pop(), large[-1]
            alias[poor] = rich
            keep[rich] -= 1 - keep[poor]
            if keep[rich] < 1:
                small.append(large.pop())
        for rest in small + large:  # 1 but for rounding
            keep[rest] = 1.0
        return cls(torch.tensor(keep, dtype=torch.float64).to(probs.device), torch.tensor(alias).to(probs.device))

    def draw(self, uniform: Tensor) -> Tensor:
        """The category (int64) of each uniform on (0, 1): its first digits choose the column, the others the side."""
        scaled = uniform * self.keep.numel()
        # the largest uniform, times the size, may round to the size itself
        column = scaled.long().clamp_(max=self.keep.numel() - 1)
        # the digits behind the point are a uniform of their own
        kept = scaled.sub_(column) < self.keep[column]
        return torch.where(kept, column, self.alias[column])
