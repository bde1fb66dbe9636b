"""A pair built: the distributions of a case on one device."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from klbench.derived.precision import Evaluated
from klbench.distributions.build import build
from klbench.distributions.distribution import Distribution
from klbench.roads.integrand import Integrand
from klbench.spec.cases import Case


@dataclass(frozen=True)
class Pair:
    """q, p, and the sampler, which is None where samples come from q."""

    q: Distribution
    p: Distribution
    sampler: Distribution | None

    @staticmethod
    def build(case: Case, device: torch.device | str = "cpu") -> Pair:
        """Build all of them on ``device``, in float64."""
        sampler = build(case.sampler, device) if case.sampler else None
        return Pair(build(case.q, device), build(case.p, device), sampler)

    def integrand(self, terms: tuple[Evaluated, ...]) -> Integrand:
        """The terms on this pair."""
        return Integrand.of(terms, self.q, self.p, self.sampler)
