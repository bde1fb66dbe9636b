"""The law of a sequence's L = Σ log_ratio under q tilted by e^(kL): token by token, exactly.

A tilted chain is carried forward with probabilities · e^(k·log_ratio), each step brought back to mass 1, and with the
moments of the partial sum about its own mean. Where k or log_ratio is small, log E[e^(kL)] less k E[L] is of second
order: it is carried by itself too, so that no digit of it is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb, exp, inf, log, log1p, sqrt

import torch
from torch import Tensor

from klbench.estimators.term import Expansion
from klbench.roads.chain import Chain, Move, moved_on, visits
from klbench.roads.chain_sums import mean_of_sums
from klbench.roads.exact_moments import Exact
from klbench.roads.expansion import Key
from klbench.roads.factors import exact_of_tilts, keys_of
from klbench.roads.tilted_factor import expm1_remainder
from klbench.roads.tilts import INFINITE, Tilt, Tilts, cumulants_of
from klbench.tolerances import ARITHMETIC_ROUNDING, EPSILON, LOG_KEPT_APART

LARGEST_NEAR = 50.0
"""|k·log_ratio| of a token up to which log E[e^(kL)] may be small: e^50 for itself is held with room to spare."""


def exact_of_sequences(chain: Chain, log_ratio: Tensor, expansion: Expansion) -> Exact:
    """The exact moments of an estimator that is a finite sum of powers and exponentials of L, of whole sequences.

    ``chain`` is q's; log_ratio = log p − log q of each token [S, V], nats, −inf where p has none.
    """
    return exact_of_tilts(expansion, tilts_of_chain(chain, log_ratio, keys_of(expansion)))


def tilts_of_chain(chain: Chain, log_ratio: Tensor, keys: frozenset[Key]) -> Tilts:
    """The laws of L that the expectations of ``keys`` need; log_ratio [S, V]."""
    most: dict[float, int] = {0.0: 2}
    for power, rate in sorted(keys):
        most[rate] = max(most.get(rate, 0), power)
    return _laws(chain, log_ratio, most)


def _laws(chain: Chain, log_ratio: Tensor, most: Mapping[float, int]) -> Tilts:
    visited = visits(chain)
    kept = (chain.probs > 0) & (visited > 0)[:, None]
    log_ratio = torch.where(kept, log_ratio, 0.0)
    centre = float(mean_of_sums(chain, log_ratio[None], visited))
    has_mean = abs(centre) < inf
    rounding = EPSILON * torch.where(kept, (1 + chain.probs.log().abs() + log_ratio.abs()), 0.0)
    # log_ratio of 0 throughout is q = p to the last digit
    rounding = torch.where(log_ratio == 0, 0.0, rounding)
    law = _Sums(chain, log_ratio, rounding, centre if has_mean else 0.0, has_mean)
    return Tilts({rate: law.tilt(rate, top) for rate, top in most.items()}, law.mean, "enumeration")


@dataclass(frozen=True)
class _Sums:
    """A chain with the values of its tokens [S, V], their rounding [S, V], and E L, 0 where there is none."""

    chain: Chain
    log_ratio: Tensor
    rounding: Tensor
    mean: float
    has_mean: bool

    def tilt(self, rate: float, top: int) -> Tilt:
        """The law tilted by e^(rate·L), with its first ``top`` cumulants."""
        if not self.has_mean and rate <= 0:
            return INFINITE if rate < 0 else Tilt(0.0, 0.0, (), (), 0, 0.0)
        found = carried(self.chain, self.log_ratio, self.rounding, rate, top + top % 2)
        if found is None:
            return Tilt(-inf, 0.0, (0.0,) * top, (0.0,) * top, top, 0.0)
        unit = ARITHMETIC_ROUNDING * (8 + self.chain.length)
        log_mass, shift = (0.0, 0.0) if rate == 0 else (found.log_mass, found.mean - self.mean)
        mass_error, shift_error = (0.0, 0.0) if rate == 0 else (unit * abs(log_mass), unit * (abs(shift) + found.size))
        near = self._near(rate) if rate != 0 and self.has_mean else None
        if near is not None:
            log_mass, mass_error, shift, shift_error = near.log_mass, unit * near.size, near.shift, unit * near.shifted
        errors = [shift_error, *(order * unit * size for order, size in enumerate(found.sizes(), start=2))]
        cumulants = cumulants_of(shift, found.central)
        return Tilt(log_mass, mass_error, cumulants[:top], tuple(errors[:top]), top, found.rounding)

    def _near(self, rate: float) -> _Near | None:
        tilted = rate * self.log_ratio
        if float(tilted.abs().max()) > LARGEST_NEAR:
            return None
        found = near_one(self.chain, self.log_ratio, rate)
        excess = found.beyond + rate * self.mean
        if not abs(excess) < LOG_KEPT_APART / 2:
            return None
        shift = (found.moved - self.mean * excess) / (1 + excess)
        shifted = (found.moved_size + abs(self.mean * excess)) / (1 + excess)
        return _Near(log1p(excess), found.beyond_size / (1 + excess), shift, shifted)


@dataclass(frozen=True)
class _Near:
    """log E[e^(kL)] and the shift of the mean of L, each with the size of what it is a sum of."""

    log_mass: float
    size: float
    shift: float
    shifted: float


@dataclass(frozen=True)
class Carried:
    """The tilted law of L.

    Args:
        log_mass: log E[e^(kL)].
        mean: of L under it.
        size: the sum of the sizes of the means it is a sum of.
        central: its central moments of order 2, 3, ...
        rounding: how far rounding of the tokens' values may move the mean.
    """

    log_mass: float
    mean: float
    size: float
    central: tuple[float, ...]
    rounding: float

    def sizes(self) -> list[float]:
        """Bounds of E |L − mean|^j of order 2, 3, ...: an odd one from the even ones beside it."""
        even = (1.0, *self.central[::2])
        return [
            even[j // 2] if j % 2 == 0 else sqrt(even[j // 2] * even[j // 2 + 1]) for j in range(2, 2 * len(even) - 1)
        ]


def carried(chain: Chain, log_ratio: Tensor, rounding: Tensor, rate: float, top: int) -> Carried | None:
    """The law of Σ log_ratio [S, V] tilted by ``rate``, with ``top`` moments; None where E[e^(kL)] is 0."""
    tilted = chain.probs.log() + (rate * log_ratio if rate != 0 else 0.0)
    unit = max(0.0, float(tilted.max()))
    weights, kept = (tilted - unit).exp(), exp(-unit)
    has = weights > 0
    mass = weights.sum(-1)
    value = torch.where(has, log_ratio, 0.0)
    state = (weights * value).sum(-1) / torch.where(mass > 0, mass, 1.0)
    rest = torch.where(has, value - state[:, None], 0.0)
    moves = [_weighted(chain, weights * rest**power) for power in range(top + 1)]
    # what ended goes on with value 0
    mass, state = (torch.cat([each, each.new_tensor([last])]) for each, last in ((mass, kept), (state, 0.0)))
    rows = torch.zeros(top + 1, chain.states + 1, dtype=weights.dtype)
    rows[0, chain.start], log_mass, mean, size = 1.0, 0.0, 0.0, 0.0
    # E[Σ rounding; state], carried as the moments are
    noise, noisy = torch.zeros_like(rows[:1]), _weighted(chain, weights * rounding)
    for _ in range(chain.length):
        total = float(rows[0] @ mass)
        if total == 0:
            return None
        past = float(rows[1] @ mass) if top else 0.0
        step = (past + float((rows[0] * state) @ mass)) / total
        noise = (_on(moves[0], noise, kept) + noisy.forward(rows[:1, :-1])) / total
        rows = _moved(moves, _about(rows, state - step), kept) / total
        log_mass, mean, size = log_mass + log(total) + unit, mean + step, size + abs(step)
    central = (rows.sum(-1) / rows[0].sum()).tolist()[2:]
    return Carried(log_mass, mean, size, tuple(central), float(noise.sum()))


def _weighted(chain: Chain, weights: Tensor) -> Move:
    """A move by weights [S, V] themselves, 0 wherever the probability is."""
    return chain.move(torch.where(weights != 0, weights / chain.probs, 0.0))


def _on(move: Move, rows: Tensor, kept: float) -> Tensor:
    moved = move.forward(rows[:, :-1])
    moved[:, -1] += kept * rows[:, -1]
    return moved


def _about(rows: Tensor, shift: Tensor) -> Tensor:
    """Moments of x in each state as those of x + shift [J + 1, S + 1]."""
    return torch.stack(
        [sum((comb(j, i) * rows[i] * shift ** (j - i) for i in range(j)), rows[j]) for j in range(len(rows))]
    )


def _moved(moves: list[Move], rows: Tensor, kept: float) -> Tensor:
    """Moments of x in each state as those of x + what the next token adds, in the state after it."""
    after = torch.zeros_like(rows)
    for power, move in enumerate(moves):
        moved = move.forward(rows[: len(rows) - power, :-1])
        for i, row in enumerate(moved):
            after[i + power] += comb(i + power, i) * row
    after[:, -1] += kept * rows[:, -1]
    return after


@dataclass(frozen=True)
class NearOne:
    """E[e^(kL) − 1 − kL] and E[L (e^(kL) − 1)], with the sizes of what they are sums of."""

    beyond: float
    beyond_size: float
    moved: float
    moved_size: float


def near_one(chain: Chain, log_ratio: Tensor, rate: float) -> NearOne:
    """What is of second order in L = Σ log_ratio [S, V]; log_ratio is finite."""
    x = rate * log_ratio
    more, grown = x.expm1(), x.exp()
    remainder = torch.where(x.abs() < 1, expm1_remainder(x.clamp(-1, 1)), more - x)
    tilt, value, added = chain.move(grown), chain.move(log_ratio), chain.move(more)
    beyond_one, value_grown, value_added = (
        chain.move(each) for each in (remainder, log_ratio * grown, log_ratio * more)
    )
    law = chain.starting()
    # E[L; state], E[e^(kL) − 1; state], and the two asked for
    past, excess, beyond, moved = (torch.zeros_like(law) for _ in range(4))
    for _ in range(chain.length):
        alive, so_far, above = law[:, :-1], past[:, :-1], excess[:, :-1]
        crossed = added.forward(so_far)
        beyond = _on(tilt, beyond, 1.0) + beyond_one.forward(alive) + rate * crossed
        moved = _on(tilt, moved, 1.0) + crossed + value_grown.forward(above) + value_added.forward(alive)
        past, excess = moved_on(chain, past) + value.forward(alive), _on(tilt, excess, 1.0) + added.forward(alive)
        law = moved_on(chain, law)
    return NearOne(float(beyond.sum()), float(beyond.abs().sum()), float(moved.sum()), float(moved.abs().sum()))
