"""A term: the pure function of log-probabilities that an estimator is, without its declarations. What the roads
evaluate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Function = Callable[["Tensor"], "Tensor"]
"""log_ratio [n] -> a value for each sample [n], elementwise."""

Joint = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]
"""(log_q, log_p, log_sampler), each [n] -> a value for each sample [n], elementwise.

Samples of q itself have log_sampler = log_q, detached: exp(log_q - log_sampler) is then 1 and its gradient the score.
"""


@dataclass(frozen=True)
class Term:
    """A function of log_ratio = log p(x) − log q(x), multiplied by q(x)/sampler(x) where ``weighted``."""

    function: Function
    weighted: bool = False

    def values(self, log_ratio: Tensor, log_weight: Tensor | None = None) -> Tensor:
        """The value for each sample [n].

        Args:
            log_ratio: log p(x) − log q(x) [n].
            log_weight: log q(x) − log sampler(x) [n], or None where samples come from q.
        """
        values = self.function(log_ratio)
        if not self.weighted or log_weight is None:
            return values
        # a sample q cannot produce weighs nothing, whatever the value there (log_ratio may be NaN)
        return (log_weight.exp() * values).masked_fill(log_weight.isneginf(), 0.0)
