"""Policies over sequences in plain Python, and the expression of each: all of their sequences one by one.

Nothing here knows klbench's tables: a policy is asked for its probabilities after a prefix, and says when it is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Row = Sequence[float]
Prefix = tuple[int, ...]


class Policy(Protocol):
    """A policy over sequences."""

    @property
    def written(self) -> str:
        """The expression, as a spec has it."""

    def after(self, prefix: Prefix) -> Row | None:
        """The probabilities of the next token; None where the sequence is over."""


@dataclass(frozen=True)
class Chain:
    """Markov(...) with given probabilities."""

    initial: Row
    transition: Sequence[Row]
    length: int
    eos: int | None = None

    @property
    def written(self) -> str:
        rows = f"initial={list(self.initial)}, transition={[*map(list, self.transition)]}"
        end = "" if self.eos is None else f", eos={self.eos}"
        return f"Markov({rows}, length={self.length}{end})"

    def after(self, prefix: Prefix) -> Row | None:
        if not prefix:
            return self.initial
        return None if len(prefix) == self.length or prefix[-1] == self.eos else self.transition[prefix[-1]]


@dataclass(frozen=True)
class Branches:
    """Tree({...})."""

    rows: Mapping[str, Row]

    @property
    def written(self) -> str:
        return "Tree({" + ", ".join(f'"{prefix}": {list(row)}' for prefix, row in self.rows.items()) + "})"

    def after(self, prefix: Prefix) -> Row | None:
        return self.rows.get(",".join(map(str, prefix)))


@dataclass(frozen=True)
class Step:
    """A token at its place: its probabilities, and the whole rows that it is one of."""

    q: float
    p: float
    sampler: float
    q_row: Row
    p_row: Row


Sequence_ = tuple[Step, ...]


@dataclass(frozen=True)
class Trio:
    """q, p and what is drawn; None where that is q."""

    q: Policy
    p: Policy
    sampler: Policy | None = None

    @property
    def pair(self) -> dict[str, str]:
        """As a spec has it."""
        drawn = {} if self.sampler is None else {"sampler": self.sampler.written}
        return {"q": self.q.written, "p": self.p.written, **drawn}

    def sequences(self) -> list[Sequence_]:
        """Every sequence that q, p or the sampler may write."""
        return list(self._from((), ()))

    def _from(self, prefix: Prefix, steps: Sequence_) -> Iterator[Sequence_]:
        q_row, p_row = self.q.after(prefix), self.p.after(prefix)
        drawn = q_row if self.sampler is None else self.sampler.after(prefix)
        if q_row is None or p_row is None or drawn is None:
            yield steps
            return
        for token, (q, p, sampler) in enumerate(zip(q_row, p_row, drawn, strict=True)):
            if q or p or sampler:
                yield from self._from((*prefix, token), (*steps, Step(q, p, sampler, q_row, p_row)))
