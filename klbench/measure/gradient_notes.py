"""What the reader should know about the gradients of a case, a sentence each, saying what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan

from klbench.measure.clamps import clamp_notes
from klbench.measure.exact_gradients import ExactGradients
from klbench.measure.follows import ITSELF, LABELS
from klbench.measure.gradient_rows import GradientAnswers
from klbench.measure.notes import about_the_setting, advice, in_precision
from klbench.measure.remedies import instead_of_gradients
from klbench.measure.setting import Setting
from klbench.stats.tail import TRUSTED
from klbench.wording import joined


def gradient_notes(setting: Setting, exact: ExactGradients, answers: Sequence[GradientAnswers]) -> tuple[str, ...]:
    """The notes of a case: about the pair first, then about what the gradients do."""
    return (
        *about_the_setting(setting),
        *_about_truth(answers),
        *instead_of_gradients(exact, answers),
        *_about_no_gradient(answers),
        *_about_ambiguity(answers),
        *_about_batches(answers),
        *_about_shrinking(answers),
        *_about_noise(answers),
        *_about_no_exact(answers),
        *_about_rare_draws(answers),
        *_about_tails(answers),
        *_about_nonfinite(answers),
        *clamp_notes(setting.asked.estimators, setting.pair, setting.draws),
    )


def _about_truth(answers: Sequence[GradientAnswers]) -> Iterator[str]:
    for target in dict.fromkeys(each.cell.estimator.target.name for each in answers if each.true_norm == 0):
        yield f"The true gradient of the {target} is 0 here: ratios to it do not exist; see components.csv."
    for target in dict.fromkeys(each.cell.estimator.target.name for each in answers if isnan(each.true_norm)):
        yield f"The true gradient of the {target} is unknown here: it is infinite, or klbench has no exact method."


def _about_no_gradient(answers: Sequence[GradientAnswers]) -> Iterator[str]:
    for name in dict.fromkeys(each.cell.estimator.name for each in answers if not each.cell.has_gradient):
        yield (
            f"{name} has no gradient as a loss: autograd finds no path from log_q to its value. "
            "Compute it from log_q with torch operations, without detach or NumPy."
        )


def _about_ambiguity(answers: Sequence[GradientAnswers]) -> Iterator[str]:
    groups = dict.fromkeys(each.follows for each in answers if len(_others(each.follows)) > 1)
    for group in groups:
        names = [name for name in LABELS if name in _others(group)]
        yield (
            f"{joined(names)} have the same gradient on this pair; `follows` names the first. "
            "Other parameters, or a pair of unequal shape, tell them apart."
        )


def _others(follows: tuple[str, ...]) -> tuple[str, ...]:
    """The divergences named; the estimator's own expectation is no second answer."""
    return tuple(name for name in follows if name != ITSELF)


def _about_batches(answers: Sequence[GradientAnswers]) -> Iterator[str]:
    for batch in {each.batch for each in answers if each.baseline is not None}:
        yield (
            f"stdev is per sample: √{batch} times the stdev of the gradient of a batch, because a batch shares one "
            "baseline."
        )


def _about_shrinking(answers: Sequence[GradientAnswers]) -> Iterator[str]:
    for baseline in {each.baseline for each in answers if each.baseline is not None and each.is_shrunk}:
        yield (
            f"The baseline is the mean of the whole batch: it makes every reward gradient 1 − 1/{baseline.batch} = "
            f"{baseline.shrinks:.6g} times as long. leave-one-out does not."
        )


def _about_noise(answers: Sequence[GradientAnswers]) -> Iterator[str]:
    endless = [each for each in answers if not each.has_variance and not _is_never_finite(each)]
    if endless:
        cells = joined(list(dict.fromkeys(each.cell.called for each in endless)))
        yield (
            f"The gradient of {cells} has infinite variance here: no error bar is possible at any sample size. "
            "Use one that has a variance, or clamp and accept the bias."
        )


def _is_never_finite(answers: GradientAnswers) -> bool:
    return answers.sampled is not None and answers.sampled.nonfinite == answers.count


def _about_no_exact(answers: Sequence[GradientAnswers]) -> Iterator[str]:
    known = [each for each in answers if each.exact is not None and bool(each.exact.mean.isfinite().all())]
    lost = [each for each in answers if _loses_digits(each) and each not in known]
    if known and lost:
        places = joined(list(dict.fromkeys(each.cell.called for each in lost)))
        yield f"No exact numbers for {places}: rounding leaves too few digits here."


def _loses_digits(answers: GradientAnswers) -> bool:
    """Whether a road was there and every gradient a number, so that only rounding can have barred it."""
    finite = answers.sampled is not None and answers.sampled.nonfinite == 0
    return answers.exact is not None and answers.has_variance and finite


def _about_rare_draws(answers: Sequence[GradientAnswers]) -> Iterator[str]:
    missed = list(dict.fromkeys(each.cell.called for each in answers if each.misses_rare_draws))
    if missed:
        yield (
            f"Rare samples carry most of the noise of {joined(missed)} and were not drawn, so the measured stdev is "
            "far below the exact one. The error bars of bias and cosine use the exact noise; use the exact columns."
        )


def _about_tails(answers: Sequence[GradientAnswers]) -> Iterator[str]:
    for each in answers:
        if each.exact is None and each.khat > TRUSTED:
            called = each.cell.called + in_precision(each.cell.dtype)
            yield f"The gradient of {called}: k̂ of its length is {each.khat:.2f}. {advice(each.khat)}"


def _about_nonfinite(answers: Sequence[GradientAnswers]) -> Iterator[str]:
    places_of: dict[tuple[str, int, int, str], list[str]] = {}
    for each in answers:
        if each.sampled is not None and each.sampled.nonfinite:
            unit = "batches" if each.baseline else "samples"
            key = each.cell.dtype, each.sampled.nonfinite, each.sampled.count, unit
            places_of.setdefault(key, []).append(each.cell.called)
    for (dtype, nonfinite, count, unit), places in places_of.items():
        yield (
            f"The gradient of {joined(places)} in {dtype} is infinite or NaN in {nonfinite:,} of {count:,} {unit}. "
            "One of them spoils a training step. If exp overflows, clamp log_ratio before it."
        )
