"""The draws of a case's gradients: counted where the support is finite, else summed, in batches with a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from klbench.derived.precision import Evaluated, Rounding, in_precision
from klbench.distributions.score import Score
from klbench.errors import SpecError
from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.baseline import Baseline, value_and_weight
from klbench.measure.cells import Cell
from klbench.measure.draws import Draws
from klbench.roads.gradient import Atoms
from klbench.roads.gradient_sampling import Gradients, count_draws, sum_batches, sum_draws
from klbench.roads.sampling import Told, unheard
from klbench.stats.vectors import VectorMoments

Key = Cell | Rounding
Pass = tuple[Mapping[Key, int], int, Iterator[Gradients]]
"""Which gradient is which, how many samples a unit has, and what has been seen after each block."""

MOST_COMPONENTS = 1024
"""Where draws are not counted, the covariance of every gradient is kept whole: so many rows and columns at most."""


@dataclass(frozen=True)
class Sampled:
    """One gradient as sampled: its moments over ``count`` units, how many of these were no numbers, and k̂ of their
    lengths."""

    moments: VectorMoments
    count: int
    nonfinite: int
    khat: float


@dataclass(frozen=True)
class GradientSample:
    """What has been drawn so far: of each key, which gradients it is among and in which row."""

    places: Mapping[Key, tuple[Gradients, int]]

    def of(self, key: Key) -> Sampled | None:
        """The sampled gradient of a cell, or of what rounding adds to it; None where there is none."""
        if key not in self.places:
            return None
        gradients, row = self.places[key]
        return Sampled(gradients.moments(row), gradients.count, gradients.nonfinite(row), gradients.khat(row))


@dataclass(frozen=True)
class GradientDraws:
    """How the gradients of a case are sampled.

    Args:
        plain: what multiplies the score, for each key.
        centred: the cells that have a baseline.
    """

    draws: Draws
    score: Score
    plain: Mapping[Key, Evaluated]
    centred: tuple[Cell, ...]
    baseline: Baseline | None

    @staticmethod
    def of(
        draws: Draws, score: Score, plain: Iterable[Cell], centred: Iterable[Cell], baseline: Baseline | None
    ) -> GradientDraws:
        """Gather the terms."""
        terms: dict[Key, Evaluated] = {}
        for cell in plain:
            terms[cell] = cell.sampled
            if cell.dtype != FULL_PRECISION:
                terms[Rounding(cell.term, cell.dtype)] = Rounding(cell.term, cell.dtype)
        return GradientDraws(draws, score, terms, tuple(centred), baseline)

    def _check_size(self) -> None:
        components = len(self.score.components[0])
        if components > MOST_COMPONENTS:
            what = "a baseline takes" if self.baseline else "these take"
            raise SpecError(
                f"the gradient has {components:,} components, more than {what}: {MOST_COMPONENTS:,}",
                help=["name fewer with parameters, or take a Categorical without a baseline, whose draws are counted"],
            )

    def sample(
        self, samples: int, on_block: Callable[[GradientSample, int], None], told: Told = unheard
    ) -> GradientSample:
        """Draw ``samples`` for the cells without a baseline, then for those with one; ``on_block`` is told how many of
        them are done on the whole, and ``told`` of those in between."""
        places: dict[Key, tuple[Gradients, int]] = {}
        done_before = 0

        def within(drawn: int) -> None:
            told((done_before + drawn) // max(len(passes), 1))

        passes = [each for each in (self._plain(samples, within), self._batches(samples, within)) if each is not None]
        for number, (rows, unit, found) in enumerate(passes):
            done_before = number * samples
            for so_far in found:
                places |= {key: (so_far, row) for key, row in rows.items()}
                done = number * samples + min(so_far.count * unit, samples)
                on_block(GradientSample(places), done // len(passes))
        return GradientSample(places)

    def _plain(self, samples: int, told: Told) -> Pass | None:
        if not self.plain:
            return None
        terms = list(dict.fromkeys(self.plain.values()))
        rows = {key: terms.index(term) for key, term in self.plain.items()}
        integrand, threads = self.draws.pair.integrand(tuple(terms)), self.draws.machine.threads
        atoms = Atoms.of(integrand.base, self.score)
        if atoms is not None:
            return rows, 1, count_draws(integrand, self.score, atoms, self.draws.stream, samples, threads, told)
        self._check_size()
        return rows, 1, sum_draws(integrand, self.score, self.draws.stream, samples, threads, told)

    def _batches(self, samples: int, told: Told) -> Pass | None:
        if not self.centred or self.baseline is None:
            return None
        self._check_size()
        exact = {cell: replace(cell, dtype=FULL_PRECISION) for cell in self.centred}
        computed = list(dict.fromkeys([*self.centred, *exact.values()]))
        rounded = [cell for cell in self.centred if cell.dtype != FULL_PRECISION]
        differences = [(computed.index(cell), computed.index(exact[cell])) for cell in rounded]
        rows: dict[Key, int] = {cell: computed.index(cell) for cell in self.centred}
        rows |= {Rounding(cell.term, cell.dtype): len(computed) + index for index, cell in enumerate(rounded)}
        terms = [in_precision(term, cell.dtype) for cell in computed for term in value_and_weight(cell)]
        integrand, kind, batch = self.draws.pair.integrand(tuple(terms)), self.baseline.kind, self.baseline.batch
        streams, threads = self.draws.stream, self.draws.machine.threads
        return (
            rows,
            batch,
            sum_batches(integrand, self.score, kind, batch, differences, streams, samples, threads, told),
        )
