"""The tables of a dump: the estimators by position in the sequence, and the tokens and sequences that are farthest off.

A pass of its own over the packed numbers, block by block; nothing grows with the dump but a count for each position.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING

import numpy as np
import torch

from klbench.estimators.schulman import k1, k3
from klbench.problems.problem import block_size
from klbench.roads.blocks import chunks
from klbench.stats.estimate import Estimate
from klbench.stats.ratio import with_variance

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.problems.dump import Dump, Sequences

DECILES = 10
MOST_WORST = 100
"""Of the tokens, and of the sequences, that are kept."""


@dataclass(frozen=True)
class Position:
    """A decile of the tokens by their position.

    Args:
        decile: from 1 to 10.
        first, last: the positions it has, counted from 0.
        tokens: how many.
        k1, k3: the means over its tokens, with errors by clusters, nats.
    """

    decile: int
    first: int
    last: int
    tokens: int
    k1: Estimate
    k3: Estimate


@dataclass(frozen=True)
class Worst:
    """A token or a sequence with a large |log_ratio|.

    Args:
        what: ``token`` or ``sequence``.
        rank: from 1.
        place: the file and the line or row.
        position: of a token in its sequence, from 0; None of a sequence.
        log_ratio: log p − log q, of a sequence summed, nats.
        text: of a token, where the file has it.
    """

    what: str
    rank: int
    place: str
    position: int | None
    log_ratio: float
    text: str


def positions_of(pair: Dump) -> tuple[Position, ...]:
    """The deciles of a dump's tokens; fewer where there are fewer positions."""
    edges = _edges(pair)
    count = len(edges) - 1
    first, second, groups = torch.zeros(count, 3, dtype=torch.float64), torch.zeros(count, 3, 3, dtype=torch.float64), 0
    for x, tokens in _blocks(pair):
        decile = torch.from_numpy(np.searchsorted(edges, pair.packed.positions[tokens], side="right") - 1)
        log_ratio = x.log_p - x.log_q
        values = torch.stack([k1(log_ratio), k3(log_ratio), torch.ones_like(log_ratio)], 1)
        size = int(x.groups.max()) + 1
        cell = x.groups[x.owner] * count + decile
        summed = torch.zeros(size * count, 3, dtype=torch.float64).index_add_(0, cell, values).view(size, count, 3)
        first += summed.sum(0)
        second += torch.einsum("gdi,gdj->dij", summed, summed)
        groups += size
    return tuple(
        Position(
            number + 1,
            int(edges[number]),
            int(edges[number + 1]) - 1,
            int(first[number, 2]),
            *(_mean(first[number] / groups, second[number] / groups, groups, index) for index in (0, 1)),
        )
        for number in range(count)
    )


def _mean(means: Tensor, second: Tensor, groups: int, index: int) -> Estimate:
    value, variance = with_variance(lambda at: at[index] / at[2], means, second)
    return Estimate(value, (variance / (groups - 1)) ** 0.5 if groups > 1 else float("nan"))


def _edges(pair: Dump) -> np.ndarray:
    """Where deciles of positions begin, and one past the last; several in one position are one."""
    counts = np.zeros(1, dtype=np.int64)
    for _, tokens in _blocks(pair):
        own = np.bincount(pair.packed.positions[tokens])
        counts = np.pad(counts, (0, max(0, len(own) - len(counts))))
        counts[: len(own)] += own
    shares = np.cumsum(counts) / counts.sum()
    inner = [int(np.searchsorted(shares, number / DECILES - 1e-12)) + 1 for number in range(1, DECILES)]
    lowest = int(np.flatnonzero(counts)[0])
    return np.unique([lowest, *(min(edge, len(counts)) for edge in inner), len(counts)])


def worst_of(pair: Dump, folder: str = "") -> tuple[Worst, ...]:
    """The tokens, then the sequences, with the largest |log_ratio|; equals in the order of the file. Places are told as
    seen from ``folder``."""
    tokens: list[tuple[float, int, int, float]] = []
    sequences: list[tuple[float, int, int, float]] = []
    for x, numbers in _blocks(pair):
        log_ratio = x.log_p - x.log_q
        whole = torch.bincount(x.owner, weights=log_ratio, minlength=len(x))
        tokens = nlargest(MOST_WORST, [*tokens, *_largest(log_ratio, numbers, x.numbers[x.owner])])
        sequences = nlargest(MOST_WORST, [*sequences, *_largest(whole, x.numbers.numpy(), x.numbers)])
    packed = pair.packed
    return (
        *(
            Worst(
                "token",
                rank,
                packed.places[sequence].removeprefix(f"{folder}/"),
                int(packed.positions[-token]),
                value,
                packed.texts.of(-token) if packed.texts else "",
            )
            for rank, (_, token, sequence, value) in enumerate(tokens, 1)
        ),
        *(
            Worst("sequence", rank, packed.places[sequence].removeprefix(f"{folder}/"), None, value, "")
            for rank, (_, _, sequence, value) in enumerate(sequences, 1)
        ),
    )


def _largest(log_ratio: Tensor, numbers: np.ndarray, sequences: Tensor) -> list[tuple[float, int, int, float]]:
    """(|log_ratio|, −number, sequence, log_ratio) of the largest few."""
    top = log_ratio.abs().topk(min(MOST_WORST, len(log_ratio))).indices
    return [(abs(float(log_ratio[i])), -int(numbers[i]), int(sequences[i]), float(log_ratio[i])) for i in top.tolist()]


def _blocks(pair: Dump) -> Iterator[tuple[Sequences, np.ndarray]]:
    """All sequences in pieces, with the numbers of their tokens."""
    for number in range(-(-pair.units // block_size(pair))):
        draw = pair.block(0, number)
        for size in chunks(min(block_size(pair), pair.units - number * block_size(pair)), pair.numbers):
            x = draw(size)
            yield x, pair.packed.tokens_of(x.numbers.numpy())
