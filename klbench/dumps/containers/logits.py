"""A logits file of llama.cpp (``llama-perplexity --save-all-logits``): the whole vocabulary at half of each window.

Little-endian: ``_logits_``, uint32 n_ctx, int32 n_vocab, int32 n_chunk; int32 tokens [n_chunk, n_ctx]; then for each
chunk n_ctx − 1 − n_ctx // 2 rows of uint16: the first eight bytes are float32 scale and float32 least log-prob, then
n_vocab codes, one more where n_vocab is odd. log p = scale · code + least.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from klbench.dumps.containers.container import Container, Record, from_disk, torn
from klbench.dumps.notices import Notices

MAGIC = b"_logits_"
_HEADER = struct.Struct("<8sIii")


@dataclass(frozen=True)
class Logits:
    """An opened file, mapped into memory.

    Args:
        path: of the file.
        n_ctx: tokens of a window.
        n_vocab: entries of the vocabulary.
        tokens: int32 [chunks, n_ctx].
        codes: uint16 [chunks, rows, entries].
    """

    path: Path
    n_ctx: int
    n_vocab: int
    tokens: Any
    codes: Any

    def log_probs(self, chunk: int, start: int, stop: int) -> Any:
        """Log-probabilities of some rows of a chunk, float64 [rows, n_vocab], as they were stored: not normalised."""
        import numpy as np

        rows = np.ascontiguousarray(self.codes[chunk, start:stop])
        about = np.ascontiguousarray(rows[:, :4]).view("<f4").astype(np.float64)
        return rows[:, 4 : 4 + self.n_vocab] * about[:, :1] + about[:, 1:]


def records(path: Path, notices: Notices) -> Iterator[Record]:  # noqa: ARG001
    """One record: the file, opened.

    Raises:
        SpecError: it is torn, or its numbers do not fit its size.
    """
    import numpy as np

    with from_disk(path):
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise torn(path, "a logits file", "it ends within its header")
        _, n_ctx, n_vocab, n_chunk = _HEADER.unpack(header)
        rows, entries = n_ctx - 1 - n_ctx // 2, 2 * ((n_vocab + 1) // 2) + 4
        if n_vocab < 1 or n_chunk < 1 or rows < 1:
            raise torn(path, "a logits file", f"n_ctx {n_ctx}, n_vocab {n_vocab}, n_chunk {n_chunk}")
        tokens_at, codes_at = _HEADER.size, _HEADER.size + 4 * n_chunk * n_ctx
        wanted = codes_at + 2 * n_chunk * rows * entries
        if size != wanted:
            raise torn(path, "a logits file", f"it has {size:,} bytes, and {n_chunk} chunks take {wanted:,}")
        tokens = np.memmap(path, "<i4", "r", tokens_at, (n_chunk, n_ctx))
        codes = np.memmap(path, "<u2", "r", codes_at, (n_chunk, rows, entries))
    yield Record(str(path), Logits(path, n_ctx, n_vocab, tokens, codes))


CONTAINER = Container("logits of llama.cpp", (), records, MAGIC)
