"""Who watches a run: the core yields what it has done to an observer, and printing is the observer's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from klbench.results import CaseResult
    from klbench.spec.cases import Case
    from klbench.spec.model import Spec


@dataclass(frozen=True)
class Headline:
    """A running estimate worth watching: ``k3 bias/true`` so far, with its error (NaN where there is none).

    In a run to a precision it is the error that holds the run up, and ``goal`` is how small it has to be.
    """

    label: str
    value: float
    error: float
    goal: float = nan


NOTHING_YET = Headline("", nan, nan)
"""Before the first block of a case is done."""


class Observer:
    """Told of a run as it happens; does nothing by default."""

    def started(self, spec: Spec, cases: Sequence[Case]) -> None:
        """The run begins, with these cases in this order."""

    def advanced(self, case: Case, done: int, total: int, headline: Headline) -> None:
        """``done`` of ``total`` samples of a case are drawn; ``headline`` is a running estimate, without a label where
        there is none yet."""

    def finished(self, result: CaseResult) -> None:
        """A case is complete."""


SILENT = Observer()
