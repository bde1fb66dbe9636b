"""The noise of an estimator relative to another's, on the same draws.

Both are measured on the same samples, so that what they share does not count: the error is that of the quotient, not
that of two numbers which know nothing of each other. The same rule for error bars holds as everywhere: as sampled, and
at least what is known exactly makes of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isinf, isnan, nan
from typing import TYPE_CHECKING

from torch import Tensor

from klbench.derived.level import AtLevel
from klbench.derived.measured import Measured, ratio_of
from klbench.derived.precision import Evaluated
from klbench.derived.self_normalised import NoiseOver, Pooled, SelfNormalised
from klbench.estimators.term import Term
from klbench.row import z_score
from klbench.stats.estimate import Estimate
from klbench.tolerances import PAIRED_UNSEEN

if TYPE_CHECKING:
    from klbench.estimators.estimator import Estimator
    from klbench.measure.answer import Answer
    from klbench.measure.quantity import Quantity
    from klbench.roads.exact_moments import Exact


@dataclass(frozen=True)
class Beside:
    """What one answer has beside it.

    Args:
        reference: the answer of the estimator whose noise it is compared with; None where it is that itself.
        relative: the error of the quotient of both noises as sampled, in units of it; NaN where there is none.
        known: the same by an exact method.
        quotient: the quotient itself, where the two have different numbers of samples; else NaN.
    """

    reference: Answer | None
    relative: float = nan
    known: float = nan
    quotient: float = nan


@dataclass(frozen=True)
class NoiseRatio:
    """A measured quotient of two standard deviations, the exact one, and how many errors they are apart."""

    measured: Estimate
    exact: float = nan
    z: float = nan


def compared(quantities: tuple[Quantity, ...], reference: Estimator | None) -> Mapping[Quantity, Quantity]:
    """For each quantity that of the reference in the same place, at the same level and in the same precision."""
    if reference is None:
        return {}
    own = {(each.level, each.dtype, each.place): each for each in quantities if each.estimator == reference}
    places = {each: (each.level, each.dtype, each.place) for each in quantities}
    return {each: own[place] for each, place in places.items() if place in own}


def noise_over(one: Measured, other: Measured, *, grouped: bool) -> NoiseOver | None:
    """The quotient as one of sums over all samples; None where both are means over samples, whose moments tell it."""
    ratios = ratio_of(one, grouped=grouped), ratio_of(other, grouped=grouped)
    if ratios == (None, None):
        return None
    return NoiseOver(_pooled(one), _pooled(other))


def _pooled(measured: Measured) -> Pooled | SelfNormalised:
    return measured if isinstance(measured, SelfNormalised) else Pooled(measured)


def noise_ratio(answer: Answer) -> NoiseRatio:
    """The noise of an answer relative to that of the answer beside it; empty where there is none."""
    beside = answer.beside
    if beside is None:
        return NoiseRatio(Estimate())
    reference = beside.reference or answer
    exact = quotient(answer.exact_noise, reference.exact_noise)
    if answer.quantity.place is not None:
        return NoiseRatio(Estimate(), exact)
    measured = _measured(answer, reference, beside)
    comparable = answer.is_full_precision and (beside.reference is None or _is_certain(beside, answer, reference))
    return NoiseRatio(measured, exact, z_score(measured.value, exact, measured.mcse) if comparable else nan)


def quotient(one: float, other: float) -> float:
    """one / other, of standard deviations: infinite or 0 where only one of them is; NaN where both are."""
    if isnan(one) or isnan(other) or (isinf(one) and isinf(other)):
        return nan
    if other == 0:
        return inf if one > 0 else nan
    return one / other


def _measured(answer: Answer, reference: Answer, beside: Beside) -> Estimate:
    one, other = answer.noise, reference.noise
    value = quotient(one.value, other.value) if isnan(beside.quotient) else beside.quotient
    if isnan(value) or isinf(value):
        return Estimate(value)
    if beside.reference is None or (value == 0 and one.mcse == 0):
        return Estimate(value, 0.0)
    if isnan(one.mcse) or isnan(other.mcse):
        return Estimate(value)
    if isnan(beside.known) or isnan(answer.known_noise) or isnan(reference.known_noise):
        relative = beside.relative * max(_lengthened(answer), _lengthened(reference))
    else:
        relative = max(beside.relative, beside.known)
    return Estimate(value, relative * value if relative <= 1 else nan)


def _lengthened(answer: Answer) -> float:
    """How many times as long as the sample's own its error bar is, by what is known exactly."""
    sampled = answer.sampled_noise.mcse
    return max(1.0, answer.noise.mcse / sampled) if sampled > 0 else 1.0


def _is_certain(beside: Beside, answer: Answer, reference: Answer) -> bool:
    """Whether the error bar can be held against an exact number: where two estimators differ on rare draws alone, which
    did not occur, only an exact method knows how far their quotient may be off."""
    if not isnan(beside.known):
        return True
    apart = [each.noise.mcse / each.noise.value for each in (answer, reference) if each.noise.value > 0]
    return bool(apart) and beside.relative > PAIRED_UNSEEN * max(apart)


def slope_of(one: Measured, other: Measured, moments: tuple[Exact, Exact], *, weighted: bool) -> Measured | None:
    """(a²/σ_a² − b²/σ_b²)/2 as a function of what is drawn, a and b the two values less their means: √n times the error
    of the log of their quotient is its stdev. None where it is no function of log_ratio.

    Args:
        moments: the exact ones of both.
        weighted: whether samples are of a sampler, so that a weight is none of 1.
    """
    terms = [_of_log_ratio(each, weighted=weighted) for each in (one, other)]
    if None in terms or not all(0 < each.stdev < inf for each in moments):
        return None
    function = _Slope(*terms, *((each.mean, each.stdev) for each in moments))  # type: ignore[arg-type]
    if isinstance(one, AtLevel):
        return AtLevel(Term(function), one.level)
    return Term(function)


def _of_log_ratio(measured: Measured, *, weighted: bool) -> Term | None:
    evaluated: Measured | Evaluated = measured
    if isinstance(evaluated, AtLevel):
        if evaluated.level.name != "sequence":
            return None
        evaluated = evaluated.term
    if not isinstance(evaluated, Term) or evaluated.whole is not None:
        return None
    plain = evaluated.looks_at == "ratio" or (evaluated.looks_at == "sampler" and not weighted)
    return evaluated if plain and not (evaluated.weighted and weighted) else None


@dataclass(frozen=True)
class _Slope:
    one: Term
    other: Term
    of_one: tuple[float, float]
    of_other: tuple[float, float]

    def __call__(self, log_ratio: Tensor) -> Tensor:
        pairs = ((self.one, self.of_one), (self.other, self.of_other))
        one, other = ((term.function(log_ratio) - mean) / stdev for term, (mean, stdev) in pairs)
        # a difference of squares as a product: like values leave its digits
        return (one - other) * (one + other) / 2
