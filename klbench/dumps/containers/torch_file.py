"""What torch.save writes, with ``weights_only=True`` always: what that refuses is refused, and nothing is unpickled."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from klbench.dumps.containers.arrays import Column
from klbench.dumps.containers.arrays import records as rows_of
from klbench.dumps.containers.container import Container, Record, Unusable, from_disk, torn
from klbench.dumps.notices import Notices
from klbench.dumps.snippets import of_pt
from klbench.errors import SpecError
from klbench.memory import is_out_of_memory

_DENSE = ("a dense tensor of floats",)
_REFUSED = re.compile(r"(?:GLOBAL|class|Unsupported class|type) ([\w.]*\w\.\w+)")


def records(path: Path, notices: Notices) -> Iterator[Record]:  # noqa: ARG001
    """The sequences of a file, from row 0.

    A file is a list of mappings, a mapping with such a list as ``samples``, or a mapping of columns: [sequences,
    tokens] tensors, nested tensors, lists of tensors or of lists.

    Raises:
        SpecError: it holds more than tensors, numbers, text, lists and dicts; it is torn; it has no sequences.
    """
    with from_disk(path):
        content = _loaded(path)
    yield from of_content(path, content)


def of_content(path: Path, content: Any) -> Iterator[Record]:
    """The sequences of what was read."""
    if isinstance(content, Mapping):
        for name in ("samples", "rollout_data"):
            inside = content.get(name)
            around = {key: value for key, value in content.items() if key != name}
            if isinstance(inside, Sequence) and _are_mappings(inside):
                yield from _samples(path, inside, around)
                return
            if isinstance(inside, Mapping):
                yield from rows_of(path, _columns(inside), around)
                return
        yield from rows_of(path, _columns(content))
    elif isinstance(content, Sequence) and _are_mappings(content):
        yield from _samples(path, content, {})
    else:
        help = ["a dict of [sequences, tokens] tensors or of lists, or a list of dicts, a sequence each"]
        raise SpecError(f"{path} holds a {type(content).__name__}, not sequences by the names of columns", help=help)


def _loaded(path: Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except pickle.UnpicklingError as error:
        raise _refused(path, str(error)) from None
    except OSError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        said = str(error).splitlines()
        raise torn(path, ".pt", said[0] if said else type(error).__name__) from None


def _is_zip(path: Path) -> bool:
    """Whether it is of the format that can be mapped into memory, which torch writes since 1.6."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _refused(path: Path, said: str) -> SpecError:
    found = _REFUSED.search(said)
    if found is None:
        help = ["torch.save writes such files; ART writes raw numbers: numpy.fromfile reads them", *of_pt()]
        return SpecError(f"{path} is no file of torch.save, or it is torn", help=help)
    help = ["klbench never runs what a pickle says; where the run is at home, write the neutral form:", *of_pt()]
    return SpecError(f"{path} holds a {found[1]}, which only a pickle that runs code can open", help=help)


def _samples(path: Path, samples: Sequence[Mapping[Any, Any]], around: Mapping[Any, Any]) -> Iterator[Record]:
    if not samples:
        raise SpecError(f"{path} has no sequences")
    for number, sample in enumerate(samples):
        value = {str(name): _plain(each) for name, each in sample.items()}
        yield Record(f"{path}, row {number}", value, {str(name): each for name, each in around.items()})


def _are_mappings(values: Sequence[Any]) -> bool:
    return not isinstance(values, str | bytes) and all(isinstance(value, Mapping) for value in values)


def _columns(content: Mapping[Any, Any]) -> dict[str, Column | Unusable]:
    columns = {str(name): _column(value) for name, value in content.items()}
    return {name: column for name, column in columns.items() if column is not None}


def _column(value: Any) -> Column | Unusable | None:
    """A value of the file as a column, None where it is of the whole file."""
    if hasattr(value, "is_nested"):
        if value.is_nested:
            return _of_list(list(value.unbind()))
        if value.dim() == 0:
            return None
        if str(value.layout) != "torch.strided" or value.is_quantized or value.is_meta:
            return Unusable(f"is a tensor of the layout {value.layout}, dtype {value.dtype}", _DENSE)
        return Column(tuple(value.shape), lambda start, stop: _plain(value[start:stop]))
    return _of_list(value) if isinstance(value, list | tuple) else None


def _of_list(values: Sequence[Any]) -> Column:
    return Column((len(values),), lambda start, stop: [_plain(value) for value in values[start:stop]])


def _plain(value: Any) -> Any:
    """A tensor as an array of NumPy, bfloat16 as float32, which holds each of its numbers."""
    if not hasattr(value, "is_nested"):
        return value
    import torch

    try:
        value = value.detach()
        array = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    except (TypeError, RuntimeError) as error:
        return Unusable(f"cannot be read: {str(error).splitlines()[0]}", _DENSE)
    return array.item() if array.shape == () else array


CONTAINER = Container(".pt", (".pt", ".pth"), records)
