"""The first two moments of a sequence's gradient in the logits of a table, component by component, along a chain.

Beside G, what becomes the gradient, a sequence has its score so far, Z, and the sum of its tokens' values so far, F:

    the score of a token:   Z += score,  G += F · score + own
    the value of a token:   F += value,  G += value · Z

So G is Σ own + F · Z at the end, and without F · score a sum of each value times the scores up to it. Both steps are
linear in (1, F, G, Z), so products of two of these follow from such products before. A token's score is in one row of
the table: the components of this row go on cell by cell, all others as states do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf

import torch
from torch import Tensor

from klbench.roads.chain import NOTHING_ALIVE, Chain, DenseMove, Move, visits
from klbench.roads.gradient_moments import GradientMoments, Pooled
from klbench.roads.monomials import Monomial, Step, needed_for, parts_of

_LAW, _MEAN, _SQUARE = ("1", "1"), ("1", "G"), ("G", "G")
_SHIFT: Step = {"G": (("shift", "1"),)}
MOST_NUMBERS = 2**22
"""Components times cells: some ten numbers are held of each."""
_A_TOKEN, _MONOMIALS, _GATHERED = 2**21, 16, 16
"""What a token takes in any case, how many monomials move on, and what moving them cell by cell takes beside a matrix
product, all in multiplications of that."""
_Place = tuple[int, int, int]
"""(a monomial's place, that of the one before, how often)."""


@dataclass(frozen=True)
class TokenSums:
    """What a sequence's gradient is a sum of.

    Args:
        own: what a token adds to the components of its state's row by itself [S, V, V], the last axis the components;
            None for nothing.
        value: of a token, for the score [S, V]; None for nothing.
        to_go: whether a value multiplies the scores up to its own token, and not all of the sequence.
    """

    own: Tensor | None = None
    value: Tensor | None = None
    to_go: bool = False

    @property
    def score_step(self) -> Step:
        """What the score of a token adds."""
        whole = self.value is not None and not self.to_go
        added = (("score", "F"),) * whole + (("own", "1"),) * (self.own is not None)
        return {"Z": (("score", "1"),), "G": added}

    @property
    def value_step(self) -> Step:
        """What the value of a token adds, after its score."""
        return {} if self.value is None else {"F": (("value", "1"),), "G": (("value", "Z"),)}

    def reached(self, chain: Chain) -> TokenSums | None:
        """The same, 0 where nothing is drawn; None where a number that is drawn is not finite."""
        there = (chain.probs > 0) & (visits(chain) > 0)[:, None]
        own = None if self.own is None else torch.where(there[..., None], self.own, 0.0)
        value = None if self.value is None else torch.where(there, self.value, 0.0)
        finite = all(bool(each.isfinite().all()) for each in (own, value) if each is not None)
        return TokenSums(own, value, self.to_go) if finite else None


@dataclass(frozen=True)
class Rows:
    """The rows of q's own table.

    Args:
        pi: q's probabilities in every state [S, V].
        row_of: the row of every state [S].
        count: how many rows there are, R.
    """

    pi: Tensor
    row_of: Tensor
    count: int

    @cached_property
    def scores(self) -> Tensor:
        """The score of every token in the components of its own row [S, V, V]."""
        return torch.eye(self.pi.shape[1], dtype=self.pi.dtype) - self.pi[:, None]

    @property
    def zeros(self) -> Tensor:
        """A number for each component [R, V]."""
        return self.pi.new_zeros(self.count, self.pi.shape[1])


def moments_of_gradient(chain: Chain, rows: Rows, sums: TokenSums, by_length: bool = False) -> GradientMoments | None:
    """The moments of a sequence's gradient, each divided by the sequence's length if asked for.

    The chain's numbers may be any weights: then an expectation is a sum with these weights, and there is no variance.
    None where a token that is drawn has a number that is not finite.
    """
    reached = sums.reached(chain)
    return None if reached is None else _Carrier(chain, rows, reached).moments(by_length)


def work_of(chain: Chain, rows: Rows) -> float:
    """How many multiplications the moments may take, in round numbers, with what a token takes in any case; infinite
    where what is carried would not fit."""
    components, cells = rows.count * rows.pi.shape[1], int((chain.probs > 0).sum())
    if components * cells > MOST_NUMBERS:
        return inf
    moved = chain.probs.numel() if chain.last_token_decides else _GATHERED * cells
    return chain.length * (_A_TOKEN + _MONOMIALS * (components * moved + 4 * cells * chain.probs.shape[1]))


@dataclass(frozen=True)
class _Token:
    """One more token with a power of its value.

    Args:
        move: of states.
        weights: of cells [S, V, 1].
        of_components, of_all: the monomials that it changes, of each kind.
    """

    move: Move
    weights: Tensor
    of_components: list[_Place]
    of_all: list[_Place]


@dataclass(frozen=True)
class _Carrier:
    """Monomials of every state: those that no component is in are numbers, the others have one for each component."""

    chain: Chain
    rows: Rows
    sums: TokenSums

    @cached_property
    def _monomials(self) -> tuple[tuple[Monomial, ...], tuple[Monomial, ...]]:
        every = needed_for(_SQUARE, (_SHIFT, self.sums.score_step, self.sums.value_step))
        shared = [set(each) <= {"1", "F"} for each in every]
        own = tuple(each for each, is_shared in zip(every, shared, strict=True) if not is_shared)
        return own, tuple(each for each, is_shared in zip(every, shared, strict=True) if is_shared)

    @cached_property
    def _moves(self) -> tuple[_Token, ...]:
        """One more token, by the power of its value."""
        value, (of_components, of_all) = self.sums.value, self._monomials
        powers = [torch.ones_like(self.chain.probs), *([] if value is None else [value, value**2])]
        return tuple(
            _Token(
                self.chain.move(power),
                self.chain.weighed(power)[..., None],
                self._by(n, of_components),
                self._by(n, of_all),
            )
            for n, power in enumerate(powers)
        )

    def _by(self, power: int, monomials: tuple[Monomial, ...]) -> list[_Place]:
        return [
            (place, monomials.index(part.before), part.times)
            for place, monomial in enumerate(monomials)
            for part in parts_of(self.sums.value_step, monomial)
            if len(part.factors) == power
        ]

    @cached_property
    def _after_cells(self) -> Tensor:
        """Where the components of each cell are after it, of (S + 1) · R rows [S · V]."""
        following = self.chain.following
        after = torch.where(following < 0, self.chain.states, following)
        return (after * self.rows.count + self.rows.row_of[:, None]).flatten()

    @cached_property
    def _own_of_states(self) -> Tensor:
        """What a token adds by itself in the mean, in each state [S, V]."""
        assert self.sums.own is not None
        return (self.chain.probs[..., None] * self.sums.own).sum(1)

    def moments(self, by_length: bool) -> GradientMoments:
        """Token by token; what ends is added up, and all that is left after the last."""
        of_components, of_all = self._monomials
        mean, square, law = of_components.index(_MEAN), of_components.index(_SQUARE), of_all.index(_LAW)
        own = self.rows.zeros.new_zeros(len(of_components), self.chain.states, *self.rows.zeros.shape)
        shared = own.new_zeros(len(of_all), self.chain.states)
        shared[law, self.chain.start] = 1.0
        shifted, pooled = self.rows.zeros, Pooled.nothing(self.rows.zeros)
        for t in range(1, self.chain.length + 1):
            shift = self._shift(shared[law])
            own, shared = self._on(own, shared, shift)
            shifted = shifted if shift is None else shifted + shift
            over = slice(None) if t == self.chain.length else slice(-1, None)
            first, second = own[mean, over].sum(0), own[square, over].sum(0)
            pooled = pooled.plus(float(shared[law, over].sum()), first, second, shifted, t if by_length else 1)
            own, shared = own[:, :-1], shared[:, :-1]
            if float(shared[law].sum()) < NOTHING_ALIVE:
                break
        return pooled.moments

    def _shift(self, law: Tensor) -> Tensor | None:
        """What a token adds to G by itself in the mean [R, V]: G is carried less that, so that a constant cancels."""
        if self.sums.own is None:
            return None
        return self.rows.zeros.index_add_(0, self.rows.row_of, law[:, None] * self._own_of_states) / law.sum()

    def _on(self, own: Tensor, shared: Tensor, shift: Tensor | None) -> tuple[Tensor, Tensor]:
        """Monomials [K, S, R, V] and [M, S] after one more token, [K, S + 1, R, V] and [M, S + 1]."""
        states, row_of, numbers = torch.arange(self.chain.states), self.rows.row_of, shared[..., None, None]
        inside, factors = own[:, states, row_of][:, :, None], {"score": self.rows.scores}
        if shift is not None:
            assert self.sums.own is not None
            factors["own"] = self.sums.own - shift[row_of][:, None]
            own = self._added(_SHIFT, own, numbers, {"shift": -shift})
        own[:, states, row_of] = 0.0
        cells = self._added(self.sums.score_step, inside, numbers, factors)
        return self._moved(own, cells), self._moved_shared(shared)

    def _added(self, step: Step, own: Tensor, shared: Tensor, factors: Mapping[str, Tensor]) -> Tensor:
        """Monomials after what a step adds, of those before it; each is as wide as its factors make it."""
        of_components, of_all = self._monomials
        after = []
        for monomial in of_components:
            summands = []
            for part in parts_of(step, monomial):
                before = part.before
                number = own[of_components.index(before)] if before in of_components else shared[of_all.index(before)]
                for factor in part.factors:
                    number = number * factors[factor]
                summands.append(number if part.times == 1 else part.times * number)
            after.append(sum(summands[1:], summands[0]))
        return torch.stack(torch.broadcast_tensors(*after))  # type: ignore[no-untyped-call]

    def _moved(self, own: Tensor, cells: Tensor) -> Tensor:
        """Monomials of states [K, S, R, V] and of cells [K, S, V, V], in the states after them [K, S + 1, R, V]."""
        count, states, rows, tokens = own.shape
        first, *others = self._moves
        # without its value a token changes no monomial
        moved, after = _weighed(first.move, own.flatten(2)), cells * first.weights
        for token in others:
            sources = sorted({source for _, source, _ in token.of_components})
            changed = _weighed(token.move, own[sources].flatten(2))
            for place, source, times in token.of_components:
                moved[place].add_(changed[sources.index(source)], alpha=times)
                after[place].addcmul_(cells[source], token.weights, value=times)
        ahead = own.new_zeros(count, states + 1, rows * tokens).index_add_(1, first.move.targets, moved)
        by_rows = ahead.view(count, (states + 1) * rows, tokens)
        by_rows.index_add_(1, self._after_cells, after.flatten(1, 2))
        return ahead.view(count, states + 1, rows, tokens)

    def _moved_shared(self, shared: Tensor) -> Tensor:
        after = shared.new_zeros(len(shared), self.chain.states + 1)
        for token in self._moves:
            for place, source, times in token.of_all:
                after[place].add_(token.move.forward(shared[source : source + 1])[0], alpha=times)
        return after


def _weighed(move: Move, rows: Tensor) -> Tensor:
    """Numbers on states [K, S, N], times a move's weights: for each of its targets [K, n, N]."""
    return move.weights.T @ rows if isinstance(move, DenseMove) else rows[:, move.states] * move.weights[:, None]
