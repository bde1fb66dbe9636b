"""The log-probabilities of a run's files as a source: sequences that are there, group by group, and no more.

Groups of sequences that share an error are what is counted as independent: a block has so many groups, and accumulators
add up what each group has. There is no score, no exact method, and nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from klbench.dumps.row import Role
from klbench.estimators.term import LogProbs, OfRows
from klbench.problems.problem import Draw, block_size

if TYPE_CHECKING:
    from klbench.derived.precision import Evaluated
    from klbench.dumps.packed import Packed


@dataclass(frozen=True)
class Sequences:
    """Some sequences of a dump.

    Args:
        log_q, log_p: of every token [N], one sequence after another.
        log_sampler: None where the tokens are q's.
        lengths: how many tokens each sequence has [n], int64.
        groups: the number of each sequence's group, from 0 [n], int64.
        known: what is known exactly of every token, by the function of whole distributions it is [N].
        numbers: which sequences they are [n], int64.
    """

    log_q: Tensor
    log_p: Tensor
    log_sampler: Tensor | None
    lengths: Tensor
    groups: Tensor
    known: Mapping[OfRows, Tensor]
    numbers: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def owner(self) -> Tensor:
        """Which sequence each token belongs to [N]."""
        return torch.repeat_interleave(torch.arange(len(self)), self.lengths)


@dataclass(frozen=True)
class Dump:
    """The policy q, the reference p and where tokens came from, as a run has saved them. See ``Problem``.

    Args:
        packed: the numbers.
        q, p: whose log-probabilities are q's and p's.
        sampler: whose are those of what drew the tokens, None where that is q.
        known: the functions of whole distributions that the file knows, by name.
    """

    packed: Packed = field(repr=False)
    q: Role
    p: Role
    sampler: Role | None
    known: Mapping[str, OfRows] = field(default_factory=dict)

    @property
    def is_mismatch(self) -> bool:
        """Whether the trainer is compared with the engine that drew the tokens."""
        return self.q == "log_sampler" and self.p == "log_q"

    @property
    def wholes(self) -> tuple[OfRows, ...]:
        """The functions of whole distributions whose value every token has."""
        return tuple(self.known.values())

    @property
    def device(self) -> torch.device:
        """See ``Problem``."""
        return torch.device("cpu")

    @property
    def units(self) -> int:
        """See ``Problem``: how many groups there are."""
        return self.packed.groups

    @property
    def numbers(self) -> int:
        """See ``Problem``."""
        return 4 * self.tokens

    @property
    def tokens(self) -> int:
        """See ``Problem``: those of a mean group."""
        return -(-self.packed.tokens // max(1, self.packed.groups))

    @property
    def key(self) -> bytes:
        """See ``Problem``: nothing is drawn."""
        return f"{self.q} | {self.p} | {self.sampler or ''}".encode()

    def block(self, seed: int, number: int) -> Draw:  # noqa: ARG002
        """See ``Problem``: the groups of block ``number`` in the order of the file; of a block that is not there, such
        as the pilot's, those of the first."""
        first = number * block_size(self)
        place = [first if first < self.units else 0]

        def draw(count: int) -> Sequences:
            start = place[0]
            place[0] = min(start + count, self.units)
            return self._of(start, place[0])

        return draw

    def _of(self, first: int, last: int) -> Sequences:
        packed = self.packed
        numbers, groups = packed.of_groups(first, last)
        tokens = packed.tokens_of(numbers)
        log_probs = {role: torch.from_numpy(np.array(column[tokens])) for role, column in packed.log_probs.items()}
        known = {
            function: torch.from_numpy(np.array(packed.known[name][tokens])) for name, function in self.known.items()
        }
        packed.release()
        return Sequences(
            log_probs[self.q],
            log_probs[self.p],
            log_probs[self.sampler] if self.sampler else None,
            torch.from_numpy(packed.starts[numbers + 1] - packed.starts[numbers]),
            torch.from_numpy(groups.astype(np.int64)),
            known,
            torch.from_numpy(np.array(numbers)),
        )

    def log_probs(self, x: Sequences) -> SequenceProbs:
        """See ``Problem``."""
        return SequenceProbs(x)

    def groups(self, x: Sequences) -> Tensor:
        """See ``Problem``."""
        return x.groups

    def score(self, parameters: tuple[str, ...] | None) -> None:
        """See ``Problem``: a file of log-probabilities has nothing to derive."""


@dataclass(frozen=True)
class SequenceProbs:
    """The log-probabilities of n sequences with N tokens in all: see ``klbench.derived.level.TokenProbs``."""

    x: Sequences

    @cached_property
    def lengths(self) -> Tensor:
        """How many tokens each sequence has [n], float64."""
        return self.x.lengths.double()

    @cached_property
    def of_tokens(self) -> LogProbs:
        """The log-probabilities of all tokens [N]."""
        x = self.x
        weight = None if x.log_sampler is None else _difference(x.log_q, x.log_sampler)
        # not a method of this: it would be kept alive by its own log-probabilities, until a collection finds them
        return LogProbs(_difference(x.log_p, x.log_q), weight, partial(_absolute, x), known=x.known)

    @cached_property
    def sequences(self) -> LogProbs:
        """The log-probabilities of whole sequences [n]."""
        of_tokens = self.of_tokens
        weight = None if of_tokens.log_weight is None else self.total(of_tokens.log_weight)
        return LogProbs(self.total(of_tokens.log_ratio), weight, partial(_of_sequences, self.x))

    def tokens(self, term: Evaluated) -> Tensor:
        """The term's value for every token [N]."""
        return term.values(self.of_tokens)

    def total(self, values: Tensor) -> Tensor:
        """Values of tokens [N], added up for each sequence [n]."""
        return _total(self.x, values)

    def to_go(self, values: Tensor) -> Tensor:
        """Values of tokens [N] -> the sum of each and of all after it in its sequence [N]."""
        summed = values.flip(0).cumsum(0).flip(0)
        ends = self.x.lengths.cumsum(0)
        after = torch.cat([summed, summed.new_zeros(1)])[ends]
        return summed - after[self.x.owner]

    def spread(self, values: Tensor) -> Tensor:
        """Values of sequences [n], given to each of their tokens [N]."""
        return values[self.x.owner]


def _difference(first: Tensor, second: Tensor) -> Tensor:
    """first − second [N], −inf and not NaN where the first is −inf."""
    return torch.where(first.isneginf(), first, first - second)


def _total(x: Sequences, values: Tensor) -> Tensor:
    """Values of tokens [N], added up for each sequence [n]."""
    return torch.bincount(x.owner, weights=values, minlength=len(x))


def _absolute(x: Sequences) -> tuple[Tensor, Tensor, Tensor]:
    """(log_q, log_p, log_sampler) of all tokens, each [N]."""
    return x.log_q, x.log_p, x.log_q if x.log_sampler is None else x.log_sampler


def _of_sequences(x: Sequences) -> tuple[Tensor, Tensor, Tensor]:
    """(log_q, log_p, log_sampler) of whole sequences, each [n]."""
    log_q, log_p, log_sampler = (_total(x, log_probs) for log_probs in _absolute(x))
    return log_q, log_p, log_sampler
