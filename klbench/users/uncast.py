"""Ignores casts to a lower precision while the truth is computed.

A framework's function, and a user's, may cast log-probabilities to float32: an upcast in training, where they are
bfloat16. In float64 such a cast would add rounding that no training run has, so it is ignored there. ``dtype``
measures what rounding does, and there casts are as written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_NARROW = (torch.float32, torch.bfloat16, torch.float16)
_CASTS: frozenset[Any] = frozenset({Tensor.float, Tensor.half, Tensor.bfloat16, Tensor.to, Tensor.type, Tensor.type_as})


class Uncast(TorchFunctionMode):
    """Leaves float64 tensors in float64."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """See torch.overrides."""
        result = func(*args, **(kwargs or {}))
        narrowed = func in _CASTS and args[0].dtype == torch.float64 and getattr(result, "dtype", None) in _NARROW
        return args[0].clone() if narrowed else result  # a cast makes a new tensor, which may be changed in place
