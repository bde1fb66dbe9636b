"""Two logits files of llama.cpp: whole distributions at the same positions, so that the KL of each is exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from klbench.dumps.columns import Columns
from klbench.dumps.containers.container import Record
from klbench.dumps.containers.logits import Logits
from klbench.dumps.layouts.layout import Layout, Opening, Together
from klbench.dumps.row import Role, Row
from klbench.errors import SpecError

NUMBERS = 2**20
"""So many numbers of a chunk are decoded at a time."""
_FLOOR = 16.0
"""Nats below the largest logit, where the file stops: all that lies lower is stored as that."""
_ROUNDING = 1e-3
"""What the codes, steps of 16/65535 nats, leave of a sum of probabilities, and float32 of its log: four times that."""


def _two_files(record: Record, _: Opening) -> Iterable[Row]:
    help = ["klbench data q.kld p.kld: the first is q, the second p, of the same text"]
    raise SpecError(f"{record.place} is one logits file, and a KL takes two", help=help)


def _roles(record: Record, columns: Columns) -> tuple[Role, ...]:
    if columns:
        raise SpecError(f"{record.place}: a logits file has no columns to name")
    return ("log_q", "log_p")


def _rows(files: tuple[Iterator[Record], ...], opening: Opening) -> Iterator[Row]:
    q, p = (next(records).value for records in files)
    _ensure_same_text(q, p)
    farthest = 0.0
    for chunk in range(len(q.tokens)):
        row, off = _chunk(q, p, chunk, opening.seed)
        farthest = max(farthest, off)
        yield row
    opening.notices.say(
        f"the stored rows sum to 1 within {farthest:.1g}, for what lies {_FLOOR:g} nats below the largest is stored as "
        f"that; each was divided by its sum"
    )


def _chunk(q: Logits, p: Logits, chunk: int, seed: int) -> tuple[Row, float]:
    """A chunk as a sequence of single draws, with the exact KL at each, and how far its rows were from summing to 1."""
    import numpy as np

    rows = q.codes.shape[1]
    uniform = _uniform(seed, chunk, rows)
    log_q, log_p, full = np.empty(rows), np.empty(rows), np.empty(rows)
    farthest = 0.0
    at_once = max(1, NUMBERS // q.n_vocab)
    for start in range(0, rows, at_once):
        stop = min(start + at_once, rows)
        of_q, off_q = _normalised(q, chunk, start, stop)
        of_p, off_p = _normalised(p, chunk, start, stop)
        farthest = max(farthest, off_q, off_p)
        mass = np.exp(of_q)
        full[start:stop] = (mass * (of_q - of_p)).sum(1)
        cumulated = np.cumsum(mass, 1)
        drawn = (cumulated <= uniform[start:stop, None] * cumulated[:, -1:]).sum(1)
        drawn = np.minimum(drawn, q.n_vocab - 1)[:, None]
        log_q[start:stop] = np.take_along_axis(of_q, drawn, 1)[:, 0]
        log_p[start:stop] = np.take_along_axis(of_p, drawn, 1)[:, 0]
    log_probs: dict[Role, Any] = {"log_q": log_q, "log_p": log_p}
    return Row(f"{q.path}, chunk {chunk}", log_probs, None, chunk, known={"full": cast(Any, full)}), farthest


def _normalised(logits: Logits, chunk: int, start: int, stop: int) -> tuple[Any, float]:
    """Rows as log-probabilities that sum to 1, and how far the stored ones were from it."""
    import numpy as np

    stored = logits.log_probs(chunk, start, stop)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.exp(stored).sum(1)
    off = float(np.abs(sums - 1).max()) if np.isfinite(sums).all() else float("inf")
    if off > _ROUNDING + logits.n_vocab * np.exp(-_FLOOR):
        place = f"{logits.path}, chunk {chunk}"
        help = ["write it again with llama-perplexity --save-all-logits, and let it finish"]
        raise SpecError(f"{place}: the probabilities of a row sum to 1 only within {off:.2g}", help=help)
    return stored - np.log(sums)[:, None], off


def _uniform(seed: int, chunk: int, number: int) -> Any:
    """Numbers of [0, 1), the same whoever asks for a chunk: stream ``chunk`` of Philox with the key ``seed``."""
    import numpy as np

    stream = np.random.Philox(key=seed % 2**128, counter=[0, 0, 0, chunk])
    return (stream.random_raw(number) >> np.uint64(11)) * 2.0**-53


def _ensure_same_text(q: Logits, p: Logits) -> None:
    for name in ("n_ctx", "n_vocab"):
        one, other = getattr(q, name), getattr(p, name)
        if one != other:
            help = ["two models with one vocabulary, over the same text with the same -c"]
            raise SpecError(f"{q.path} has {name} {one}, and {p.path} {other}", help=help)
    if q.tokens.shape != p.tokens.shape:
        help = ["let both runs finish over the same text"]
        raise SpecError(f"{q.path} has {len(q.tokens)} chunks, and {p.path} {len(p.tokens)}", help=help)
    differ = (q.tokens != p.tokens).nonzero()
    if len(differ[0]):
        chunk, at = int(differ[0][0]), int(differ[1][0])
        help = ["the same text and tokenizer for both"]
        raise SpecError(f"{q.path} and {p.path} have another token at {at} of chunk {chunk}", help=help)


def _said(paths: tuple[Path, ...]) -> str:
    return (
        f"llama.cpp's logits: {paths[0]} is q, {paths[1]} p; full is the exact KL at each position, and the token of "
        f"log_q and log_p is drawn from q's stored row there, not the text's; a chunk is a sequence and a group"
    )


LAYOUT = Layout(
    "llama.cpp logits",
    lambda record, _: f"llama.cpp's logits: {record.place}",
    lambda record: isinstance(record.value, Logits),
    _roles,
    _two_files,
    together=Together(2, 2, ("log_q", "log_p"), _said, _rows),
    known=("full",),
)
