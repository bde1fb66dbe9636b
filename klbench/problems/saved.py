"""What was scored, as a file of log-probabilities in the neutral form: .npz of padded arrays, or .parquet of lists.

Rows are sequences in the order they were drawn. The file is written a chunk at a time, beside its place, and put there
when it is whole.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from torch import Tensor

from klbench.files.writing import explained
from klbench.problems.checkpoints import FULL, Checkpoints, scored
from klbench.problems.dump import Sequences

_ELSEWHERE = "--save FILE in a folder that is there and can be written"


def save(problem: Checkpoints, seed: int, samples: int, path: Path) -> None:
    """Keep the first ``samples`` sequences of a pair.

    Columns: log_q, log_p and, where there is a sampler, log_sampler, in nats; mask, in .npz; full, the exact KL of the
    two next-token distributions at each token; group, the number of the prompt, from 0.

    Raises:
        RunError: the file cannot be written.
    """
    chunks = _Chunks(problem, seed, samples)
    write = _write_parquet if path.suffix.lower() == ".parquet" else _write_npz
    half = path.with_name(f".{path.name}.{uuid4().hex}")
    with explained(path, _ELSEWHERE):
        try:
            write(chunks, half)
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)


class _Chunks:
    """The sequences, a chunk at a time, as often as one asks."""

    def __init__(self, problem: Checkpoints, seed: int, samples: int) -> None:
        self._problem, self._seed = problem, seed
        self.samples, self.longest = samples, problem.tokens

    def __iter__(self) -> Iterator[Sequences]:
        return scored(self._problem, self._seed, self.samples)

    def columns(self) -> Mapping[str, Callable[[Sequences], Tensor]]:
        """What is kept of each token, by name."""
        full = self._problem.wanted[FULL]

        def of_sampler(x: Sequences) -> Tensor:
            assert x.log_sampler is not None
            return x.log_sampler

        own = {} if self._problem.sampler is None else {"log_sampler": of_sampler}
        return {"log_q": lambda x: x.log_q, "log_p": lambda x: x.log_p, **own, FULL: lambda x: x.known[full]}


def _write_npz(chunks: _Chunks, place: Path) -> None:
    width = chunks.longest
    with zipfile.ZipFile(place, "x", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, column in chunks.columns().items():
            padded = (_padded(x, column(x), width) for x in chunks)
            _write_array(archive, name, (chunks.samples, width), np.dtype(np.float64), padded)
        masks = (_padded(x, torch.ones(len(x.log_q), dtype=torch.bool), width) for x in chunks)
        _write_array(archive, "mask", (chunks.samples, width), np.dtype(np.bool_), masks)
        groups = (x.groups for x in chunks)
        _write_array(archive, "group", (chunks.samples,), np.dtype(np.int64), groups)


def _padded(x: Sequences, values: Tensor, width: int) -> Tensor:
    """Values of tokens [N] as one row a sequence [n, width], 0 after the end."""
    rows = values.new_zeros(len(x), width)
    rows[torch.arange(width) < x.lengths[:, None]] = values
    return rows


def _write_array(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], parts: Iterator[Tensor]
) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            file.write(np.ascontiguousarray(part.numpy(), dtype=dtype).tobytes())


def _write_parquet(chunks: _Chunks, place: Path) -> None:
    pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")

    columns = chunks.columns()
    lists = [(name, pyarrow.list_(pyarrow.float64())) for name in columns]
    schema = pyarrow.schema([*lists, ("group", pyarrow.int64())])
    with parquet.ParquetWriter(place, schema) as writer:
        for x in chunks:
            ends = torch.cat([x.lengths.new_zeros(1), x.lengths.cumsum(0)]).int().numpy()
            arrays = [pyarrow.ListArray.from_arrays(ends, column(x).numpy()) for column in columns.values()]
            writer.write_table(pyarrow.table([*arrays, x.groups.numpy()], schema=schema))
