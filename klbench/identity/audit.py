"""The audit: every estimator that frameworks ship, in its framework's place, on four standard pairs.

All four are tokens, which can be listed, so that every number is an exact sum and none has an error bar. The first two
are mild: no clamp is active and what an estimator follows shows. The third has the tail that r cannot average over,
the fourth is a policy that has left its reference.

The numbers are kept in a file that ``make identities`` writes (``ground`` computes them), so that the page needs no
torch. A test computes them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from math import inf, isnan, nan
from typing import Any, TypeVar

from klbench.frameworks.catalogue import entries
from klbench.frameworks.entry import Entry
from klbench.identity import computed
from klbench.identity.identity import Identity, place

FILE = "audit.json"
READINGS, DIVERGENCE = "readings", "divergence"
_DIGITS = 12
"""The digits in which sums of the same numbers in another order agree."""


@dataclass(frozen=True)
class Standard:
    """A pair of the audit: its distributions as a spec writes them, and why it is there."""

    name: str
    q: str
    p: str
    sampler: str
    why: str


_Q, _P = "Categorical(logits=[0.6, 0.2, -0.3, -0.5])", "Categorical(logits=[0.1, -0.4, 0.4, -0.1])"
STANDARD = (
    Standard(
        "on-policy", _Q, _P, "", "Samples of q itself, near p: no clamp is active, and each does what it was made for."
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
    """The exact numbers of one estimator on one pair; NaN if a number does not exist.

    Args:
        bias_over_true: the bias of its value, relative to its target.
        length: ‖E g‖/‖∇‖, its mean gradient against the target's; 1, with a cosine of 1, if it follows its target.
        cosine: the cosine of the angle between the two gradients.
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
        """Its numbers to six digits, so few that the order of operations does not show."""
        numbers = self.bias_over_true, self.length, self.cosine, self.noise, self.clamp_share
        return tuple(f"{number:.6g}" for number in (*numbers, *self.broken.values())) + tuple(self.broken)

    def to_json(self) -> dict[str, Any]:
        """The numbers for JSON: null if there is none, "inf" if it is infinite."""
        return {name: _written(value) for name, value in asdict(self).items()}

    @staticmethod
    def from_json(written: Mapping[str, Any]) -> Reading:
        """The reading that ``to_json`` has written."""
        return Reading(**{name: _read(value) for name, value in written.items()})


@dataclass(frozen=True)
class Practice:
    """An estimator as one or several frameworks use it, with the same numbers in the same place.

    Args:
        entries: the entries that ship it.
        identity: its identity.
        readings: its reading on each standard pair, by the pair's name.
    """

    entries: tuple[Entry, ...]
    identity: Identity
    readings: Mapping[str, Reading]

    @property
    def entry(self) -> Entry:
        """The first entry, which stands for all."""
        return self.entries[0]

    @property
    def _place(self) -> str:
        return place(self.entry.placement, self.entry.weighting) if self.entry.placement else ""

    @property
    def follows(self) -> str:
        """What its gradient follows in its place; '' if it is only logged."""
        return self.identity.follows.get(self._place, "")

    @property
    def stale_follows(self) -> str:
        """The same on stale samples."""
        return self.identity.stale_follows.get(self._place, "")


@cache
def divergences() -> Mapping[str, float]:
    """KL(q‖p) of each standard pair, by name."""
    return {name: float(value) for name, value in _kept()[DIVERGENCE].items()}


def audit(chosen: Iterable[Entry] | None = None) -> tuple[Practice, ...]:
    """The practices of the chosen entries, or of all, with their readings on every standard pair."""
    practices = (_practice(alike) for alike in _grouped(entries() if chosen is None else chosen, _are_alike))
    return tuple(_merged(same) for same in _grouped(practices, _measure_alike))


T = TypeVar("T")


def _grouped(every: Iterable[T], alike: Callable[[T, T], bool]) -> list[tuple[T, ...]]:
    """The items in groups that are alike, in the order of the first item of each group."""
    groups: list[list[T]] = []
    for item in every:
        group = next((group for group in groups if alike(group[0], item)), None)
        if group is None:
            groups.append([item])
        else:
            group.append(item)
    return [tuple(group) for group in groups]


def _are_alike(one: Entry, other: Entry) -> bool:
    """Whether both compute the same, casts included, and put it in the same place."""
    return one.computes_as(other) and (one.placement, one.cast) == (other.placement, other.cast)


def _measure_alike(one: Practice, other: Practice) -> bool:
    """Whether both are the same but for the cast, and have the same numbers."""
    same = one.entry.computes_as(other.entry) and one.entry.placement == other.entry.placement
    return same and [r.rounded for r in one.readings.values()] == [r.rounded for r in other.readings.values()]


def _merged(same: Sequence[Practice]) -> Practice:
    return replace(same[0], entries=tuple(entry for practice in same for entry in practice.entries))


@cache
def _kept() -> computed.Lines:
    return computed.lines(FILE)


def _practice(alike: tuple[Entry, ...]) -> Practice:
    name = alike[0].qualified
    readings = _kept()[name][READINGS]
    return Practice(
        alike, computed.load()[name], {pair: Reading.from_json(reading) for pair, reading in readings.items()}
    )


def _written(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _written(part) for name, part in value.items()}
    if isnan(value):
        return None
    return "inf" if value == inf else float(f"{value:.{_DIGITS}g}")


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _read(part) for name, part in value.items()}
    return nan if value is None else float(value)
