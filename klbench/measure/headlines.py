"""The running estimate a watcher sees, told a few times a second and not after every block."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from klbench.observer import NOTHING_YET, Headline, Observer
from klbench.spec.cases import Case

_SECONDS_BETWEEN = 0.05


@dataclass
class Headlines:
    """Tells an observer how far one case is."""

    observer: Observer
    case: Case
    total: int
    told: float = 0.0
    headline: Callable[[], Headline] = lambda: NOTHING_YET

    def tell(self, done: int, headline: Callable[[], Headline]) -> None:
        """``done`` of the samples are drawn; ``headline`` is only worked out when it is time to tell."""
        self.headline = headline
        self.tell_drawn(done)

    def tell_drawn(self, done: int) -> None:
        """``done`` of the samples are drawn, those of unfinished blocks with them: the estimate is the one so far."""
        if time.perf_counter() - self.told < _SECONDS_BETWEEN:
            return
        self.told = time.perf_counter()
        self.observer.advanced(self.case, done, self.total, self.headline())
