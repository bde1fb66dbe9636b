"""Policies over sequences side by side: one table of states in which all of them are, each in a state of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from klbench.errors import SpecError
from klbench.policies.table import ENDED, PolicyTable

MOST_CELLS = 2**25
"""States times tokens of a joint table: each is a number of q, of p, of the sampler, and where it leads."""


@dataclass(frozen=True)
class Joint:
    """Policies that walk together.

    Args:
        log_q: log-probability of every token in every joint state [S, V], float64, nats.
        log_p: the same of p.
        log_sampler: the same of the sampler; None where that is q.
        following: the joint state that a token leads to [S, V], int64, or ENDED. A view of one row where the last token
            alone decides.
        start: the first state.
        length: no sequence has more tokens.
        row_of_q: which state of q's own table each joint state is [S], int64.
    """

    log_q: Tensor
    log_p: Tensor
    log_sampler: Tensor | None
    following: Tensor
    start: int
    length: int
    row_of_q: Tensor

    def prefix(self, state: int) -> tuple[int, ...]:
        """A shortest sequence of tokens that leads to a state, of those that q, p or the sampler may have.

        Raises:
            ValueError: none does.
        """
        tokens: list[int] = []
        while state != self.start:
            if int(self._came_from[0][state]) < 0:
                raise ValueError(f"nothing leads to the state {state}")
            tokens.append(int(self._came_from[1][state]))
            state = int(self._came_from[0][state])
        return tuple(reversed(tokens))

    @cached_property
    def _came_from(self) -> tuple[Tensor, Tensor]:
        """The state before each one on a shortest way to it [S], −1 where there is none, and the token between [S]."""
        states, vocabulary = self.log_q.shape
        before, token = np.full(states, -1), np.full(states, -1)
        reached = np.zeros(states, dtype=bool)
        reached[self.start] = True
        front = np.array([self.start])
        while len(front):
            rows = torch.from_numpy(front)
            leads = self.following[rows].where(self._possible(rows), ENDED).numpy().reshape(-1)
            found, cells = np.unique(leads, return_index=True)  # of several ways the first
            new = (found != ENDED) & ~reached[found]
            before[found[new]], token[found[new]] = front[cells[new] // vocabulary], cells[new] % vocabulary
            reached[found[new]] = True
            front = found[new]
        return torch.from_numpy(before), torch.from_numpy(token)

    def _possible(self, rows: Tensor) -> Tensor:
        """Which tokens any of the policies may have in some states."""
        given = [log_probs for log_probs in (self.log_q, self.log_p, self.log_sampler) if log_probs is not None]
        return possible([log_probs[rows] for log_probs in given])


def possible(log_probs: Sequence[Tensor]) -> Tensor:
    """Which tokens any of several policies may have: some log-probability is above −inf."""
    return torch.stack([rows > -torch.inf for rows in log_probs]).any(0)


def joint(q: PolicyTable, p: PolicyTable, sampler: PolicyTable | None = None) -> Joint:
    """The policies together: their own states where these are the same, else every combination that is reached.

    Raises:
        SpecError: their vocabularies or lengths differ, a sequence ends in one and goes on in another, or there are
            more than ``MOST_CELLS`` states times tokens.
    """
    tables = {"q": q, "p": p} if sampler is None else {"q": q, "p": p, "sampler": sampler}
    for name, table in tables.items():
        _check_sizes(q, name, table)
    rows: Mapping[str, Tensor]
    if all(_same_states(q, table) for table in tables.values()):
        rows = dict.fromkeys(tables, torch.arange(q.states))
        following, start = q.following, q.start
        taken = {name: table.log_probs for name, table in tables.items()}
    else:
        rows, following = _Product(tables).walked()
        start = 0
        taken = {name: table.log_probs[rows[name]] for name, table in tables.items()}
    return Joint(taken["q"], taken["p"], taken.get("sampler"), following, start, q.length, rows["q"])


def _check_sizes(q: PolicyTable, name: str, other: PolicyTable) -> None:
    for what, one, another in (
        ("tokens in the vocabulary", q.vocabulary, other.vocabulary),
        ("tokens at most in a sequence", q.length, other.length),
    ):
        if one != another:
            help = ["q, p and sampler have one vocabulary and one length"]
            raise SpecError(f"q and {name} cannot be compared: q has {one:,} {what}, {name} {another:,}", help=help)


def _same_states(left: PolicyTable, right: PolicyTable) -> bool:
    if left.start != right.start or left.following.shape != right.following.shape:
        return False
    views = [table.following[:1] if table.following.stride(0) == 0 else table.following for table in (left, right)]
    return bool((views[0] == views[1]).all())


class _Product:
    """Goes breadth first through the combinations of states that a sequence may be in."""

    def __init__(self, tables: Mapping[str, PolicyTable]) -> None:
        self._tables = tuple(tables.values())
        self._names = tuple(tables)
        self._length = self._tables[0].length
        self._most = MOST_CELLS // self._tables[0].vocabulary
        start = tuple(table.start for table in self._tables)
        self._states = {start: 0}
        self._came: list[tuple[int, int]] = [(0, -1)]
        self._following: list[Tensor] = []

    def walked(self) -> tuple[Mapping[str, Tensor], Tensor]:
        """The state of each policy in each combination [S], by its name, and where every token leads [S, V]."""
        front, depth = [next(iter(self._states))], 0
        while front:
            depth += 1
            front = [state for each in front for state in self._steps(each, last=depth == self._length)]
        columns = torch.tensor(list(self._states)).T
        return dict(zip(self._names, columns, strict=True)), torch.stack(self._following)

    def _steps(self, state: tuple[int, ...], *, last: bool) -> list[tuple[int, ...]]:
        """The combinations first seen behind one; what is behind the last token of the longest sequences is nowhere."""
        number = self._states[state]
        leads = torch.stack([table.following[own] for table, own in zip(self._tables, state, strict=True)])
        rows = [table.log_probs[own] for table, own in zip(self._tables, state, strict=True)]
        ended, may = leads == ENDED, possible(rows)
        if not last:
            self._refuse_where_they_part(number, ended, may)
        goes_on = may & ~ended.any(0) & (not last)
        following = torch.full_like(leads[0], ENDED)
        self._following.append(following)
        different, inverse = torch.unique(leads[:, goes_on], dim=1, return_inverse=True)
        tokens = goes_on.nonzero()[:, 0]
        numbers, new = [], []
        for index, each in enumerate(map(tuple, different.T.tolist())):
            if each not in self._states:
                self._add(each, number, int(tokens[(inverse == index).nonzero()[0, 0]]))
                new.append(each)
            numbers.append(self._states[each])
        following[goes_on] = torch.tensor(numbers, dtype=torch.int64)[inverse]
        return new

    def _add(self, state: tuple[int, ...], before: int, token: int) -> None:
        if len(self._states) >= self._most:
            together = " x ".join(f"{table.states:,}" for table in self._tables)
            message = f"{' and '.join(self._names)} are together in more than {self._most:,} states"
            help = [f"they have {together} states by themselves", "take policies of fewer states or tokens"]
            raise SpecError(message, help=help)
        self._states[state] = len(self._states)
        self._came.append((before, token))

    def _refuse_where_they_part(self, number: int, ended: Tensor, may: Tensor) -> None:
        parts = may & (ended.any(0) != ended.all(0))
        if not bool(parts.any()):
            return
        token = int(parts.nonzero()[0, 0])
        ends, on = (
            next(name for name, is_over in zip(self._names, ended[:, token].tolist(), strict=True) if is_over == which)
            for which in (True, False)
        )
        before = self._prefix(number)
        after = f" after {','.join(map(str, before))}" if before else " at the start"
        help = ["q, p and sampler end at the same tokens: one eos in all, or trees with rows for the same prefixes"]
        parting = f"with the token {token}{after} a sequence of {ends} ends, and one of {on} goes on"
        raise SpecError(f"{' and '.join(self._names)} cannot be compared: {parting}", help=help)

    def _prefix(self, number: int) -> tuple[int, ...]:
        tokens: list[int] = []
        while number:
            number, token = self._came[number]
            tokens.append(token)
        return tuple(reversed(tokens))
