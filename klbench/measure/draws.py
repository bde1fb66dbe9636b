"""The draws of one case: its numbered streams, a pilot sample, and the sampling road with its progress.

A case's streams are keyed by what is drawn and compared (q, p, sampler), not by its place in the spec: adding,
renaming or reordering pairs and estimators changes no number of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from klbench.derived.precision import Evaluated
from klbench.distributions.stream import Stream, stream_for
from klbench.measure.pair import Pair
from klbench.roads.sampling import PILOT, Sample, Sampling, Told, unheard
from klbench.spec.cases import Case

PILOT_SIZE = 2**16
_MANY_SPREADS = 4.0


@dataclass(frozen=True)
class Machine:
    """Where a run takes place: the device, and how many blocks are sampled at once."""

    device: torch.device
    threads: int


@dataclass(frozen=True)
class Draws:
    """What can be drawn for one case: the same numbers for any number of threads."""

    case: Case
    pair: Pair
    machine: Machine
    seed: int

    @staticmethod
    def of(case: Case, machine: Machine, seed: int) -> Draws:
        """The draws of ``case`` on ``machine``."""
        return Draws(case, Pair.build(case, machine.device), machine, seed)

    def stream(self, number: int) -> Stream:
        """The stream of block ``number``."""
        return stream_for(self.seed, self._key, number, self.machine.device)

    @cached_property
    def _key(self) -> bytes:
        return f"{self.case.q} | {self.case.p} | {self.case.sampler or ''}".encode()

    @cached_property
    def at_ends(self) -> float:
        """The share of the numbers drawn that float64 cannot tell from an end of their support, from a pilot sample."""
        base = self.pair.sampler or self.pair.q
        ends = torch.tensor(base.ends(), dtype=torch.float64, device=base.device)
        if not len(ends):
            return 0.0
        drawn = base.draw(self.stream(PILOT), max(1, PILOT_SIZE // prod(base.event_shape)))
        return float(torch.isin(drawn, ends).double().mean())

    def pilot(self, terms: tuple[Evaluated, ...]) -> list[Tensor]:
        """Each term's values on the pilot sample, whose stream no block shares: K tensors [n] on the CPU."""
        return self._sampling(terms, torch.zeros(len(terms), dtype=torch.float64), 0).values(PILOT, PILOT_SIZE)

    def sample(
        self,
        terms: tuple[Evaluated, ...],
        controls: int,
        samples: int,
        on_block: Callable[[Sample], None],
        told: Told = unheard,
    ) -> Sample:
        """Draw ``samples`` and measure the terms, the first ``controls`` of which are controls.

        ``on_block`` is told after each block, ``told`` how many are drawn in between.
        """
        shift = torch.stack([_centre(value) for value in self.pilot(terms)])
        for so_far in self._sampling(terms, shift, controls).run(samples, self.machine.threads, told):
            on_block(so_far)
        return so_far

    def blocks(self, terms: tuple[Evaluated, ...], controls: int, samples: int) -> Iterator[Sample]:
        """The same block by block, about 0: what it costs is what ``sample`` does."""
        shift = torch.zeros(len(terms), dtype=torch.float64)
        return self._sampling(terms, shift, controls).run(samples, self.machine.threads)

    def _sampling(self, terms: tuple[Evaluated, ...], shift: Tensor, controls: int) -> Sampling:
        return Sampling(self.pair.integrand(terms), self.stream, shift, controls)


def _centre(value: Tensor) -> Tensor:
    """What to take moments about: 0 where the spread is of the order of the mean, so that powers do not cancel."""
    mean, spread = value.mean(), value.std()
    return mean if mean.isfinite() and mean.abs() > _MANY_SPREADS * spread else torch.zeros_like(mean)
