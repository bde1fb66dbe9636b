"""The notes of a case: what the reader should know about it and what to do, one sentence a note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isinf, isnan
from typing import TYPE_CHECKING

from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.level_notes import about_aggregations
from klbench.measure.remedies import instead_of_gradients, instead_of_values
from klbench.measure.setting_notes import about_missing_roads, about_the_setting, clamp_notes
from klbench.problems.build import Unlisted
from klbench.stats.tail import TRUSTED
from klbench.wording import few, joined

if TYPE_CHECKING:
    from klbench.measure.answer import Answer
    from klbench.measure.kind import Kind
    from klbench.measure.setting import Setting
    from klbench.row import Row

_ITSELF = "E_q[k]"
"""The estimator's own mean, which is not told as a second name of what a gradient follows."""
_WORTH_A_NOTE = 0.01
"""A share of the true value; a smaller one shows in the table only."""
_CERTAIN = 5.0
"""In standard errors of the rounding; a smaller change may be chance."""
_REMEDY = {
    "float32": "Compute log-probabilities and their difference in float64, and exp(l) - 1 as expm1(l).",
    "bfloat16": "Compute log-probabilities in float32 and subtract there; a cast after rounding brings nothing back.",
}
_TRUE = {"mean": "value", "gradient": "gradient"}
_MANY = 10.0
MOST_SAMPLES = 1e13
"""The most samples that anybody takes."""


def notes(setting: Setting, kind: Kind, answers: Sequence[Answer], rows: Sequence[Row]) -> Iterator[str]:
    """The notes of a case: about the pair first, then about what was measured on it."""
    if isinstance(setting.pair, Unlisted):
        yield from _about_tails(answers)
        return
    yield from about_the_setting(setting)
    yield from (_of_gradients if kind.name == "gradient" else _of_values)(kind, answers)
    yield from clamp_notes(kind.estimators, setting)
    yield from about_rounding(rows)


def _of_values(kind: Kind, answers: Sequence[Answer]) -> Iterator[str]:
    yield from about_aggregations(kind)
    yield from _about_moments(answers)
    yield from _about_rare_draws(answers)
    yield from _about_tails(answers)
    yield from _about_nonfinite_values(answers)
    without = [answer.quantity for answer in answers if answer.exact is None]
    yield from about_missing_roads(kind.pair, without)
    yield from instead_of_values(kind, answers)


def _of_gradients(kind: Kind, answers: Sequence[Answer]) -> Iterator[str]:
    yield from _about_truth(answers)
    yield from instead_of_gradients(kind, answers)
    yield from _about_no_gradient(answers)
    yield from _about_ambiguity(answers)
    yield from _about_batches(answers)
    yield from _about_moments(answers)
    yield from _about_no_exact(answers)
    yield from _about_rare_draws(answers)
    yield from _about_tails(answers)
    yield from _about_nonfinite_gradients(answers)


def _about_moments(answers: Sequence[Answer]) -> Iterator[str]:
    """Means and variances that are infinite."""
    of_values = [answer for answer in answers if answer.quantity.place is None]
    meanless = _names([answer for answer in of_values if answer.exact and isinf(answer.exact.mean)])
    if meanless:
        yield f"{', '.join(meanless)}: the mean is infinite; the measured one grows with the number of samples."
    endless = [name for name in _names([answer for answer in answers if _is_endless(answer)]) if name not in meanless]
    if endless:
        advice = (
            "The mean converges slowly, and usually from below."
            if of_values
            else "Use one that has a variance, or clamp and accept the bias."
        )
        names = ", ".join(endless)
        yield f"{names}: the variance is infinite, so there is no error bar and more samples hardly help. {advice}"


def _is_endless(answer: Answer) -> bool:
    """Whether the variance is infinite although the mean could be computed."""
    return not answer.has_variance and not _has_no_mean(answer)


def _has_no_mean(answer: Answer) -> bool:
    """Whether the mean of the values is NaN, as with NaN or infinities of both signs; or no gradient was finite."""
    if answer.quantity.place is None:
        return answer.nonfinite > 0 and isnan(answer.sampled.mean.value)
    return answer.sampled is not None and answer.nonfinite == answer.count


def _about_rare_draws(answers: Sequence[Answer]) -> Iterator[str]:
    missed = _names([answer for answer in answers if answer.misses_rare_draws and answer.has_variance])
    if missed:
        yield (
            f"Rare samples carry most of the variance of {joined(missed)} and were not drawn, so the measured stdev is "
            "far below the exact one. The error bars of means use the exact stdev; use the exact columns."
        )


def _about_tails(answers: Sequence[Answer]) -> Iterator[str]:
    for answer in answers:
        if answer.exact is None and answer.khat > TRUSTED:
            called = answer.quantity.called + dtype_words(answer.quantity.dtype)
            khat = "k̂" if answer.quantity.place is None else "k̂ of its length"
            yield f"{called}: {khat} is {answer.khat:.2f}. {_advice(answer.khat)}"


def _advice(khat: float) -> str:
    """What a large k̂ means for the mean and its error bar, when there is no exact number."""
    if not khat < 1:
        return "The mean itself may not exist: do not use this number."
    needed = 10 ** (1 / (1 - khat))
    many = f"below about {needed:.0e} samples" if needed < MOST_SAMPLES else "at any number of samples one can take"
    return f"The error bar is not to be trusted {many}."


def dtype_words(dtype: str) -> str:
    """`` in bfloat16``; empty for float64, in which the truth is computed."""
    return "" if dtype == FULL_PRECISION else f" in {dtype}"


def _about_nonfinite_values(answers: Sequence[Answer]) -> Iterator[str]:
    for answer in answers:
        name, count, total = answer.quantity.called, answer.nonfinite, answer.count
        where = dtype_words(answer.quantity.dtype)
        if _has_no_mean(answer):
            how_many = f"all {total:,}" if count == total else f"{count:,} of {total:,}"
            yield f"{name}: NaN or infinite for {how_many} samples{where}, so it has neither mean nor variance."
        elif count:
            are = "value is" if count == 1 else "values are"
            yield f"{name}: {count:,} {are} infinite or NaN{where}. They are part of the mean."


def _about_nonfinite_gradients(answers: Sequence[Answer]) -> Iterator[str]:
    alike: dict[tuple[str, int, int, int], list[str]] = {}
    for answer in answers:
        if answer.nonfinite:
            key = answer.quantity.dtype, answer.nonfinite, answer.count, answer.quantity.unit
            alike.setdefault(key, []).append(answer.quantity.called)
    for (dtype, nonfinite, count, unit), names in alike.items():
        units = "samples" if unit == 1 else "batches"
        yield (
            f"The gradient of {joined(names)} in {dtype} is infinite or NaN in {nonfinite:,} of {count:,} {units}. "
            "One of them spoils a training step. If exp overflows, clamp log_ratio before it."
        )


def _about_truth(answers: Sequence[Answer]) -> Iterator[str]:
    for target in dict.fromkeys(answer.quantity.target.name for answer in answers if answer.true.size == 0):
        yield f"The true gradient of the {target} is 0 here: ratios to it do not exist; see components.csv."
    for target in dict.fromkeys(answer.quantity.target.name for answer in answers if isnan(answer.true.size)):
        yield f"The true gradient of the {target} is unknown here: it is infinite, or klbench has no exact method."


def _about_no_gradient(answers: Sequence[Answer]) -> Iterator[str]:
    for name in dict.fromkeys(answer.quantity.estimator.name for answer in answers if not answer.quantity.exists):
        yield (
            f"{name} has no gradient as a loss: autograd finds no path from log_q to its value. "
            "Compute it from log_q with torch operations, without detach or NumPy."
        )


def _about_ambiguity(answers: Sequence[Answer]) -> Iterator[str]:
    groups = dict.fromkeys(tuple(name for name in answer.follows if name != _ITSELF) for answer in answers)
    for names in groups:
        if len(names) > 1:
            yield (
                f"{joined(names)} have the same gradient on this pair; `follows` names the first. "
                "Other parameters, or a pair of unequal shape, tell them apart."
            )


def _about_batches(answers: Sequence[Answer]) -> Iterator[str]:
    """How a baseline changes the numbers."""
    baselines = dict.fromkeys(
        answer.quantity.place.baseline for answer in answers if answer.quantity.place and answer.quantity.unit > 1
    )
    for baseline in filter(None, baselines):
        yield (
            f"stdev is per sample: √{baseline.batch} times the stdev of the gradient of a batch, because a batch "
            "shares one baseline."
        )
        if baseline.shrinks < 1:
            yield (
                f"The baseline is the mean of the whole batch: it makes every reward gradient 1 − 1/{baseline.batch} = "
                f"{baseline.shrinks:.6g} times as long. leave-one-out does not."
            )


def _about_no_exact(answers: Sequence[Answer]) -> Iterator[str]:
    """Finite gradients for which an exact method exists but lost too many digits to rounding."""
    known = [answer for answer in answers if answer.exact and answer.exact.is_finite]
    lost = [
        answer
        for answer in answers
        if answer.exact and answer not in known and answer.has_variance and answer.sampled and not answer.nonfinite
    ]
    if known and lost:
        yield f"No exact numbers for {joined(_names(lost))}: rounding leaves too few digits here."


def _names(answers: Sequence[Answer]) -> list[str]:
    """The names of the quantities, none of them twice."""
    return list(dict.fromkeys(answer.quantity.called for answer in answers))


def about_rounding(rows: Sequence[Row]) -> Iterator[str]:
    """A sentence for each precision that changes a mean by more than a hundredth of the true value."""
    by_dtype: dict[str, dict[str, str]] = {}
    for row in rows:
        size, error = abs(row.rounding_over_true), row.rounding_over_true_mcse
        if size > max(_WORTH_A_NOTE, _CERTAIN * error):
            by_dtype.setdefault(row.dtype, {}).setdefault(row.estimator, _change(row))
    for dtype, changes in by_dtype.items():
        what = "gradient" if rows[0].is_gradient else "mean"
        changed = [f"of {name} by {change}" for name, change in changes.items()]
        remedy = _REMEDY.get(dtype, _REMEDY["bfloat16"])
        yield f"In {dtype}, rounding changes the {what} {few(changed)} of the true {_TRUE[what]}. {remedy}"


def _change(row: Row) -> str:
    """``−71%``; without a sign for a gradient, because a gradient has a direction."""
    share = row.rounding_over_true
    size = f"{abs(share):.0%}" if abs(share) < _MANY else f"{abs(share):,.0f} times"
    sign = "" if row.is_gradient else "−" if share < 0 else "+"
    return sign + size
