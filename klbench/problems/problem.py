"""What the block loop and the accumulators ask of a source of log-probabilities.

Four kinds are built: a pair of distributions (``klbench.problems.pair``), a pair of policies over sequences
(``klbench.problems.sequences``), whose samples are ``Walks`` and whose log-probabilities are of tokens (``TokenProbs``
in ``klbench.derived.level``), the files of a training run (``klbench.problems.dump``), which have so many rows and
no more (``units``), groups of rows that share an error (``groups``), no score and no exact method, and checkpoints of
language models (``klbench.problems.checkpoints``), which have no score and no exact method either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from klbench.distributions.score import Score

Draw = Callable[[int], Any]
"""Gives the next so many samples of a block: a tensor [n, ...], or ``Walks``."""


BLOCK = {"cpu": 2**18, "cuda": 2**20}
"""The samples of one block, by the kind of device; of sequences, their tokens if all are as long as they may be. Part
of the format: changing it changes every number."""

FEWEST_SEQUENCES = 128
"""Of a block, however long they are: a token's draw costs the same for one sequence as for a hundred."""


class Problem(Protocol):
    """A source of samples and of their log-probabilities."""

    @property
    def key(self) -> bytes:
        """What its random streams are derived from, beside the seed and the number of the block."""

    @property
    def device(self) -> torch.device:
        """Where its samples are."""

    @property
    def units(self) -> int | None:
        """How many samples there are; None for as many as one asks for."""

    @property
    def numbers(self) -> int:
        """How many numbers one sample is, which decides how many samples are at work at once."""

    @property
    def tokens(self) -> int:
        """How many tokens one sample has at most, 1 for a single draw: a block has that many fewer samples."""

    def block(self, seed: int, number: int) -> Draw:
        """The samples of block ``number``, one after another. The same arguments give the same bytes."""

    def log_probs(self, x: Any) -> Any:
        """The log-probabilities of samples: ``LogProbs``, or ``TokenProbs`` of sequences."""

    def groups(self, x: Any) -> Tensor | None:
        """A number for each sample [n], equal where samples share an error; None where all are independent."""

    def score(self, parameters: tuple[str, ...] | None) -> Score | None:
        """The score of the policy in some of its parameters, all for None; None where there is nothing to derive."""


@runtime_checkable
class Slow(Protocol):
    """A problem whose samples take so long that it says itself how many a block has, and a pilot."""

    @property
    def sequences_of_block(self) -> int:
        """How many samples a full block has."""


def block_size(problem: Problem) -> int:
    """How many samples a full block of a problem has."""
    if isinstance(problem, Slow):
        return problem.sequences_of_block
    samples = BLOCK[problem.device.type]
    return max(samples // problem.tokens, FEWEST_SEQUENCES) if problem.tokens > 1 else samples
