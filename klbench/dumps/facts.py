"""What the numbers of a dump say of themselves, added up row by row: fillers, precision, columns that are one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from klbench.dumps.clean import Clean, GroupedBy
from klbench.dumps.row import Role

PRECISIONS = ("bfloat16", "float16", "float32", "float64")
"""The coarsest first. A number of float16 with eight leading bits or fewer is one of bfloat16 too."""


@dataclass
class Facts:
    """Sums over rows.

    Args:
        sequences: how many were added, those without a counted token too.
        tokens: how many count.
        empty: sequences in which none does.
        fillers: by role, how often which number stands where no token counts.
        zeros: by role, counted log-probabilities that are exactly 0.
        rounded: counted log-probabilities above 0 by rounding.
        equal: by two roles, how many counted tokens have the same number to the bit in both.
        grouped_by: how many sequences have a group that the file names, one by their prompt's tokens, or none.
    """

    sequences: int = 0
    tokens: int = 0
    empty: int = 0
    fillers: dict[Role, Counter[str]] = field(default_factory=dict)
    zeros: Counter[Role] = field(default_factory=Counter)
    rounded: int = 0
    equal: Counter[tuple[Role, Role]] = field(default_factory=Counter)
    grouped_by: Counter[GroupedBy] = field(default_factory=Counter)
    _fits: dict[Role, set[str]] = field(default_factory=dict)
    _told: Counter[Role] = field(default_factory=Counter)

    def add(self, row: Clean) -> None:
        """Adds one sequence."""
        self.sequences += 1
        self.tokens += len(row.positions)
        self.empty += not len(row.positions)
        self.rounded += row.rounded
        self.grouped_by[row.grouped_by] += 1
        for role, numbers in row.fillers.items():
            self.fillers.setdefault(role, Counter()).update(numbers)
        for role, values in row.log_probs.items():
            self.zeros[role] += int((values == 0).sum())
            self._told[role] += int((values != 0).sum())
            fits = self._fits.setdefault(role, set(PRECISIONS))
            fits -= _too_coarse(values, fits)
        for one, other in combinations(row.log_probs, 2):
            self.equal[one, other] += int((row.log_probs[one] == row.log_probs[other]).sum())

    def precision(self, role: Role) -> str | None:
        """The coarsest precision that holds every counted log-probability of a role; None where all are 0."""
        if not self._told[role]:
            return None
        return next(name for name in PRECISIONS if name in self._fits[role])

    def are_one(self, one: Role, other: Role) -> bool:
        """Whether two columns are equal to the bit wherever a token counts."""
        equal = self.equal.get((one, other), self.equal.get((other, one), -1))
        return self.tokens > 0 and equal == self.tokens


def _too_coarse(values: Any, candidates: set[str]) -> set[str]:
    """Those of the candidates that do not hold all of the numbers."""
    import numpy as np

    wrong: set[str] = set()
    with np.errstate(over="ignore", under="ignore"):
        single = values.astype(np.float32)
        if "float32" in candidates and (single != values).any():
            wrong.add("float32")
        if "float16" in candidates and (values.astype(np.float16) != values).any():
            wrong.add("float16")
    if "bfloat16" in candidates and ("float32" in wrong or (single != values).any() or _lower_bits(single)):
        wrong.add("bfloat16")
    return wrong


def _lower_bits(single: Any) -> bool:
    """Whether any float32 has bits that bfloat16, its upper half, lacks."""
    import numpy as np

    return bool((np.ascontiguousarray(single).view(np.uint32) & 0xFFFF).any())
