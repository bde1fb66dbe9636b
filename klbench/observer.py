"""Who watches a run: the core yields what it has done to an observer, and printing is the observer's business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from klbench.results import CaseResult
    from klbench.spec.cases import Case
    from klbench.spec.model import Spec


class Observer:
    """Told of a run as it happens; does nothing by default."""

    def started(self, spec: Spec, cases: Sequence[Case]) -> None:
        """The run begins, with these cases in this order."""

    def advanced(self, case: Case, done: int, total: int, headline: str) -> None:
        """``done`` of ``total`` samples of a case are drawn; ``headline`` is a running estimate with its error."""

    def finished(self, result: CaseResult) -> None:
        """A case is complete."""


SILENT = Observer()
