"""The sampling road of gradients: blocks of draws, from the same numbered streams as values, merged in block order.

All gradients of a case are R coefficients times one score. Where the support is finite the draws are only counted: how
often each point came up tells every moment of every gradient, and memory grows with the number of points and not with
the number of samples times parameters. Elsewhere each block leaves sums of products behind. With a baseline the unit
is a whole batch, whose gradient is one vector.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from math import nan, prod

import torch
from torch import Tensor

from klbench.distributions.distribution import Distribution
from klbench.distributions.score import OneHotScore, Score
from klbench.distributions.stream import Stream
from klbench.roads.gradient import Atoms
from klbench.roads.integrand import Integrand
from klbench.roads.sampling import BLOCK, AtWork, Told, chunks, heard, in_order, unheard
from klbench.stats.tail import Largest, all_above, all_merged, khat, none_yet
from klbench.stats.vectors import OnPoints, Sums, VectorMoments

Streams = Callable[[int], Stream]


class Gradients(ABC):
    """What ``count`` units have shown of R gradients."""

    count: int

    @abstractmethod
    def moments(self, row: int) -> VectorMoments:
        """The moments of one of the R gradients."""

    @abstractmethod
    def nonfinite(self, row: int) -> int:
        """How many of its vectors had an entry that is infinite or NaN."""

    def khat(self, row: int) -> float:  # noqa: ARG002
        """Pareto-k̂ of the lengths of its vectors; NaN on a finite support, where every moment exists."""
        return nan


@dataclass(frozen=True)
class Counted(Gradients):
    """How often each atom came up [V], int64; R coefficients at the atoms [V] each."""

    count: int
    counts: Tensor
    atoms: Atoms
    coefficients: tuple[Tensor, ...]

    def moments(self, row: int) -> VectorMoments:
        """See ``Gradients.moments``."""
        frequencies = self.counts.double() / self.count
        return OnPoints(frequencies, self.coefficients[row].masked_fill(self.counts == 0, 0.0), self.atoms.table)

    def nonfinite(self, row: int) -> int:
        """See ``Gradients.nonfinite``."""
        return int(self.counts[~self.coefficients[row].isfinite()].sum())


@dataclass(frozen=True)
class Summed(Gradients):
    """Sums over the draws, and the largest lengths of each gradient's vectors."""

    sums: Sums
    longest: tuple[Largest, ...]

    @staticmethod
    def of(sums: Sums, lengths: Sequence[Tensor], seen: Sequence[Largest]) -> Summed:
        """Of some units: their sums, and of the lengths [R] of [n] those that may still be among the largest."""
        return Summed(sums.cpu(), all_above(lengths, seen))

    def merge(self, other: Summed) -> Summed:
        """Both samples together."""
        return Summed(self.sums.merge(other.sums), all_merged(self.longest, other.longest))

    @property
    def count(self) -> int:  # type: ignore[override]
        """The number of units."""
        return self.sums.count

    def moments(self, row: int) -> VectorMoments:
        """See ``Gradients.moments``."""
        return self.sums.moments(row)

    def nonfinite(self, row: int) -> int:
        """See ``Gradients.nonfinite``."""
        return int(self.sums.nonfinite[row])

    def khat(self, row: int) -> float:
        """See ``Gradients.khat``."""
        return khat(self.longest[row])


def count_draws(
    integrand: Integrand,
    score: Score,
    atoms: Atoms,
    streams: Streams,
    samples: int,
    in_flight: int,
    told: Told = unheard,
) -> Iterator[Counted]:
    """Draw, and count how often each atom comes up; yields the whole so far after each block.

    In between, ``told`` is told now and then how many samples are drawn.
    """
    at = integrand.log_probs(atoms.x)
    coefficients = tuple(term.values(at).cpu() for term in integrand.terms)
    number_of, on_host, at_work = _numbering(score, atoms), atoms.cpu(), AtWork()

    def task(number: int) -> Callable[[], Tensor]:
        stream, count, drawn = streams(number), _block(integrand, samples, number), at_work.begin(number)
        return lambda: _count(integrand.base, stream, count, number_of, len(at.log_ratio), drawn)

    def waiting() -> None:
        told(done + at_work.drawn)

    counts, done = torch.zeros(len(at.log_ratio), dtype=torch.int64), 0
    for number, found in enumerate(in_order(task, _blocks(integrand, samples), in_flight, waiting)):
        at_work.end(number)
        counts, done = counts + found, done + _block(integrand, samples, number)
        yield Counted(done, counts, on_host, coefficients)


def sum_draws(
    integrand: Integrand, score: Score, streams: Streams, samples: int, in_flight: int, told: Told = unheard
) -> Iterator[Summed]:
    """Draw, and sum what the moments of every gradient need; yields the whole so far after each block.

    In between, ``told`` is told now and then how many samples are drawn.
    """

    def measured(x: Tensor) -> tuple[Sums, Sequence[Tensor]]:
        at, scores = integrand.log_probs(x), score.values(x)
        coefficients = torch.stack([term.values(at) for term in integrand.terms])
        return Sums.of_products(coefficients, scores), [*(coefficients * scores.norm(dim=1))]

    each = len(score.components[0]) ** 2 + prod(integrand.base.event_shape)
    work = _Work(integrand, measured, len(integrand.terms), streams, samples, unit=1, numbers=each)
    return work.run(in_flight, told)


def sum_batches(
    integrand: Integrand,
    score: Score,
    baseline: str,
    batch: int,
    differences: Sequence[tuple[int, int]],
    streams: Streams,
    samples: int,
    in_flight: int,
    told: Told = unheard,
) -> Iterator[Summed]:
    """The same for gradients of whole batches of ``batch`` samples, centred by a baseline.

    The integrand's terms come in twos: the value that is centred, and the weight that multiplies its score. After the
    gradients of all of them come the ``differences``, of the first and the second of these numbers.
    """

    def measured(x: Tensor) -> tuple[Sums, Sequence[Tensor]]:
        at, scores = integrand.log_probs(x), score.values(x).view(-1, batch, len(score.components[0]))
        found = [term.values(at).view(-1, batch) for term in integrand.terms]
        centred = [weight * _centred(value, baseline) for value, weight in zip(found[::2], found[1::2], strict=True)]
        centred += [centred[first] - centred[second] for first, second in differences]
        vectors = torch.stack([(each[:, :, None] * scores).mean(1) for each in centred])
        return Sums.of_vectors(vectors), [*vectors.norm(dim=2)]

    each, gradients = len(score.components[0]) + prod(integrand.base.event_shape), len(integrand.terms) // 2
    work = _Work(integrand, measured, gradients + len(differences), streams, samples, unit=batch, numbers=each)
    return work.run(in_flight, told)


def _centred(values: Tensor, baseline: str) -> Tensor:
    """Values [batches, batch] less their batch's mean, of all of them or of the others."""
    own = values - values.mean(1, keepdim=True)
    size = values.shape[1]
    return own * (size / (size - 1)) if baseline == "leave-one-out" else own


@dataclass(frozen=True)
class _Work:
    """What is summed, block by block.

    Args:
        integrand: whose base is drawn from.
        measured: draws -> the sums over their units, and the lengths [R] of [units].
        gradients: R.
        streams: the numbered stream of a block.
        samples: how many are asked for; what does not fill a unit is left out.
        unit: how many samples make one.
        numbers: how many numbers one sample is while it is measured.
    """

    integrand: Integrand
    measured: Callable[[Tensor], tuple[Sums, Sequence[Tensor]]]
    gradients: int
    streams: Streams
    samples: int
    unit: int
    numbers: int

    def run(self, in_flight: int, told: Told) -> Iterator[Summed]:
        """The whole so far after each block."""
        whole: Summed | None = None
        at_work = AtWork()

        def task(number: int) -> Callable[[], Summed]:
            seen = whole.longest if whole else (none_yet(self.samples // self.unit),) * self.gradients
            drawn = at_work.begin(number)
            return lambda: self._block(number, seen, drawn)

        def waiting() -> None:
            told((whole.count * self.unit if whole else 0) + at_work.drawn)

        blocks = _blocks(self.integrand, self.samples, self.unit)
        for number, found in enumerate(in_order(task, blocks, in_flight, waiting)):
            at_work.end(number)
            whole = found if whole is None else whole.merge(found)
            yield whole

    def _block(self, number: int, seen: Sequence[Largest], drawn: Told) -> Summed:
        stream, count = self.streams(number), _block(self.integrand, self.samples, number, self.unit)
        sizes = chunks(count, self.numbers, self.unit)
        draws = (self.integrand.base.draw(stream, size) for size in heard(sizes, drawn))
        return reduce(Summed.merge, (Summed.of(*self.measured(x), seen) for x in draws))


def _block_size(integrand: Integrand, unit: int) -> int:
    """How many samples a block has, in whole units."""
    return max(BLOCK[integrand.base.device.type] // unit, 1) * unit


def _blocks(integrand: Integrand, samples: int, unit: int = 1) -> int:
    return -(-(samples // unit * unit) // _block_size(integrand, unit))


def _block(integrand: Integrand, samples: int, number: int, unit: int = 1) -> int:
    """How many samples block ``number`` has."""
    size = _block_size(integrand, unit)
    return min(size, samples // unit * unit - number * size)


def _numbering(score: Score, atoms: Atoms) -> Callable[[Tensor], Tensor]:
    """Draws -> the numbers of the atoms they are."""
    if isinstance(score, OneHotScore):
        return score.category
    first = float(atoms.x[0])
    return lambda x: (x - first).long()


def _count(
    base: Distribution,
    stream: Stream,
    count: int,
    number_of: Callable[[Tensor], Tensor],
    atoms: int,
    drawn: Told,
) -> Tensor:
    total = torch.zeros(atoms, dtype=torch.int64, device=base.device)
    for size in heard(chunks(count, prod(base.event_shape)), drawn):
        total += number_of(base.draw(stream, size)).bincount(minlength=atoms)
    return total.cpu()
