"""Policies over sequences side by side: one table of states in which all of them are, each in a state of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from math import prod

import numpy as np
import torch
from torch import Tensor

from klbench.errors import SpecError
from klbench.policies.table import ENDED, PolicyTable
from klbench.wording import joined

MOST_CELLS = 2**25
"""States times tokens of a joint table: each is a number of q, of p, of the sampler, and where it leads."""
_CELLS_AT_ONCE = 2**20
_LARGEST_CODE = 2**62
"""Combinations of states that an int64 tells apart."""


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
    """Goes breadth first through the combinations of states that a sequence may be in.

    A combination has a code, the number of its states in the base of how many each policy has.
    """

    def __init__(self, tables: Mapping[str, PolicyTable]) -> None:
        self._tables = tuple(tables.values())
        self._names = tuple(tables)
        self._vocabulary, self._length = self._tables[0].vocabulary, self._tables[0].length
        self._most = MOST_CELLS // self._vocabulary
        if prod(table.states for table in self._tables) > _LARGEST_CODE:
            raise self._too_many()
        self._numbers = {int(self._codes([torch.tensor([table.start]) for table in self._tables])): 0}
        self._states = [torch.tensor([[table.start] for table in self._tables])]
        self._came: list[tuple[int, int]] = [(0, -1)]
        self._following: list[Tensor] = []

    def walked(self) -> tuple[dict[str, Tensor], Tensor]:
        """The state of each policy in each combination [S], by its name, and where every token leads [S, V]."""
        front, first, depth = self._states[0], 0, 0
        while front.shape[1]:
            depth, behind = depth + 1, len(self._numbers)
            for part in torch.split(front, max(1, _CELLS_AT_ONCE // self._vocabulary), dim=1):
                self._step(part, first, last=depth == self._length)
                first += part.shape[1]
            new = torch.tensor(list(islice(self._numbers, behind, None)), dtype=torch.int64)
            front = self._decoded(new)
            self._states.append(front)
        return dict(zip(self._names, torch.cat(self._states, 1), strict=True)), torch.cat(self._following)

    def _step(self, states: Tensor, first: int, *, last: bool) -> None:
        """Where every token leads from some combinations [policies, n], numbered from ``first``; nowhere from the last
        token of the longest sequences."""
        leads = [table.following[own] for table, own in zip(self._tables, states, strict=True)]
        may = possible([table.log_probs[own] for table, own in zip(self._tables, states, strict=True)])
        ended = torch.stack([each == ENDED for each in leads])
        if not last:
            self._refuse_where_they_part(first, ended, may)
        following = torch.full_like(leads[0], ENDED)
        self._following.append(following)
        cells = torch.zeros_like(may) if last else may & ~ended.any(0)
        place = cells.reshape(-1).nonzero()[:, 0].numpy()
        codes, at, inverse = np.unique(
            self._codes([each[cells] for each in leads]).numpy(), return_index=True, return_inverse=True
        )
        numbers = np.empty(len(codes), dtype=np.int64)
        for index, code in enumerate(codes.tolist()):
            if code not in self._numbers:
                row, token = divmod(int(place[at[index]]), self._vocabulary)
                self._add(code, first + row, token)
            numbers[index] = self._numbers[code]
        following[cells] = torch.from_numpy(numbers[inverse])

    def _codes(self, states: Sequence[Tensor]) -> Tensor:
        code = torch.zeros_like(states[0])
        for table, own in zip(self._tables, states, strict=True):
            code = code * table.states + own
        return code

    def _decoded(self, codes: Tensor) -> Tensor:
        """The states of the policies [policies, n] that codes stand for."""
        states = []
        for table in reversed(self._tables):
            states.append(codes % table.states)
            codes = codes // table.states
        return torch.stack(states[::-1])

    def _add(self, code: int, before: int, token: int) -> None:
        if len(self._numbers) >= self._most:
            raise self._too_many()
        self._numbers[code] = len(self._numbers)
        self._came.append((before, token))

    def _too_many(self) -> SpecError:
        together = joined([f"{table.states:,}" for table in self._tables])
        message = f"{joined(self._names)} are together in more than {self._most:,} states"
        help = [f"they have {together} states by themselves", "take policies of fewer states or tokens"]
        return SpecError(message, help=help)

    def _refuse_where_they_part(self, first: int, ended: Tensor, may: Tensor) -> None:
        parts = (may & (ended.any(0) != ended.all(0))).nonzero()
        if not len(parts):
            return
        row, token = parts[0].tolist()
        over = dict(zip(self._names, ended[:, row, token].tolist(), strict=True))
        ends, on = (next(name for name, is_over in over.items() if is_over is which) for which in (True, False))
        before = self._prefix(first + row)
        after = f"after {','.join(map(str, before))}" if before else "at the start"
        help = ["q, p and sampler end at the same tokens: one eos in all, or trees with rows for the same prefixes"]
        parting = f"with the token {token} {after} a sequence of {ends} ends, and one of {on} goes on"
        raise SpecError(f"{ends} and {on} cannot be compared: {parting}", help=help)

    def _prefix(self, number: int) -> tuple[int, ...]:
        tokens: list[int] = []
        while number:
            number, token = self._came[number]
            tokens.append(token)
        return tuple(reversed(tokens))
