"""The share of samples on which a clamp is active: exact where klbench has a method, else from the pilot sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

from klbench import wording
from klbench.derived.clamps import clamped, has_clamp
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import LooksAt, Term, on_samples_of_q
from klbench.measure.draws import Draws
from klbench.measure.pair import Pair
from klbench.roads.exact import exact_road
from klbench.wording import agreeing, joined

_NOTHING = 1e-12


@dataclass(frozen=True)
class Share:
    """The share of the samples on which a clamp is active, 0 to 1; ``error`` is 0 if it is exact."""

    value: float
    error: float


def clamp_share(estimator: Estimator, pair: Pair, draws: Draws) -> Share | None:
    """The share for an estimator of a framework or of a user; None where it has no clamp.

    Args:
        pair: on the CPU, where the exact roads are; ``draws`` may have its own on another device.
    """
    joint = estimator.joint
    if joint is None or not has_clamp(joint):
        return None
    held = clamped(joint)
    looks_at: LooksAt = "absolute" if estimator.looks_at == "absolute" else "sampler"
    term = Term(on_samples_of_q(held), joint=held, looks_at=looks_at)
    (exact,) = exact_road(pair.integrand((term,)))
    if exact is not None and isfinite(exact.mean):
        return Share(exact.mean, 0.0)
    (drawn,) = draws.pilot((term,))
    share = float(drawn.mean())
    return Share(share, sqrt(share * (1 - share) / len(drawn)))


def clamp_notes(estimators: Sequence[Estimator], pair: Pair, draws: Draws) -> Iterator[str]:
    """A sentence for each share above nothing, naming all whose clamps are active on as many."""
    names_of: dict[str, list[str]] = {}
    for estimator in estimators:
        share = clamp_share(estimator, pair, draws)
        if share is not None and share.value > _NOTHING:
            names_of.setdefault(_shown(share), []).append(estimator.name)
    for shown, names in names_of.items():
        clamps, are = agreeing(names, "clamp", "clamps"), agreeing(names, "is", "are")
        yield f"The {clamps} of {joined(names)} {are} active on {shown}."


def _shown(share: Share) -> str:
    error = f" ± {100 * share.error:.1g}%" if share.error else ""
    return f"{wording.share(share.value)}{error} of the samples"
