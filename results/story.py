"""What a story is: the sentences about a spec's results, and what its compact table shows of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from compact import Cells

from klbench.results import CaseResult, Results


@dataclass(frozen=True)
class Story:
    """The story of one spec.

    Args:
        tell: makes two sentences of its results.
        cells: what its compact table shows.
    """

    tell: Callable[[Results], str]
    cells: Cells = field(default_factory=Cells)


def case_of(results: Results, pair: str, **parameters: float) -> CaseResult:
    """The first case of ``pair`` whose grid parameters have these values."""
    return next(
        each
        for each in results.cases
        if each.case.pair == pair and parameters.items() <= dict(each.case.parameters).items()
    )
