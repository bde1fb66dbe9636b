"""Computing the audit's numbers: a standard pair, built, with its exact moments and gradients.

All four pairs are tokens, which can be listed, so that every number is an exact sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import torch
from torch import Tensor

from klbench.derived.clamps import clamped
from klbench.distributions.build import build
from klbench.distributions.score import score_of
from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.estimator import weighted
from klbench.estimators.term import Joint, Term, on_samples_of_q
from klbench.frameworks.catalogue import entries
from klbench.frameworks.entry import Entry
from klbench.identity import keys
from klbench.identity.audit import DIVERGENCE, READINGS, STANDARD, Reading, Standard
from klbench.identity.computed import KEY, Lines
from klbench.identity.identity import Identity, Zone
from klbench.measure.exact_gradients import ExactGradients
from klbench.measure.place import Place
from klbench.measure.quantity import Quantity
from klbench.measure.truth import true_value
from klbench.problems.pair import Pair
from klbench.roads.exact import exact
from klbench.roads.exact_vector import ExactVector
from klbench.spec.expression import read

_ROUNDING = 1e-9
"""A number that is smaller relative to the KL is the rounding of sums."""
_NEVER = 1e-12
"""A smaller share of the samples is the rounding of their probabilities."""


def compute(kept: Lines, identities: Mapping[str, Identity]) -> Lines:
    """The lines that the audit's file should have; a line of ``kept`` that still holds is not computed again.

    Args:
        identities: by an entry's qualified name.
    """
    known = {line.get(KEY): line for line in kept.values()}
    grounds = [Ground.of(standard) for standard in STANDARD]
    lines: dict[str, Mapping[str, Any]] = {DIVERGENCE: {ground.standard.name: ground.divergence for ground in grounds}}
    for entry in entries():
        key = keys.of_entry(entry, entry.placement, entry.weighting, STANDARD)
        if key not in known:
            readings = {ground.standard.name: ground.reading(entry, identities[entry.qualified]) for ground in grounds}
            known[key] = {KEY: key, READINGS: {name: reading.to_json() for name, reading in readings.items()}}
        lines[entry.qualified] = known[key]
    return lines


@dataclass(frozen=True)
class Ground:
    """A standard pair, built, on which estimators are read."""

    standard: Standard
    pair: Pair
    gradients: ExactGradients

    @staticmethod
    def of(standard: Standard) -> Ground:
        """Build a standard pair and its exact gradients."""
        sampler = build(read(standard.sampler)) if standard.sampler else None
        pair = Pair(build(read(standard.q)), build(read(standard.p)), sampler)
        return Ground(standard, pair, ExactGradients(pair, score_of(pair.q)))

    @property
    def divergence(self) -> float:
        """KL(q‖p)."""
        return true_value(REVERSE_KL, self.pair.q, self.pair.p).size

    def reading(self, entry: Entry, identity: Identity) -> Reading:
        """The reading of one entry on this pair."""
        estimator = entry.estimator() if entry.weighting == "none" else weighted(entry.estimator())
        true = true_value(entry.target, self.pair.q, self.pair.p).value
        mean, stdev = self._moments(estimator.term)
        only_logged = entry.placement is None
        length, cosine, noise = (nan, nan, stdev / true) if only_logged else self._gradient(entry)
        return Reading(
            bias_over_true=_clean((mean - true) / true),
            length=length,
            cosine=cosine,
            noise=noise,
            clamp_share=self._share(clamped(entry.value)),
            broken=self._broken(identity),
        )

    def _gradient(self, entry: Entry) -> tuple[float, float, float]:
        """(length, cosine, noise) of the gradient in the entry's place."""
        quantity = Quantity(entry.estimator(), place=Place(entry.placement or "loss", entry.weighting))
        expected, true = self.gradients.under_draws(quantity.term), self.gradients.true(entry.target).value
        return (nan, nan, nan) if expected is None else _beside(expected, true)

    def _moments(self, term: Term) -> tuple[float, float]:
        moments = exact(self.pair, term)
        return (nan, nan) if moments is None else (moments.mean, moments.stdev)

    def _broken(self, identity: Identity) -> dict[str, float]:
        shares = {dtype: self._share(_inside(zones)) for dtype, zones in identity.zones.nonfinite.items() if zones}
        return {dtype: share for dtype, share in shares.items() if share > _NEVER}

    def _share(self, holds: Joint) -> float:
        """The share of samples for which a joint function is 1 and not 0."""
        return self._moments(Term(on_samples_of_q(holds), joint=holds, looks_at="sampler"))[0]


def _beside(expected: ExactVector, true: Tensor) -> tuple[float, float, float]:
    size, unit, noise = float(expected.mean.norm()), float(true.norm()), expected.noise
    if not size > _ROUNDING * unit:
        return 0.0, nan, noise / unit
    return size / unit, _clean(float(expected.mean @ true) / (size * unit)), noise / unit


def _inside(zones: Iterable[Zone]) -> Joint:
    """1 where log_ratio is in one of the zones."""

    def holds(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:  # noqa: ARG001
        log_ratio = log_p - log_q
        inside = [(log_ratio > low) & (log_ratio < high) for low, high in zones]
        return torch.stack(inside).any(dim=0).to(log_ratio.dtype)

    return holds


def _clean(value: float) -> float:
    """The value, or 0 if it is only the rounding of the sums behind it."""
    return 0.0 if abs(value) < _ROUNDING else value
