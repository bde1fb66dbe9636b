"""Finds where a clamp is active, by watching the calls of an estimator: nobody declares it.

While an estimator runs, every clamp, clip, minimum, maximum and their like is watched; where the result is not what
went in, the clamp is active. That is true of frameworks' estimators and of a user's own alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from klbench.estimators.term import Joint

_NAMES = ("clamp", "clip", "clamp_min", "clamp_max", "minimum", "maximum", "min", "max")
_CLAMPS: frozenset[Any] = frozenset(
    {
        *(getattr(home, name) for home in (torch, Tensor) for name in _NAMES),
        *(getattr(Tensor, f"{name}_") for name in _NAMES[:4]),
        *(torch.nn.functional.hardtanh, torch.nn.functional.relu, torch.relu, Tensor.relu),
    }
)


class Watch(TorchFunctionMode):
    """Notes, for each of n samples, whether any clamp changed its operand, the one that depends on log q."""

    def __init__(self) -> None:
        super().__init__()
        self.held: Tensor | None = None
        self.seen = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """See torch.overrides."""
        given = _given(args, kwargs or {}) if func in _CLAMPS else None
        result = func(*args, **(kwargs or {}))
        if given is not None and isinstance(result, Tensor) and result.shape == given.shape:
            self._note(given, result.detach())
        return result

    def _note(self, given: Tensor, result: Tensor) -> None:
        self.seen += 1
        # NaN differs from itself, and a clamp lets it through
        held: Tensor = (result != given) & ~(result.isnan() & given.isnan())
        self.held = held if self.held is None else self.held | held


def _given(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """A copy of the operand of a clamp; of two tensors, the one that is differentiated."""
    tensors = [operand for operand in (*args, *kwargs.values()) if isinstance(operand, Tensor)]
    moving = [operand for operand in tensors if operand.requires_grad] or tensors
    # a clone: a clamp in place would change what it is compared with
    return moving[0].detach().clone() if moving else None


def _watched(value: Joint, log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Watch:
    """Run ``value`` and watch."""
    watch = Watch()
    with watch, torch.enable_grad():
        value(log_q.detach().clone().requires_grad_(), log_p, log_sampler)
    return watch


def clamped(value: Joint) -> Joint:
    """The function that is 1 where a clamp of ``value`` holds and 0 where none does."""

    def held(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
        watch = _watched(value, log_q, log_p, log_sampler)
        return torch.zeros_like(log_q) if watch.held is None else watch.held.to(log_q.dtype).expand_as(log_q)

    return held


def has_clamp(value: Joint) -> bool:
    """Whether ``value`` clamps anything at all, wherever it holds."""
    log_q, log_p, log_sampler = torch.zeros(3, 1, dtype=torch.float64)
    return _watched(value, log_q, log_p, log_sampler).seen > 0
