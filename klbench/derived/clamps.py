"""Where a clamp holds: found by watching what an estimator calls, so that nobody declares it.

While an estimator runs, every clamp, clip, minimum, maximum and their like is watched; where the result is not what
went in, the clamp holds. That is true of frameworks' estimators and of a user's own alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from klbench.estimators.term import Joint

_CLAMPS: frozenset[Any] = frozenset(
    {
        *(getattr(torch, name) for name in ("clamp", "clip", "clamp_min", "clamp_max", "minimum", "maximum")),
        *(getattr(Tensor, name) for name in ("clamp", "clip", "clamp_min", "clamp_max", "minimum", "maximum")),
        *(torch.nn.functional.hardtanh, torch.nn.functional.relu, torch.relu, Tensor.relu),
    }
)


class Watch(TorchFunctionMode):
    """Notes, for each of n samples, whether any clamp changed what went into it."""

    def __init__(self) -> None:
        super().__init__()
        self.held: Tensor | None = None
        self.seen = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """See torch.overrides."""
        result = func(*args, **(kwargs or {}))
        if func in _CLAMPS and isinstance(args[0], Tensor):
            self._note(args[0].detach(), result.detach())
        return result

    def _note(self, given: Tensor, result: Tensor) -> None:
        self.seen += 1
        held: Tensor = (result != given) & ~(result.isnan() & given.isnan())
        self.held = held if self.held is None else self.held | held


def clamped(value: Joint) -> Joint:
    """The function that is 1 where a clamp of ``value`` holds and 0 where none does."""

    def held(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
        watch = Watch()
        with watch, torch.no_grad():
            value(log_q, log_p, log_sampler)
        return torch.zeros_like(log_q) if watch.held is None else watch.held.to(log_q.dtype).expand_as(log_q)

    return held


def has_clamp(value: Joint) -> bool:
    """Whether ``value`` clamps anything at all, wherever it holds."""
    watch = Watch()
    with watch, torch.no_grad():
        value(*(torch.zeros(1, dtype=torch.float64) for _ in range(3)))
    return watch.seen > 0
