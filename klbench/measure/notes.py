"""What the reader should know about a case, a sentence each, saying what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, isinf, isnan

from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.clamps import clamp_notes
from klbench.measure.fit import Fit
from klbench.measure.no_road import about_missing_roads
from klbench.measure.remedies import instead_of_values
from klbench.measure.rows import Answers
from klbench.measure.setting import Setting
from klbench.measure.truth import Truth
from klbench.measure.unseen import Unseen
from klbench.stats.tail import TRUSTED
from klbench.wording import share

MOST_SAMPLES = 1e13


def notes(setting: Setting, answers: Sequence[Answers]) -> tuple[str, ...]:
    """The notes of a case: about the pair first, then about the estimators."""
    return (
        *about_the_setting(setting),
        *_about_moments(answers),
        *about_missing_roads(setting.pair, [each.estimator for each in answers if each.exact is None]),
        *instead_of_values(setting.pair, answers),
        *clamp_notes(setting.asked.estimators, setting.pair, setting.draws),
    )


def about_the_setting(setting: Setting) -> tuple[str, ...]:
    """What is to be known of values and of gradients alike: of the pair, its draws, and what was fitted to it."""
    return (
        *about_the_pair(setting.kl),
        *about_unseen(setting.unseen),
        *about_crowding(setting.draws.at_ends),
        *about_fits(setting.asked.fits),
    )


def about_the_pair(kl: Truth) -> Iterator[str]:
    """A KL that is 0 or infinite."""
    if kl.value == 0:
        yield (
            "KL(q‖p) is 0: q and p are the same distribution, to the precision of float64. Ratios to it do not exist; "
            "see mean and stdev."
        )
    if kl.value == inf:
        yield (
            "KL(q‖p) is infinite: q has mass where p has none, or much heavier tails. Ratios to it do not exist; "
            "give p the support and the tails of q."
        )


def about_unseen(unseen: Unseen) -> Iterator[str]:
    """Mass that is never drawn."""
    if unseen.of_p:
        yield (
            f"{unseen.of_p:.3g} of p's mass lies where q has none, so E_q[r] is not 1: k3 and every _cv, which are "
            "built on r - 1, are biased, and more samples do not help. k1 is not affected."
        )
    if unseen.of_q:
        yield (
            f"{unseen.of_q:.3g} of q's mass lies where the sampler has none. It is never drawn, and no importance "
            "weight repairs that. Give the sampler the support of q."
        )


def about_crowding(at_ends: float) -> Iterator[str]:
    """Draws that are put next to an end of the support, for want of numbers nearer to it."""
    if at_ends:
        yield (
            f"{share(at_ends)} of the draws were rounded to the edge of the support: float64 has no number nearer to "
            "it. This biases the result, and the error bars do not include it. "
            "Give the sampled distribution less extreme parameters."
        )


def about_fits(fitted: Mapping[str, Fit]) -> Iterator[str]:
    """Coefficients that were fitted."""
    for name, found in fitted.items():
        value, best = found.coefficient, "" if isnan(found.exact) else f" (the exact optimum is {found.exact:.6g})"
        if value == 0:
            yield f"{name}: λ = 0, so it is k1. The variance of r is infinite or 0, and no multiple of r - 1 helps."
        else:
            yield f"{name}: λ = {value:.6g}, fitted on a pilot sample of its own{best}; k1_cv({value:.6g}) keeps it."


def _about_moments(answers: Sequence[Answers]) -> Iterator[str]:
    meanless = list(dict.fromkeys(each.estimator.name for each in answers if each.exact and isinf(each.exact.mean)))
    if meanless:
        yield f"{', '.join(meanless)}: the mean is infinite; the measured one grows with the number of samples."
    endless = [each for each in answers if each.exact and each.exact.stdev == inf and not each.has_no_mean]
    infinite = list(dict.fromkeys(each.estimator.name for each in endless))
    spread_out = [name for name in infinite if name not in meanless]
    if spread_out:
        yield (
            f"{', '.join(spread_out)}: the variance is infinite, so there is no error bar and more samples hardly "
            "help. The mean converges slowly, and usually from below."
        )
    for each in answers:
        if each.estimator.name not in infinite:
            yield from _about_the_tail(each)
        if each.nonfinite:
            yield _about_nonfinite(each)


def _about_nonfinite(answers: Answers) -> str:
    name, count, total = answers.estimator.name, answers.nonfinite, answers.sample.count
    where = in_precision(answers.dtype)
    if not answers.has_no_mean:
        are = "value is" if count == 1 else "values are"
        return f"{name}: {count:,} {are} infinite or NaN{where}. They are part of the mean."
    how_many = f"all {total:,}" if count == total else f"{count:,} of {total:,}"
    return f"{name}: NaN or infinite for {how_many} samples{where}, so it has neither mean nor variance."


def in_precision(dtype: str) -> str:
    """`` in bfloat16``, and nothing of the precision the truth is computed in."""
    return "" if dtype == FULL_PRECISION else f" in {dtype}"


def _about_the_tail(answers: Answers) -> Iterator[str]:
    name = answers.estimator.name + in_precision(answers.dtype)
    if answers.misses_rare_draws:
        yield (
            f"{name}: rare samples carry most of the variance and were not drawn, so the measured stdev is far below "
            "the exact one. The error bar of the mean uses the exact stdev; use the exact columns."
        )
    elif answers.exact is None and answers.khat > TRUSTED:
        yield f"{name}: k̂ = {answers.khat:.2f}. {advice(answers.khat)}"


def advice(khat: float) -> str:
    """What a large k̂ means for the mean and its error bar, where no exact road tells more."""
    if not khat < 1:
        return "The mean itself may not exist: do not use this number."
    needed = 10 ** (1 / (1 - khat))
    many = f"below about {needed:.0e} samples" if needed < MOST_SAMPLES else "at any number of samples one can take"
    return f"The error bar is not to be trusted {many}."
