"""A pair of policies over sequences: q, p and what is drawn, as tables that walk together.

Every token is a cell of the joint table, so a term's value at a token is found in a table of the same size: it is
computed once for all cells, by the same function that single draws have, and looked up for each token that is drawn.
The exact roads sum over the same table.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from klbench.derived.precision import Evaluated
from klbench.distributions.stream import stream_for
from klbench.estimators.term import LogProbs
from klbench.policies.paths import Paths, count_of, paths_of
from klbench.policies.table import ENDED
from klbench.policies.walk import AliasRows, Walks, walk
from klbench.problems.problem import Draw

if TYPE_CHECKING:
    from klbench.distributions.expression import Expression
    from klbench.estimators.whole import Whole
    from klbench.policies.joint import Joint
    from klbench.problems.sequence_score import SequenceScore


@dataclass(frozen=True)
class SequencePair:
    """q, p, and the sampler, which is None where sequences come from q. See ``Problem``.

    Args:
        q, p, sampler: as they are written.
        joint: their tables, walking together.
    """

    q: Expression
    p: Expression
    sampler: Expression | None
    joint: Joint
    _rows: dict[Whole, Tensor] = field(default_factory=dict, compare=False, repr=False)
    _tables: dict[Evaluated, Tensor] = field(default_factory=dict, compare=False, repr=False)

    @property
    def device(self) -> torch.device:
        """See ``Problem``: sequences are drawn on the CPU, whatever device a run has."""
        return torch.device("cpu")

    @property
    def units(self) -> None:
        """As many sequences as one asks for."""

    @property
    def numbers(self) -> int:
        """See ``Problem``: a quarter of the tokens, so that of long sequences enough are drawn at once."""
        return max(1, self.joint.length // 4)

    @property
    def tokens(self) -> int:
        """See ``Problem``."""
        return self.joint.length

    @property
    def key(self) -> bytes:
        """See ``Problem``: what is drawn and compared."""
        return f"{self.q} | {self.p} | {'' if self.sampler is None else self.sampler}".encode()

    @cached_property
    def on_policy(self) -> SequencePair:
        """The same pair on sequences of q."""
        if self.sampler is None:
            return self
        return SequencePair(self.q, self.p, None, replace(self.joint, log_sampler=None))

    @property
    def log_base(self) -> Tensor:
        """The log-probabilities of what is drawn [S, V]."""
        joint = self.joint
        return joint.log_q if joint.log_sampler is None else joint.log_sampler

    @cached_property
    def cells(self) -> LogProbs:
        """The log-probabilities of every token in every state [S · V]."""
        joint, weight = self.joint, None
        if joint.log_sampler is not None:
            weight = _difference(joint.log_q, joint.log_sampler)
        return LogProbs(
            _difference(joint.log_p, joint.log_q), weight, self._absolute, lambda: (joint.log_q, joint.log_p)
        )

    def _absolute(self) -> tuple[Tensor, Tensor, Tensor]:
        log_q, log_p = self.joint.log_q.flatten(), self.joint.log_p.flatten()
        return log_q, log_p, log_q if self.joint.log_sampler is None else self.joint.log_sampler.flatten()

    def table(self, term: Evaluated) -> Tensor:
        """The term's value for every token in every state [S · V]."""
        if term not in self._tables:
            # a race of two threads computes the same table twice, and no more
            self._tables[term] = term.values(self.cells)
        return self._tables[term]

    @cached_property
    def joint_may_end(self) -> bool:
        """Whether lengths vary."""
        return bool((self.joint.following == ENDED).any())

    @cached_property
    def count_of_paths(self) -> float:
        """How many sequences can be drawn, infinite where they are too many to list."""
        return count_of(self.log_base, self.joint.following, self.joint.start, self.joint.length)[0]

    @cached_property
    def paths(self) -> Paths:
        """Every sequence that can be drawn."""
        return paths_of(self.log_base, self.joint.following, self.joint.start, self.joint.length)

    @cached_property
    def base_probs(self) -> Tensor:
        """The probabilities of what is drawn [S, V]."""
        return self.log_base.exp()

    def row_gradients(self, whole: Whole) -> Tensor:
        """The gradient of what each prefix has of an estimator of whole distributions, in q's logits there [S, V]."""
        if whole not in self._rows:
            self._rows[whole] = whole.row_gradients(self.joint.log_q, self.joint.log_p)
        return self._rows[whole]

    @cached_property
    def _alias(self) -> AliasRows:
        return AliasRows.of(self.base_probs)

    def block(self, seed: int, number: int) -> Draw:
        """See ``Problem``: every block has a stream of its own."""
        stream, joint = stream_for(seed, self.key, number), self.joint
        return lambda count: walk(self._alias, joint.following, joint.start, joint.length, count, stream)

    def log_probs(self, x: Walks) -> WalkProbs:
        """See ``Problem``."""
        return WalkProbs(self, x)

    def groups(self, x: Walks) -> None:
        """Sequences are independent."""

    def score(self, parameters: tuple[str, ...] | None) -> SequenceScore:  # noqa: ARG002
        """See ``Problem``: in the logits of q's whole table, which are all the parameters there are."""
        from klbench.problems.sequence_score import SequenceScore  # of gradients only

        return SequenceScore.of(self)


@dataclass(frozen=True)
class WalkProbs:
    """The log-probabilities of n sequences with N tokens: see ``klbench.derived.level.TokenProbs``."""

    problem: SequencePair
    walks: Walks

    @property
    def lengths(self) -> Tensor:
        """How many tokens each sequence has [n], float64."""
        return self.walks.lengths

    def tokens(self, term: Evaluated) -> Tensor:
        """The term's value for every token [N]."""
        return self.problem.table(term)[self.walks.cells]

    def total(self, values: Tensor) -> Tensor:
        """Values of tokens [N], added up for each sequence [n]."""
        return self.walks.total(values)

    def to_go(self, values: Tensor) -> Tensor:
        """Values of tokens [N] -> the sum of each and of all after it in its sequence [N]."""
        return self.walks.to_go(values)

    def spread(self, values: Tensor) -> Tensor:
        """Values of sequences [n], given to each of their tokens [N]."""
        return values[self.walks.owner]

    @cached_property
    def sequences(self) -> LogProbs:
        """The log-probabilities of whole sequences [n]."""
        cells = self.problem.cells
        weight = None if cells.log_weight is None else self._summed(cells.log_weight)
        # not a method of this: it would be kept alive by its own log-probabilities, until a collection finds them
        return LogProbs(self._summed(cells.log_ratio), weight, partial(_absolute, cells, self.walks))

    def _summed(self, of_cells: Tensor) -> Tensor:
        return self.walks.total(of_cells[self.walks.cells])


def _absolute(cells: LogProbs, walks: Walks) -> tuple[Tensor, Tensor, Tensor]:
    """(log_q, log_p, log_sampler) of whole sequences, each [n]."""
    log_q, log_p, log_sampler = (walks.total(log_probs[walks.cells]) for log_probs in cells.three)
    return log_q, log_p, log_sampler


def _difference(first: Tensor, second: Tensor) -> Tensor:
    """first − second [S · V], −inf and not NaN where the first is −inf."""
    return torch.where(first.isneginf(), first, first - second).flatten()
