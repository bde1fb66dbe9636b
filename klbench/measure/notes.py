"""What the reader should know about a case, a sentence each, saying what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, inf

from klbench.measure.rows import Answers
from klbench.measure.truth import Truth
from klbench.stats.tail import TRUSTED


def notes(kl: Truth, answers: Sequence[Answers], fitted: Mapping[str, float]) -> tuple[str, ...]:
    """The notes of a case: about the pair first, then about the estimators."""
    return (*_about_the_pair(kl), *_about_fits(fitted), *_about_moments(answers))


def _about_the_pair(kl: Truth) -> Iterator[str]:
    if kl.value == 0:
        yield "KL(q‖p) is 0: q and p are the same, so nothing can be given in units of it; see mean and stdev."
    if kl.value == inf:
        yield (
            "KL(q‖p) is infinite: q has mass, or tails, that p has not. Ratios to it do not exist; "
            "give p the support and the tails of q."
        )


def _about_fits(fitted: Mapping[str, float]) -> Iterator[str]:
    for name, value in fitted.items():
        yield f"{name}: λ = {value:.6g}, fitted on a pilot sample of its own; write k1_cv({value:.4g}) to fix it."


def _about_moments(answers: Sequence[Answers]) -> Iterator[str]:
    infinite = [each.estimator.name for each in answers if each.exact and each.exact.stdev == inf]
    if infinite:
        yield (
            f"{_list(infinite)}: the variance does not exist (it is infinite), so no error bar is printed and more "
            "samples do not help; the mean converges slowly, if at all, and usually from below."
        )
    for each in answers:
        if each.estimator.name not in infinite:
            yield from _about_the_tail(each)
        if each.nonfinite:
            yield f"{each.estimator.name}: {each.nonfinite:,} values are infinite or not a number; they are counted in."


def _about_the_tail(answers: Answers) -> Iterator[str]:
    name = answers.estimator.name
    if answers.khat > TRUSTED:
        yield f"{name}: k̂ = {answers.khat:.2f}. {advice(answers.khat)}"
    elif answers.misses_rare_draws:
        yield (
            f"{name}: the measured stdev falls short of the exact one by more than its error bar. What carries it is "
            "rarer than the samples taken: believe the exact column, or take more."
        )


def advice(khat: float) -> str:
    """What a large k̂ means for the mean and its error bar."""
    if not khat < 1:
        return "The mean itself may not exist: do not use this number."
    needed = 10 ** (1 / (1 - khat))
    return f"The error bar is not to be trusted below about {_round_up(needed)} samples."


def _round_up(value: float) -> str:
    return f"{ceil(value):,}" if value < 1e6 else f"{value:.0e}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
