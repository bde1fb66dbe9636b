"""A second kind of device for a machine without one: tensors that say they are on it and refuse to meet the CPU's.

A ``Far`` tensor holds its numbers on the CPU and says its device is ``meta``. Every operation goes through
``__torch_dispatch__``, which refuses what a real device refuses: an operation on tensors of both devices (but for
numbers, tensors without a dimension), and reading the memory of the device from NumPy. Within ``far_device()`` a tensor
that is asked for on ``FAR`` is a ``Far`` one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from klbench.engines import threads
from klbench.problems.problem import BLOCK

FAR = torch.device("meta")


class Far(Tensor):
    """A tensor on the stand-in device; ``near`` has its numbers."""

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> Far:
        made: Far = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, near.size(), strides=near.stride(), dtype=near.dtype, device=FAR, requires_grad=near.requires_grad
        )
        made.near = near.detach()
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Far({self.near!r})"

    def tolist(self) -> Any:
        """Python's numbers, as any device gives them."""
        return self.near.tolist()

    def new_tensor(self, data: Any, dtype: Any = None, **_: Any) -> Tensor:
        """A far tensor of Python's numbers."""
        return Far(torch.tensor(data, dtype=dtype or self.dtype))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _dispatched(func, args, kwargs or {})


class _NearGenerator(torch.Generator):
    """The CPU's, whatever device it is asked for on."""

    def __new__(cls, _device: object = None) -> _NearGenerator:
        return super().__new__(cls, "cpu")


class _AtOnce(Executor):
    """Does a task where it is given one."""

    def __init__(self, _workers: int, **_: object) -> None:
        pass

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(task(*args, **kwargs))
        return done


class _OnFar(TorchDispatchMode):
    """What is asked for on the stand-in is made far."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _dispatched(func, args, kwargs or {})


@contextmanager
def far_device() -> Iterator[None]:
    """Within this, what is asked for on ``FAR`` is on the stand-in, and generators are the CPU's."""
    with pytest.MonkeyPatch.context() as patched, _OnFar():
        for name in ("tensor", "as_tensor"):  # these build from Python's numbers before anything is dispatched
            patched.setattr(torch, name, _made_far(getattr(torch, name)))
        patched.setattr(torch, "Generator", _NearGenerator)
        patched.setitem(BLOCK, FAR.type, BLOCK["cpu"])
        patched.setattr(threads, "ThreadPoolExecutor", _AtOnce)  # a mode of torch is of one thread
        yield


def _made_far(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def made(data: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
        if isinstance(data, Far):
            return data
        near = make(data, dtype=dtype)
        return near if device is None or torch.device(device).type != FAR.type else Far(near)

    return made


def _dispatched(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if kwargs.get("device") is None and not _holds_far(args) and not _holds_far(kwargs.values()):
        return func(*args, **kwargs)  # of exact roads, which never leave the CPU: most of what is called
    given = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, Tensor)]
    far = [each for each in given if isinstance(each, Far)]
    wanted = kwargs.get("device")
    moves = func.overloadpacket in (torch.ops.aten._to_copy, torch.ops.aten.copy_, torch.ops.aten.to)
    near = [each for each in given if not isinstance(each, Far) and each.dim() > 0]
    if far and near and not moves:
        raise RuntimeError(f"{func}: tensors on {FAR} and on cpu: expected all tensors on the same device")
    if wanted is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    result = func(*tree_map(_near, args), **tree_map(_near, kwargs))
    if func.overloadpacket is torch.ops.aten._local_scalar_dense:
        return result
    to_far = torch.device(wanted).type == FAR.type if wanted is not None else bool(far)
    if not to_far:
        return result
    if str(func).split(".")[1].endswith("_") and far and args and isinstance(args[0], Far):
        return args[0]  # in place
    return tree_map(lambda each: Far(each) if isinstance(each, Tensor) and not isinstance(each, Far) else each, result)


def _holds_far(given: Iterable[Any]) -> bool:
    return any(isinstance(one, Far) or (isinstance(one, list | tuple) and _holds_far(one)) for one in given)


def _near(each: Any) -> Any:
    return each.near if isinstance(each, Far) else each
