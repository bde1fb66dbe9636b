"""A batch that SkyRL dumps: a pickle of plain data under three names, opened without running any of them.

A pickle can name anything that is importable and call it. Here every name but those of SkyRL's batch and torch's device
is refused before it is looked up, and those stand for plain values: the numbers are bytes with a shape and a dtype.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from klbench.dumps.containers.arrays import Column
from klbench.dumps.containers.arrays import records as rows_of
from klbench.dumps.containers.container import Container, Record, Unusable, from_disk, torn
from klbench.dumps.notices import Notices
from klbench.dumps.snippets import of_pt
from klbench.errors import SpecError
from klbench.memory import is_out_of_memory

_CLASSES = ("TrainingInputBatch", "TrainingOutputBatch", "TensorBatch")
_REBUILD = "_rebuild_tensor_batch"
_DTYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")

_SMALL = 2**20
"""Bytes: a file of fewer that wants more memory than there is has a wrong length in it."""


class _Refused(Exception):  # noqa: N818
    """A name that is not on the list."""


def records(path: Path, notices: Notices) -> Iterator[Record]:  # noqa: ARG001
    """The sequences of a batch, from row 0.

    Raises:
        SpecError: it is another pickle, it is torn, or its bytes do not fit its shapes.
    """
    with from_disk(path), path.open("rb") as file:
        state = _opened(path, file)
    batch = state.get("batch_dict") if isinstance(state, Mapping) else None
    if not isinstance(batch, Mapping):
        raise SpecError(f"{path} is no batch of SkyRL", help=_help())
    columns = {str(name): _column(path, str(name), tensor) for name, tensor in batch.items() if tensor is not None}
    yield from rows_of(path, columns, {"batch": "SkyRL"})


def _opened(path: Path, file: BinaryIO) -> Any:
    try:
        return _closed(file).load()
    except _Refused as error:
        raise SpecError(
            f"{path} is a pickle that names {error}; klbench opens none that runs code", help=_help()
        ) from None
    except OSError:
        raise
    except Exception as error:
        if is_out_of_memory(error) and path.stat().st_size > _SMALL:
            raise
        raise torn(path, "a batch of SkyRL", str(error) or type(error).__name__) from None


def _closed(file: BinaryIO) -> pickle.Unpickler:
    """An unpickler with stand-ins of its own, so that a pickle that writes into one changes nothing after it."""

    class Batch:
        """Stands for SkyRL's class."""

    def rebuilt(kind: object, state: object) -> object:  # noqa: ARG001
        return state

    def device(*names: object) -> tuple[object, ...]:
        return names

    stand_ins: dict[tuple[str, str], Callable[..., object]] = {("torch", "device"): device}

    class Closed(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if module.startswith("skyrl") and module.endswith(".training_batch"):
                if name in _CLASSES:
                    return Batch
                if name == _REBUILD:
                    return rebuilt
            if (module, name) in stand_ins:
                return stand_ins[module, name]
            raise _Refused(f"{module}.{name}")

        def get_extension(self, code: int) -> Any:
            raise _Refused(f"extension {code}")

    return Closed(file)


def _help() -> tuple[str, ...]:
    return ("of pickles only SkyRL's dumped training batches are read; write the neutral form:", *of_pt())


def _column(path: Path, name: str, tensor: Any) -> Column | Unusable:
    if not isinstance(tensor, Mapping) or tensor.get("format", "numpy") not in ("numpy", "torch"):
        return Unusable("is no tensor", ("images and the like are not read",))
    array = _torch(path, tensor) if tensor.get("format") == "torch" else _numpy(path, name, tensor)
    return Column(tuple(array.shape), lambda start, stop: array[start:stop])


def _numpy(path: Path, name: str, tensor: Mapping[str, Any]) -> Any:
    import numpy as np

    shape, dtype, data = tensor.get("shape"), tensor.get("dtype"), tensor.get("data")
    if dtype not in _DTYPES or not isinstance(data, bytes) or not isinstance(shape, tuple):
        raise torn(path, "a batch of SkyRL", f"{name} has no bytes, shape and dtype")
    try:
        return np.frombuffer(data, dtype).reshape(shape)
    except (ValueError, TypeError) as error:
        raise torn(path, "a batch of SkyRL", f"{name}: {error}") from None


def _torch(path: Path, tensor: Mapping[str, Any]) -> Any:
    """A tensor that NumPy has no dtype for, bfloat16 most often, as float32."""
    import torch

    try:
        loaded = torch.load(io.BytesIO(tensor["data"]), map_location="cpu", weights_only=True)
        return loaded.float().numpy()
    except Exception as error:
        if is_out_of_memory(error) and path.stat().st_size > _SMALL:
            raise
        raise torn(path, "a batch of SkyRL", str(error).splitlines()[0]) from None


CONTAINER = Container(".pkl", (".pkl",), records)
