"""Notes about a pair, its draws and its estimators: fits, clamps, missing exact methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan, sqrt
from typing import TYPE_CHECKING

from klbench import wording
from klbench.derived.clamps import clamped, has_clamp
from klbench.derived.level import Level
from klbench.derived.measured import at_level
from klbench.estimators.catalogue import unweighted
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import LooksAt, Term, on_samples_of_q
from klbench.measure.level_notes import about_infinite
from klbench.problems.build import AnyPair
from klbench.problems.pair import Pair
from klbench.problems.sequences import SequencePair
from klbench.roads.exact import exact
from klbench.roads.independent import independent
from klbench.tolerances import SHARE_ROUNDING
from klbench.wording import agreeing, few, joined

if TYPE_CHECKING:
    from klbench.measure.asked import Fit
    from klbench.measure.called import Caller
    from klbench.measure.quantity import Quantity
    from klbench.measure.setting import Setting
    from klbench.measure.truth import Truth, Unseen

_DIMENSIONS = "in several dimensions, only powers of one distribution and pairs of MultivariateNormals have one"
_SAMPLER = "powers and MultivariateNormals have one only where samples come from q"
_FACTOR = "the distribution that the powers are of has none"
_SEQUENCES = "there are too many sequences to list them, and it is no sum over tokens"
_SUM = (
    "for powers and MultivariateNormals, only sums of powers and exponentials of log r have one: k1, k2, k3, and every "
    "f-divergence but the Jensen-Shannon divergence and the total variation"
)


def about_the_setting(setting: Setting) -> Iterator[str]:
    """The notes that values and gradients share: about the pair, its draws and the fits."""
    yield from about_the_pair(setting.kl, setting.pair)
    yield from about_unseen(setting.unseen, setting.kl)
    yield from about_crowding(setting.at_ends)
    yield from about_fits(setting.fits)


def about_the_pair(kl: Truth, pair: AnyPair) -> Iterator[str]:
    """Note a KL that is 0 or infinite."""
    if kl.value == 0:
        yield (
            "KL(q‖p) is 0: q and p are the same distribution, to the precision of float64. Ratios to it do not exist; "
            "see mean and stdev."
        )
    if kl.value == inf and isinstance(pair, SequencePair) and (where := about_infinite(pair)):
        yield f"KL(q‖p) is infinite: {where}. Ratios to it do not exist; give p the support of q."
    elif kl.value == inf:
        yield (
            "KL(q‖p) is infinite: q has mass where p has none, or much heavier tails. Ratios to it do not exist; "
            "give p the support and the tails of q."
        )


def about_unseen(unseen: Unseen, kl: Truth) -> Iterator[str]:
    """Note mass that is never drawn."""
    if unseen.of_p:
        yield (
            f"{unseen.of_p:.3g} of p's mass lies where q has none, so E_q[r] is not 1: k3 and every _cv, which are "
            f"built on r - 1, are biased, and more samples do not help.{' k1 is not affected.' * isfinite(kl.value)}"
        )
    if unseen.of_q:
        yield (
            f"{unseen.of_q:.3g} of q's mass lies where the sampler has none. It is never drawn, and no importance "
            "weight repairs that. Give the sampler the support of q."
        )


def about_crowding(at_ends: float) -> Iterator[str]:
    """Note draws that were rounded to the edge of the support."""
    if at_ends:
        yield (
            f"{wording.share(at_ends)} of the draws were rounded to the edge of the support: float64 has no number "
            "nearer to it. This biases the result, and the error bars do not include it. "
            "Give the sampled distribution less extreme parameters."
        )


def about_fits(fits: Mapping[str, Fit], on: str = "a pilot sample of its own") -> Iterator[str]:
    """Note the coefficients that were fitted, and on what."""
    for name, fit in fits.items():
        value, best = fit.coefficient, "" if isnan(fit.optimum) else f" (the exact optimum is {fit.optimum:.6g})"
        if value == 0:
            yield f"{name}: λ = 0, so it is k1. The variance of r is infinite or 0, and no multiple of r - 1 helps."
        else:
            yield f"{name}: λ = {value:.6g}, fitted on {on}{best}; k1_cv({value:.6g}) keeps it."


def about_idle_weights(pair: AnyPair, estimators: Sequence[Estimator]) -> Iterator[str]:
    """Note weights that a spec asks for where there is no sampler."""
    idle = [estimator.name for estimator in estimators if unweighted(estimator.name) != estimator.name]
    if idle and pair.sampler is None:
        yield f"There is no sampler: samples come from q, and the weight of {few(idle)} is 1."


def about_missing_roads(pair: AnyPair, without: Sequence[Quantity], caller: Caller) -> Iterator[str]:
    """A sentence for each reason, naming the quantities ``without`` exact moments it holds for.

    A pair of scalars always has a method, and a failure there means too little accuracy: nothing is said.
    """
    if isinstance(pair, Pair) and not pair.q.event_shape:
        return
    names: dict[str, list[Quantity]] = {}
    for quantity in without:
        names.setdefault(_reason(pair, quantity.estimator), []).append(quantity)
    for reason, quantities in names.items():
        yield f"No exact columns for {caller.names(quantities, few)}. klbench has no exact method here: {reason}."


def _reason(pair: AnyPair, estimator: Estimator) -> str:
    if not isinstance(pair, Pair):
        return _SEQUENCES
    if independent(pair.q, pair.p) is None:
        return _DIMENSIONS
    if pair.sampler is not None:
        return _SAMPLER
    return _SUM if estimator.expansion is None else _FACTOR


@dataclass(frozen=True)
class Share:
    """The share of the samples on which a clamp is active, 0 to 1; ``error`` is 0 if it is exact."""

    value: float
    error: float


def clamp_share(estimator: Estimator, setting: Setting) -> Share | None:
    """The share for an estimator of a framework or of a user; None if it has no clamp."""
    joint = estimator.joint
    if joint is None or not has_clamp(joint):
        return None
    held = clamped(joint)
    looks_at: LooksAt = "absolute" if estimator.looks_at == "absolute" else "sampler"
    # of sequences the share of their tokens
    level = None if isinstance(setting.pair, Pair) else Level(aggregation="token-mean")
    term = at_level(Term(on_samples_of_q(held), joint=held, looks_at=looks_at), level)
    known = exact(setting.pair, term)
    if known is not None and isfinite(known.mean):
        return Share(known.mean, 0.0)
    (drawn,) = setting.pilot((term,))
    share = float(drawn.mean())
    return Share(share, sqrt(share * (1 - share) / len(drawn)))


def clamp_notes(estimators: Sequence[Estimator], setting: Setting) -> Iterator[str]:
    """A sentence for each share above 0, with the names of all estimators that have it."""
    names_of: dict[str, list[str]] = {}
    for estimator in estimators:
        share = clamp_share(estimator, setting)
        if share is not None and share.value > SHARE_ROUNDING:
            units = "samples" if isinstance(setting.pair, Pair) else "tokens"
            names_of.setdefault(_shown(share, units), []).append(estimator.name)
    for shown, names in names_of.items():
        clamps, are = agreeing(names, "clamp", "clamps"), agreeing(names, "is", "are")
        yield f"The {clamps} of {joined(names)} {are} active on {shown}."


def _shown(share: Share, units: str) -> str:
    error = f" ± {100 * share.error:.1g}%" if share.error else ""
    return f"{wording.share(share.value)}{error} of the {units}"
