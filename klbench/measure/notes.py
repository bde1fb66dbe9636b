"""The notes of a case: what the reader should know about it and what to do, one sentence a note."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import isinf, isnan
from typing import TYPE_CHECKING

from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.asked import is_of_mismatch
from klbench.measure.called import Caller, plainly
from klbench.measure.level_notes import about_aggregations
from klbench.measure.remedies import instead_of_gradients, instead_of_values
from klbench.measure.setting_notes import (
    about_fits,
    about_idle_weights,
    about_missing_roads,
    about_the_setting,
    clamp_notes,
)
from klbench.measure.truth import FULL
from klbench.problems.build import Unlisted
from klbench.problems.dump import Dump
from klbench.tolerances import TRUSTED
from klbench.wording import agreeing, counted, few, joined

if TYPE_CHECKING:
    from klbench.measure.answer import Answer
    from klbench.measure.kind import Kind
    from klbench.measure.setting import Setting
    from klbench.measure.truth import Unseen
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
_FEW_GROUPS = 30
"""With fewer a coefficient that is fitted on them takes a part of their spread away."""
MOST_SAMPLES = 1e13
"""The most samples that anybody takes."""


def notes(setting: Setting, kind: Kind, answers: Sequence[Answer], rows: Sequence[Row]) -> Iterator[str]:
    """The notes of a case: about the pair first, then about what was measured on it."""
    yield from _about_mismatch(setting, kind)
    yield from about_noise_ratio(kind)
    if isinstance(setting.pair, Unlisted):
        yield from _about_tails(answers)
        yield from _about_nonfinite_data(answers)
        yield from about_fits(setting.fits, **({"on": "these data"} if isinstance(setting.pair, Dump) else {}))
        if setting.fits and isinstance(setting.pair, Dump) and setting.pair.units < _FEW_GROUPS:
            yield f"With {counted(setting.pair.units, 'group')} the error bar of a coefficient's fit is too short."
        yield from _about_reference(rows)
        return
    yield from about_the_setting(setting)
    gradients = kind.name == "gradient"
    yield from _of_gradients(kind, answers) if gradients else _of_values(kind, answers, setting.unseen)
    yield from clamp_notes(kind.estimators, setting)
    yield from about_rounding(rows)


def about_noise_ratio(kind: Kind) -> Iterator[str]:
    """What of the noise relative to another estimator's is not measured, and where there is none."""
    if kind.reference is None:
        return
    name = kind.reference.name
    if kind.name == "gradient":
        yield f"The noise of gradients relative to that of {name} is exact alone: exact_noise_ratio has it."
    without = [quantity for quantity in kind.quantities if quantity not in kind.compared]
    if without:
        names = Caller.among(kind.quantities).names(without)
        yield f"{name} has no row beside that of {names}, and so their noise is relative to nothing."


def _of_values(kind: Kind, answers: Sequence[Answer], unseen: Unseen) -> Iterator[str]:
    yield from about_aggregations(kind)
    yield from about_idle_weights(kind.pair, kind.estimators)
    yield from _about_moments(answers)
    yield from _about_rare_draws(answers)
    yield from _about_tails(answers)
    yield from _about_nonfinite_values(answers)
    without = [answer.quantity for answer in answers if answer.exact is None]
    yield from about_missing_roads(kind.pair, without, Caller.among(kind.quantities))
    yield from instead_of_values(kind, answers, unseen)


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


def _about_mismatch(setting: Setting, kind: Kind) -> Iterator[str]:
    if isinstance(setting.pair, Dump) and setting.pair.is_mismatch:
        return
    names = [estimator.name for estimator in kind.estimators if is_of_mismatch(estimator.name)]
    if names:
        yield (
            f"{few(names)} {agreeing(names, 'estimates', 'estimate')} KL(sampler‖q), how far the trainer is from the "
            "engine that drew the tokens, and not KL(q‖p): a bias against that says nothing of "
            f"{agreeing(names, 'it', 'them')}."
        )


def _about_reference(rows: Sequence[Row]) -> Iterator[str]:
    if any(row.true_from == FULL for row in rows):
        yield (
            "true is the mean of full, the exact KL of the next token, over the prefixes that were drawn. A bias is "
            "the mean difference from it on the same tokens, with its own error: it is known better than either mean."
        )


def _about_moments(answers: Sequence[Answer]) -> Iterator[str]:
    """Means and variances that are infinite."""
    of_values = [answer for answer in answers if answer.quantity.place is None]
    meanless = [answer for answer in of_values if answer.exact and isinf(answer.exact.mean)]
    if meanless:
        names = _names(meanless, answers, ", ".join)
        yield f"{names}: the mean is infinite; the measured one grows with the number of samples."
    without_mean = {answer.quantity.called for answer in meanless}
    endless = [answer for answer in answers if _is_endless(answer) and answer.quantity.called not in without_mean]
    if endless:
        advice = (
            "The mean converges slowly, and usually from below."
            if of_values
            else "Use one that has a variance, or clamp and accept the bias."
        )
        names = _names(endless, answers, ", ".join)
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
    missed = [answer for answer in answers if answer.misses_rare_draws and answer.has_variance]
    if missed:
        yield (
            f"Rare samples carry most of the variance of {_names(missed, answers)} and were not drawn, so the measured "
            "stdev is far below the exact one. The error bars of means use the exact stdev; use the exact columns."
        )


def _about_tails(answers: Sequence[Answer]) -> Iterator[str]:
    """Estimators with a heavy tail and no exact numbers, each at the level and in the precision where k̂ is largest."""
    heavy = [answer for answer in answers if answer.exact is None and answer.khat > TRUSTED]
    by_name: dict[str, list[Answer]] = {}
    for answer in heavy:
        by_name.setdefault(plainly(answer.quantity), []).append(answer)
    for alike in by_name.values():
        answer = max(alike, key=lambda answer: answer.khat)
        called = answer.quantity.called + dtype_words(answer.quantity.dtype)
        khat = "k̂" if answer.quantity.place is None else "k̂ of its length"
        most = "" if len({answer.quantity.level for answer in alike}) == 1 else ", the largest of its levels"
        yield f"{called}: {khat} is {answer.khat:.2f}{most}. {_advice(answer.khat)}"


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


def _about_nonfinite_data(answers: Sequence[Answer]) -> Iterator[str]:
    for one in answers:
        if one.nonfinite:
            values = counted(one.nonfinite, "value")
            name = _names([one], answers)
            yield f"{name}: {values} infinite or NaN, and so is the mean. worst.csv names the largest |log r|."


def _about_nonfinite_values(answers: Sequence[Answer]) -> Iterator[str]:
    alike: dict[tuple[str, str, bool], list[Answer]] = {}
    for those in _nonfinite_by_name(answers):
        # tokens are many more than samples, and are told where there is nothing else
        of_samples = [one for one in those if not one.quantity.is_of_tokens] or those
        worst = max(of_samples, key=lambda one: one.nonfinite)
        varies = len({one.nonfinite for one in of_samples}) > 1
        how_many = _how_many(worst, "up to " * varies)
        alike.setdefault((worst.quantity.dtype, how_many, any(map(_has_no_mean, those))), []).extend(those)
    for (dtype, how_many, has_no_mean), those in alike.items():
        names, where = _names(those, answers), dtype_words(dtype)
        if has_no_mean:
            have = agreeing({plainly(one.quantity) for one in those}, "it has", "they have")
            yield f"{names}: NaN or infinite for {how_many}{where}, so {have} neither mean nor variance."
        else:
            yield f"{names}: {how_many} infinite or NaN{where}. They are part of the mean."


def _nonfinite_by_name(answers: Sequence[Answer]) -> Iterator[list[Answer]]:
    """For each estimator in each precision the answers with values that are not finite; in a lower precision only what
    float64 has not as well."""
    in_full = {one.quantity: one.nonfinite for one in answers if one.is_full_precision}
    found: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        before = None if answer.is_full_precision else in_full.get(replace(answer.quantity, dtype=FULL_PRECISION))
        if answer.nonfinite and answer.nonfinite != before:
            found.setdefault((answer.quantity.dtype, plainly(answer.quantity)), []).append(answer)
    yield from found.values()


def _how_many(answer: Answer, most: str) -> str:
    """``all 2,000 samples`` or ``up to 12 of 2,000 samples`` have no number; ``12 values are``, where the mean has."""
    count, total = answer.nonfinite, answer.count
    if not _has_no_mean(answer):
        return f"{most}{count:,} {'value is' if count == 1 else 'values are'}"
    if answer.quantity.is_of_tokens:
        return f"{most}{counted(count, 'token')}"
    return f"all {total:,} samples" if count == total else f"{most}{count:,} of {total:,} samples"


def _about_nonfinite_gradients(answers: Sequence[Answer]) -> Iterator[str]:
    alike: dict[tuple[str, int, int, int], list[Answer]] = {}
    for answer in answers:
        if answer.nonfinite:
            key = answer.quantity.dtype, answer.nonfinite, answer.count, answer.quantity.unit
            alike.setdefault(key, []).append(answer)
    for (dtype, nonfinite, count, unit), those in alike.items():
        units = "samples" if unit == 1 else "batches"
        yield (
            f"The gradient of {_names(those, answers)} in {dtype} is infinite or NaN in {nonfinite:,} of {count:,} "
            f"{units}. One of them spoils a training step. If exp overflows, clamp log_ratio before it."
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
        yield f"No exact numbers for {_names(lost, answers)}: rounding leaves too few digits here."


def _names(
    some: Sequence[Answer], answers: Sequence[Answer], shortened: Callable[[Sequence[str]], str] = joined
) -> str:
    """What some of the answers are of, each estimator once with its levels."""
    return Caller.among(one.quantity for one in answers).names([one.quantity for one in some], shortened)


def about_rounding(rows: Sequence[Row]) -> Iterator[str]:
    """A sentence for each precision that changes a mean by more than a hundredth of the true value."""
    by_dtype: dict[str, dict[str, Row]] = {}
    for row in rows:
        size, error = abs(row.rounding_over_true), row.rounding_over_true_mcse
        if size > max(_WORTH_A_NOTE, _CERTAIN * error):
            largest = by_dtype.setdefault(row.dtype, {})
            before = largest.setdefault(row.estimator, row)
            # of its placements the first, of its levels the largest
            if row.level and size > abs(before.rounding_over_true):
                largest[row.estimator] = row
    for dtype, changes in by_dtype.items():
        what = "gradient" if rows[0].is_gradient else "mean"
        changed = [f"of {row.called} by {_change(row)}" for row in changes.values()]
        remedy = _REMEDY.get(dtype, _REMEDY["bfloat16"])
        yield f"In {dtype}, rounding changes the {what} {few(changed)} of the true {_TRUE[what]}. {remedy}"


def _change(row: Row) -> str:
    """``−71%``; without a sign for a gradient, because a gradient has a direction."""
    share = row.rounding_over_true
    size = f"{abs(share):.0%}" if abs(share) < _MANY else f"{abs(share):,.0f} times"
    sign = "" if row.is_gradient else "−" if share < 0 else "+"
    return sign + size
