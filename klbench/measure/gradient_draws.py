"""The draws of a case's gradients: counted where the support is finite, else summed, in batches with a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from klbench.derived.precision import EXACT, Evaluated, Rounding, in_precision
from klbench.distributions.score import Score
from klbench.errors import SpecError
from klbench.measure.baseline import Baseline, value_and_weight
from klbench.measure.cells import Cell
from klbench.measure.draws import Draws
from klbench.roads.gradient import Atoms
from klbench.roads.gradient_sampling import Gradients, count_draws, sum_batches, sum_draws
from klbench.stats.vectors import VectorMoments

Key = Cell | Rounding

MOST_COMPONENTS = 1024
"""Where draws are not counted, the covariance of every gradient is kept whole: so many rows and columns at most."""


@dataclass(frozen=True)
class Sampled:
    """One gradient as sampled: its moments over ``count`` units, and how many of these were no numbers."""

    moments: VectorMoments
    count: int
    nonfinite: int


@dataclass(frozen=True)
class GradientSample:
    """What has been drawn so far: of each key, which gradients it is among and in which row."""

    places: Mapping[Key, tuple[Gradients, int]]

    def of(self, key: Key) -> Sampled | None:
        """The sampled gradient of a cell, or of what rounding adds to it; None where there is none."""
        if key not in self.places:
            return None
        gradients, row = self.places[key]
        return Sampled(gradients.moments(row), gradients.count, gradients.nonfinite(row))


@dataclass(frozen=True)
class GradientDraws:
    """How the gradients of a case are sampled.

    Args:
        plain: what multiplies the score, for each key.
        centred: the value and the weight of each cell that has a baseline.
    """

    draws: Draws
    score: Score
    plain: Mapping[Key, Evaluated]
    centred: Mapping[Key, tuple[Evaluated, Evaluated]]
    baseline: Baseline | None

    @staticmethod
    def of(
        draws: Draws, score: Score, plain: Iterable[Cell], centred: Iterable[Cell], baseline: Baseline | None
    ) -> GradientDraws:
        """Gather the terms."""
        terms: dict[Key, Evaluated] = {}
        for cell in plain:
            terms[cell] = cell.sampled
            if cell.dtype != EXACT:
                terms[Rounding(cell.term, cell.dtype)] = Rounding(cell.term, cell.dtype)
        twos = {cell: [in_precision(term, cell.dtype) for term in value_and_weight(cell)] for cell in centred}
        return GradientDraws(draws, score, terms, {cell: (two[0], two[1]) for cell, two in twos.items()}, baseline)

    def _check_size(self) -> None:
        components = len(self.score.components[0])
        if components > MOST_COMPONENTS:
            what = "a baseline takes" if self.baseline else "these take"
            raise SpecError(
                f"the gradient has {components:,} components, more than {what}: {MOST_COMPONENTS:,}",
                help=["name fewer with parameters, or take a Categorical without a baseline, whose draws are counted"],
            )

    def sample(self, samples: int, on_block: Callable[[GradientSample, int], None]) -> GradientSample:
        """Draw ``samples`` for the cells without a baseline, then for those with one."""
        places: dict[Key, tuple[Gradients, int]] = {}
        if self.plain:
            terms = list(dict.fromkeys(self.plain.values()))
            for found in self._plain(terms, samples):
                places |= {key: (found, terms.index(term)) for key, term in self.plain.items()}
                on_block(GradientSample(places), min(found.count, samples))
        if self.centred and self.baseline is not None:
            self._check_size()
            for found in self._batches(self.baseline, samples):
                places |= {key: (found, row) for row, key in enumerate(self.centred)}
                on_block(GradientSample(places), min(found.count * self.baseline.batch, samples))
        return GradientSample(places)

    def _plain(self, terms: Sequence[Evaluated], samples: int) -> Iterator[Gradients]:
        integrand, threads = self.draws.pair.integrand(tuple(terms)), self.draws.machine.threads
        atoms = Atoms.of(integrand.base, self.score)
        if atoms is not None:
            return iter(count_draws(integrand, self.score, atoms, self.draws.stream, samples, threads))
        self._check_size()
        return iter(sum_draws(integrand, self.score, self.draws.stream, samples, threads))

    def _batches(self, baseline: Baseline, samples: int) -> Iterator[Gradients]:
        integrand = self.draws.pair.integrand(tuple(term for two in self.centred.values() for term in two))
        streams, threads = self.draws.stream, self.draws.machine.threads
        return iter(sum_batches(integrand, self.score, baseline.kind, baseline.batch, streams, samples, threads))
