"""What blocks have left behind as bytes, and back: tensors and numbers, no code.

Bytes hold the tensors as torch saves them, and the names of the types of ``_MODULES``; no other type is made from them,
whatever they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from io import BytesIO
from typing import Any

import torch
from torch import Tensor

from klbench.roads.merged import Merged

_MODULES = {
    "Merged": "klbench.roads.merged",
    "SumsAndTails": "klbench.stats.mergeable",
    "Moments": "klbench.stats.moments",
    "Sums": "klbench.stats.vectors",
    "Largest": "klbench.stats.tail",
    "RatioSums": "klbench.stats.ratio",
    "Counts": "klbench.roads.gradient_sums",
}
"""Where each type is that sums are made of. A run of values never asks for those of gradients."""
_TYPE = "type"


def to_bytes(merged: Merged[Any]) -> bytes:
    """What blocks have left behind, to be read by ``from_bytes``."""
    file = BytesIO()
    torch.save(_plain(merged), file)
    return file.getvalue()


def from_bytes(stored: bytes) -> Merged[Any]:
    """What ``to_bytes`` was given.

    Raises:
        ValueError: the bytes are not of its making, or torn.
    """
    try:
        merged = _made(torch.load(BytesIO(stored), map_location="cpu", weights_only=True))
    except MemoryError:
        raise
    except Exception as error:  # torch raises many kinds, by where the bytes are torn
        raise ValueError("these bytes are not what blocks leave behind") from error
    if not isinstance(merged, Merged):
        raise ValueError("these bytes are not what blocks leave behind")
    return merged


def _plain(left: Any) -> Any:
    if isinstance(left, Tensor):
        return left.clone()  # a view would be saved with all that it is a view of
    if isinstance(left, tuple):
        return [_plain(part) for part in left]
    if is_dataclass(left):
        name = type(left).__name__
        assert name in _MODULES, f"{name} is not among the types that can be stored"
        return {_TYPE: name, **{field.name: _plain(getattr(left, field.name)) for field in fields(left)}}
    return left


def _made(plain: Any) -> Any:
    if isinstance(plain, list):
        return tuple(_made(part) for part in plain)
    if isinstance(plain, Mapping):
        name = plain[_TYPE]
        made = getattr(import_module(_MODULES[name]), name)
        return made(**{key: _made(value) for key, value in plain.items() if key != _TYPE})
    return plain
