"""Calls a user's function, makes an ordinary tensor of its value, and catches errors in its derivative too.

The user's part of autograd's graph is kept apart and differentiated by itself, so that an error in their ``backward``
is shown as theirs, wherever and whenever klbench differentiates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from klbench.errors import UserError
from klbench.users.theirs import Theirs
from klbench.users.uncast import Uncast

_DOUBLE = 8
_WITHOUT_AUTOGRAD = "requires grad"
"""The words in torch's error for an operation that a differentiated tensor does not allow, as giving it to NumPy."""


def called(theirs: Theirs, function: Callable[..., Any], given: tuple[Tensor, ...]) -> Tensor:
    """The value of a user's function for each sample [n], of log-probabilities [n].

    Raises:
        UserError: it raises, or returns no tensor of one number a sample.
    """
    inputs = tuple(log_probs.detach().requires_grad_(log_probs.requires_grad) for log_probs in given)
    with theirs.running(), Uncast():
        returned = _returned(function, inputs)
    value = _plain(theirs.name, returned, given[0])
    if not (value.requires_grad and any(log_probs.requires_grad for log_probs in inputs)):
        return value.detach()
    return _Theirs.apply(_Graph(theirs, inputs, value), *given)  # type: ignore[no-any-return, no-untyped-call]


def _returned(function: Callable[..., Any], inputs: tuple[Tensor, ...]) -> Any:
    """The value the function returns; without a derivative if autograd cannot differentiate it."""
    try:
        return function(*inputs)
    except RuntimeError as error:
        if _WITHOUT_AUTOGRAD not in str(error) or not any(log_probs.requires_grad for log_probs in inputs):
            raise
    with torch.no_grad():
        return function(*(log_probs.detach() for log_probs in inputs))


def _plain(name: str, returned: Any, like: Tensor) -> Tensor:
    """The returned value as a tensor of torch's own class."""
    if not isinstance(returned, Tensor):
        hints = ["return a torch tensor, one value for each sample"]
        raise UserError(f"it returns something of type {type(returned).__name__}", name, help=hints)
    with torch._C.DisableTorchFunctionSubclass():
        for wrong, instead in _unfit(returned, like):
            raise UserError(f"it returns {wrong}", name, help=[instead])
        value = returned.as_subclass(Tensor)
    if value.is_inference():
        value = value.clone()
    # if the inputs are float64, as for the truth, the value goes on in float64
    return value.to(like.dtype) if like.element_size() == _DOUBLE else value


def _unfit(value: Tensor, like: Tensor) -> Iterator[tuple[str, str]]:
    """(what is wrong with the value, what to do instead)."""
    if value.is_nested or value.layout != torch.strided:
        kind = "a nested tensor" if value.is_nested else f"a tensor of layout {value.layout}"
        yield kind, "return an ordinary, dense tensor"
    elif value.shape != like.shape:
        want = f"return one value for each sample, shape {list(like.shape)} here; leave averaging to klbench"
        yield f"a tensor of shape {list(value.shape)}", want
    elif value.device != like.device:
        yield f"a tensor on {value.device}", f"return one on the device of what it is given, {like.device} here"
    elif not value.is_floating_point():
        yield f"numbers of {value.dtype}", "return floating-point numbers"


@dataclass(frozen=True)
class _Graph:
    """The part of autograd's graph that one call made: its inputs, each [n], and its value [n]."""

    theirs: Theirs
    inputs: tuple[Tensor, ...]
    value: Tensor

    def pulled_back(self, gradient: Tensor) -> list[Tensor | None]:
        """The gradient of each input; None if the value does not depend on the input."""
        wanted = [log_probs for log_probs in self.inputs if log_probs.requires_grad]
        with self.theirs.running("its derivative"), Uncast():
            gradients = iter(torch.autograd.grad(self.value, wanted, gradient, allow_unused=True))
        return [next(gradients) if log_probs.requires_grad else None for log_probs in self.inputs]


class _Theirs(torch.autograd.Function):
    """The value of a graph, as a function of the tensors that the graph's inputs are copies of."""

    @staticmethod
    def forward(ctx: Any, graph: _Graph, *given: Tensor) -> Tensor:  # noqa: ARG004
        ctx.graph = graph
        return graph.value.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return None, *ctx.graph.pulled_back(gradient)
