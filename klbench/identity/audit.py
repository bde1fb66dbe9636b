"""The audit: every estimator that frameworks ship, put where its framework puts it, on four standard pairs.

All four are tokens, which can be listed, so that every number is an exact sum and none has an error bar. The first two
are mild, so that no clamp holds and what an estimator follows shows; the third has the tail that r cannot average over;
the fourth is a policy that has left its reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import nan
from typing import TypeVar

import torch
from torch import Tensor

from klbench.derived.clamps import clamped
from klbench.distributions.build import build
from klbench.distributions.score import score_of
from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.estimator import weighted
from klbench.estimators.term import Joint, Term, on_samples_of_q
from klbench.estimators.vocabulary import EXACT
from klbench.frameworks.catalogue import entries
from klbench.frameworks.entry import Entry
from klbench.identity.computed import load
from klbench.identity.identity import Identity, Zone, place
from klbench.measure.cells import Cell
from klbench.measure.exact_gradients import ExactGradients
from klbench.measure.pair import Pair
from klbench.measure.truth import true_value
from klbench.roads.exact import exact_road
from klbench.roads.gradient import ExactVector
from klbench.spec.expression import read

_ROUNDING = 1e-9
_NEVER = 1e-12


@dataclass(frozen=True)
class Standard:
    """A pair of the audit: its distributions as a spec writes them, and why it is there."""

    name: str
    q: str
    p: str
    sampler: str
    why: str

    def pair(self) -> Pair:
        """Its distributions, built."""
        sampler = build(read(self.sampler)) if self.sampler else None
        return Pair(build(read(self.q)), build(read(self.p)), sampler)


_Q, _P = "Categorical(logits=[0.6, 0.2, -0.3, -0.5])", "Categorical(logits=[0.1, -0.4, 0.4, -0.1])"
STANDARD = (
    Standard(
        "on-policy", _Q, _P, "", "Samples of q itself, near p: no clamp holds, and each does what it was made for."
    ),
    Standard(
        "stale",
        _Q,
        _P,
        "Categorical(logits=[0.3, 0, 0.1, -0.4])",
        "The same q and p, but an older policy drew the samples: what has no weight is biased, value and gradient.",
    ),
    Standard(
        "heavy-tailed",
        "Geometric(probs=0.5)",
        "Geometric(probs=0.2)",
        "",
        "Endlessly many tokens, each half as likely as the one before; in the reference they fall by a fifth only. "
        "Then E_q[r²] is infinite, and with it the variance of all that averages r.",
    ),
    Standard(
        "far apart",
        "Categorical(logits=[0, -1, -3, -11.5])",
        "Categorical(logits=[-13, -6, -3, 0])",
        "",
        "The policy has all but lost the token the reference prefers: clamps hold, and what is left of the gradient "
        "tells whether it finds back.",
    ),
)


@dataclass(frozen=True)
class Reading:
    """What one estimator does on one pair, exactly; NaN where there is no such number.

    Args:
        bias_over_true: of its value, relative to the divergence it is meant to estimate.
        length: ‖E g‖/‖∇‖, of its mean gradient and that divergence's: 1 and cosine 1 where it follows that one.
        cosine: of the angle between them.
        noise: √(trace of the covariance of one sample's gradient)/‖∇‖; of a value that is logged, its stdev/true.
        clamp_share: of the samples, 0 to 1.
        broken: by dtype, the share of samples whose value or gradient is infinite or NaN, where there are any.
    """

    bias_over_true: float
    length: float
    cosine: float
    noise: float
    clamp_share: float
    broken: Mapping[str, float]

    @property
    def rounded(self) -> tuple[str, ...]:
        """Its numbers to six digits: the order of operations shows in none of them."""
        numbers = self.bias_over_true, self.length, self.cosine, self.noise, self.clamp_share
        return tuple(f"{number:.6g}" for number in (*numbers, *self.broken.values())) + tuple(self.broken)


@dataclass(frozen=True)
class Practice:
    """What one or several frameworks do: the same numbers, in the same place.

    Args:
        entries: those who ship it.
        identity: what it is.
        readings: on each of the standard pairs, by name.
    """

    entries: tuple[Entry, ...]
    identity: Identity
    readings: Mapping[str, Reading]

    @property
    def entry(self) -> Entry:
        """One of them, that stands for all."""
        return self.entries[0]

    @property
    def _place(self) -> str:
        return place(self.entry.placement, self.entry.weighting) if self.entry.placement else ""

    @property
    def follows(self) -> str:
        """What its gradient follows where it is put; '' for what is only logged."""
        return self.identity.follows.get(self._place, "")

    @property
    def stale_follows(self) -> str:
        """The same on stale samples."""
        return self.identity.stale_follows.get(self._place, "")


@cache
def divergences() -> Mapping[str, float]:
    """KL(q‖p) of each standard pair, by name."""
    pairs = {standard.name: standard.pair() for standard in STANDARD}
    return {name: true_value(REVERSE_KL, pair.q, pair.p).value for name, pair in pairs.items()}


def audit() -> tuple[Practice, ...]:
    """Everything that is shipped, on every standard pair."""
    grounds = [Ground.of(standard) for standard in STANDARD]
    found = (_practice(alike, grounds) for alike in _grouped(entries(), _are_alike))
    return tuple(_merged(same) for same in _grouped(found, _measure_alike))


T = TypeVar("T")


def _grouped(every: Iterable[T], alike: Callable[[T, T], bool]) -> list[tuple[T, ...]]:
    """Those that are alike together, in the order of the first of each."""
    groups: list[list[T]] = []
    for each in every:
        found = next((group for group in groups if alike(group[0], each)), None)
        if found is None:
            groups.append([each])
        else:
            found.append(each)
    return [tuple(group) for group in groups]


def _are_alike(one: Entry, other: Entry) -> bool:
    """Whether both compute the same, casts included, and put it in the same place."""
    return one.computes_as(other) and (one.placement, one.cast) == (other.placement, other.cast)


def _measure_alike(one: Practice, other: Practice) -> bool:
    """Whether both do, the cast aside, which then made no difference."""
    same = one.entry.computes_as(other.entry) and one.entry.placement == other.entry.placement
    return same and [r.rounded for r in one.readings.values()] == [r.rounded for r in other.readings.values()]


def _merged(same: Sequence[Practice]) -> Practice:
    return replace(same[0], entries=tuple(entry for practice in same for entry in practice.entries))


def _practice(alike: tuple[Entry, ...], grounds: Iterable[Ground]) -> Practice:
    entry, identity = alike[0], load()[alike[0].qualified]
    return Practice(alike, identity, {g.standard.name: g.reading(entry, identity) for g in grounds})


@dataclass(frozen=True)
class Ground:
    """A standard pair, built: what an estimator is read on."""

    standard: Standard
    pair: Pair
    gradients: ExactGradients

    @staticmethod
    def of(standard: Standard) -> Ground:
        """Build what is exact of a pair."""
        pair = standard.pair()
        return Ground(standard, pair, ExactGradients.of(pair, score_of(pair.q)))

    def reading(self, entry: Entry, identity: Identity) -> Reading:
        """Everything that is asked of one entry here."""
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
        """(length, cosine, noise) of the gradient where the entry is put."""
        cell = Cell(entry.estimator(), entry.placement or "loss", entry.weighting, EXACT)
        found, true = self.gradients.under_draws(cell.term), self.gradients.true(entry.target)
        return (nan, nan, nan) if found is None else _beside(found, true)

    def _moments(self, term: Term) -> tuple[float, float]:
        (found,) = exact_road(self.pair.integrand((term,)))
        return (nan, nan) if found is None else (found.mean, found.stdev)

    def _broken(self, identity: Identity) -> dict[str, float]:
        shares = {dtype: self._share(_inside(zones)) for dtype, zones in identity.zones.nonfinite.items() if zones}
        return {dtype: share for dtype, share in shares.items() if share > _NEVER}

    def _share(self, holds: Joint) -> float:
        """The share of samples for which a joint function is 1 and not 0."""
        return self._moments(Term(on_samples_of_q(holds), joint=holds, looks_at="sampler"))[0]


def _beside(found: ExactVector, true: Tensor) -> tuple[float, float, float]:
    size, unit, noise = float(found.mean.norm()), float(true.norm()), found.noise
    if not size > _ROUNDING * unit:
        return 0.0, nan, noise / unit
    return size / unit, _clean(float(found.mean @ true) / (size * unit)), noise / unit


def _inside(zones: Iterable[Zone]) -> Joint:
    """1 where log_ratio is in one of the zones."""

    def holds(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:  # noqa: ARG001
        log_ratio = log_p - log_q
        inside = [(log_ratio > low) & (log_ratio < high) for low, high in zones]
        return torch.stack(inside).any(dim=0).to(log_ratio.dtype)

    return holds


def _clean(value: float) -> float:
    """Without the rounding of the sums behind it."""
    return 0.0 if abs(value) < _ROUNDING else value
