"""The notes on log-probabilities that a run has saved: what they say about themselves, with numbers and errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING

import torch

from klbench import wording
from klbench.derived.clamps import clamped, has_clamp
from klbench.derived.level import Apart, AtLevel, Level
from klbench.derived.self_normalised import Pooled, Ratio
from klbench.estimators.estimator import Estimator
from klbench.estimators.term import Function, Joint, Term, on_samples_of_q
from klbench.measure.data_checks import ESS, LEVELS, RATIO, WEIGHT, Check, answered
from klbench.stats.estimate import Estimate

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.dumps.loaded import Loaded
    from klbench.dumps.source import Side
    from klbench.measure.plan import Sample
    from klbench.problems.dump import Dump

SURE = 5.0
"""So many errors from what is claimed are no chance: 6e-7 of normal numbers are farther."""
FEW_EFFECTIVE = 0.5
"""A smaller share of effective samples is worth a note."""
BANDS = ((0.5, 2.0), (0.9, 1.1))
"""Of importance weights, as frameworks count what is outside."""
_STEPS = {"bfloat16": 8, "float16": 11}
"""The significant bits of a precision in which log-probabilities lose digits that matter."""


def asked(
    pair: Dump, estimators: Sequence[Estimator], levels: Sequence[Level | None]
) -> Mapping[tuple[str, ...], Ratio]:
    """What is measured of a dump for its notes, by names."""
    known = dict(_differences(estimators, levels))
    if pair.is_mismatch:
        for name, function in (("reverse", _weighted_log), ("chi2", _chi_square)):
            for level in ("token", "sequence"):
                known[name, level] = Pooled(AtLevel(Term(function), LEVELS[level]))
        for low, high in BANDS:
            known["outside", f"{low:g}", f"{high:g}"] = Pooled(AtLevel(Term(_outside(low, high)), LEVELS["token"]))
    for bits in _STEPS.values():
        term = Term(_nothing, joint=_SPACINGS[bits], looks_at="absolute")
        known["spacing", str(bits)] = Pooled(AtLevel(term, LEVELS["token"]))
    for estimator in estimators:
        if estimator.joint is not None and has_clamp(estimator.joint):
            term = _held(estimator.joint, absolute=estimator.looks_at == "absolute")
            known["clamp", estimator.name] = Pooled(AtLevel(term, LEVELS["token"]))
    return known


def _differences(
    estimators: Sequence[Estimator], levels: Sequence[Level | None]
) -> Iterator[tuple[tuple[str, ...], Ratio]]:
    """What every estimator is apart from the first, on the same samples, at every level that both have."""
    plain = [one for one in estimators if not one.normalised]
    for level in levels:
        there = [one for one in plain if level is not None and (one.whole is None or level.name == "token")]
        for one in there[1:]:
            pair = (AtLevel(estimator.term, level) for estimator in (one, there[0]))  # type: ignore[arg-type]
            yield ("apart", one.name, there[0].name, level.called if level else ""), Pooled(Apart(*pair))


def about_data(
    pair: Dump,
    side: Side,
    estimators: Sequence[Estimator],
    levels: Sequence[Level | None],
    sample: Sample,
) -> Iterator[str]:
    """The notes of a dump: how it was read, how its tokens were drawn, what its numbers can tell."""
    loaded, is_first = side.source.loaded(), side.is_first
    found = {names: sample.of(ratio).mean for names, ratio in asked(pair, estimators, levels).items()}
    # of a dump that is compared in two ways this is told with the first
    if is_first:
        yield from _about_reading(pair, loaded)
    if loaded.facts.are_one(pair.q, pair.p):
        yield _one_column(pair.q, pair.p, "how far the two policies are apart")
        return
    checks = {(check.check, check.level): check for check in answered(pair, sample)}
    yield from _about_differences(found)
    if pair.sampler is not None and loaded.facts.are_one(pair.q, pair.sampler):
        yield _one_column(pair.q, pair.sampler, "what drew the tokens")
    elif is_first:
        yield from _about_drawing(checks)
    yield from _about_ratio(checks)
    yield from _about_mismatch(found, checks)
    yield from _about_precision(pair, loaded, found)
    yield from _about_clamps(found)


def _one_column(one: str, other: str, unknown: str) -> str:
    return (
        f"{one} and {other} are equal to the bit in every token: one column was written twice (verl's bypass mode does "
        f"so). They say nothing of {unknown}."
    )


def _fillers(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count:,} times)" for name, count in numbers.items())


def _about_groups(loaded: Loaded, groups: int) -> str:
    by, counted = loaded.facts.grouped_by, wording.counted(groups, "group")
    if by["sequence"]:
        some = "" if by["sequence"] == by.total() else f"{wording.counted(by['sequence'], 'sequence')} without: "
        return (
            f"The file has neither group ids nor prompts ({some}each sequence is taken as independent): where answers "
            "share a prompt the error bars are too short. Name the column: --group COL."
        )
    if by["prompt"]:
        return f"The file has no group ids: sequences with the same prompt share an error, {counted} of them."
    return f"Errors are those of {counted}: sequences of one share an error."


def _about_reading(pair: Dump, loaded: Loaded) -> Iterator[str]:
    yield from loaded.notices
    packed, facts = pair.packed, loaded.facts
    if facts.fillers:
        under = (f"{role} {_fillers(numbers)}" for role, numbers in facts.fillers.items())
        yield f"Masked positions, which do not count, hold: {'; '.join(under)}."
    if facts.rounded:
        count = wording.counted(facts.rounded, "log-prob")
        yield f"{count} above 0 by rounding (less than 0.001; more would be an error): kept as they are."
    if loaded.skipped:
        named = wording.few(list(loaded.skipped))
        yield f"{wording.counted(len(loaded.skipped), 'sequence')} left out as unusable: {named}."
    if packed.empty:
        named = wording.few(list(packed.empty))
        count = wording.counted(len(packed.empty), "sequence")
        yield f"{count} without a counted token {wording.agreeing(packed.empty, 'is', 'are')} in no mean: {named}."
    yield _about_groups(loaded, packed.groups)


def _about_drawing(checks: Mapping[tuple[str, str], Check]) -> Iterator[str]:
    """Whether tokens were drawn from what is said to have drawn them."""
    name = WEIGHT if (WEIGHT, "token") in checks else RATIO
    token, sequence = checks[name, "token"], checks[name, "sequence"]
    what = "q/sampler" if name == WEIGHT else "p/q"
    share = checks.get((ESS, "sequence"))
    few = share is not None and share.value < FEW_EFFECTIVE
    tail = ", whose error is not to be trusted" if few else ""
    both = f"{_shown(token)} a token (z = {token.z:.1f}), {_shown(sequence)} a sequence{tail}"
    if abs(token.z) > SURE:
        causes = _CAUSES[token.value > 0] if name == WEIGHT else _STALE
        yield f"The mean of {what} - 1 is {both}. It would be 0 if the tokens were drawn as is claimed. {causes}"
    elif isfinite(token.z):
        yield f"The mean of {what} - 1 is {both}. By token it is 0 to within its error, as if drawn as is claimed."
    if few and share is not None:
        yield (
            f"The effective sample size of whole sequences' weights is {wording.share(share.value)} of their number "
            f"(tokens: {wording.share(checks[ESS, 'token'].value)}): means weighted by sequences rest on few of them."
        )


_CAUSES = {
    True: "Above 0, tokens come from a policy nearer to q than log_sampler says: log-probabilities returned before "
    "temperature or top-p (vLLM's raw_logprobs), or of other weights than those that drew.",
    False: "Below 0, a part of q is never drawn: top-p or top-k with renormalised log-probabilities. The mean is then "
    "minus the mass that is dropped, and k1 of sampler‖q is minus the log of the kept mass at every token.",
}
_STALE = (
    "A stale policy, another temperature, top-p or another engine drew them: k1, k2 and k3 then estimate no KL(q‖p). "
    "Give log_sampler, and weigh with it: ratio*k3."
)


def _about_ratio(checks: Mapping[tuple[str, str], Check]) -> Iterator[str]:
    """What is built on r − 1, where its mean is not 0."""
    token = checks[RATIO, "token"]
    if abs(token.z) > SURE:
        yield (
            f"The mean of r - 1 is {_shown(token)} a token and not 0. k3 is k1 + (r - 1), and a _cv has a multiple of "
            "r - 1: they are off by so much from k1, at any number of samples. Take k1."
        )


def _about_differences(found: Mapping[tuple[str, ...], Estimate]) -> Iterator[str]:
    """The paired differences of each level: estimators of one number, on the same tokens."""
    by_level: dict[str, list[str]] = {}
    for names, apart in found.items():
        if names[0] == "apart":
            _, one, other, level = names
            by_level.setdefault(level, []).append(f"{one} - {other} = {_number(apart)}")
    for level, differences in by_level.items():
        where = f" ({level})" if level else ""
        yield f"Differences on the same tokens{where}: {', '.join(differences)}."


def _about_mismatch(
    found: Mapping[tuple[str, ...], Estimate], checks: Mapping[tuple[str, str], Check]
) -> Iterator[str]:
    """The trainer against the engine, as the frameworks' own metrics have it."""
    if ("reverse", "token") not in found:
        return
    if checks[WEIGHT, "token"].z < -SURE:
        yield (
            "KL(q‖sampler) and χ² are not given: with a mean of q/sampler below 1, q may have tokens that the engine "
            "never draws, and then they do not exist."
        )
    else:
        yield (
            "Trainer q against the engine that drew the tokens: "
            f"KL(q‖sampler) {_number(found['reverse', 'token'])} a token, weighted; "
            f"χ² {_number(found['chi2', 'token'])} a token, {_number(found['chi2', 'sequence'])} a sequence "
            "(verl: chi2_token, chi2_seq)."
        )
    outside = (f"{_percent(found[names])} outside [{names[1]}, {names[2]}]" for names in found if names[0] == "outside")
    yield f"Weights q/sampler of tokens: {', '.join(outside)}."


def _about_precision(pair: Dump, loaded: Loaded, found: Mapping[tuple[str, ...], Estimate]) -> Iterator[str]:
    """What the precision that the log-probabilities are stored in explains of the KL."""
    stored = {role: loaded.facts.precision(role) for role in (pair.q, pair.p)}
    for dtype in dict.fromkeys(stored.values()):
        if dtype in _STEPS:
            roles = [role for role, own in stored.items() if own == dtype]
            noise = found["spacing", str(_STEPS[dtype])].value * len(roles)
            yield (
                f"{wording.joined(roles)} {wording.agreeing(roles, 'is', 'are')} stored in {dtype}: rounding alone "
                f"adds about {noise:.2g} nats a token to k2 and k3, and as noise of {(2 * noise) ** 0.5:.2g} to each "
                "token's k1. Save log-probabilities in float32."
            )


def _about_clamps(found: Mapping[tuple[str, ...], Estimate]) -> Iterator[str]:
    for names, share in found.items():
        if names[0] == "clamp" and share.value > 0:
            yield f"The clamp of {names[1]} is active on {wording.share(share.value)} of the tokens."


def _shown(check: Check) -> str:
    return _number(Estimate(check.value, check.mcse))


def _percent(share: Estimate) -> str:
    return f"{_number(Estimate(100 * share.value, 100 * share.mcse))} %" if share.value else "0 %"


def _number(estimate: Estimate) -> str:
    # of a single group there is no error
    has_error = isfinite(estimate.mcse)
    return wording.with_error(estimate.value, estimate.mcse) if has_error else f"{estimate.value:.3g}"


def _weighted_log(log_ratio: Tensor) -> Tensor:
    return log_ratio.exp() * log_ratio


def _chi_square(log_ratio: Tensor) -> Tensor:
    return (2 * log_ratio).exp() - 1


def _nothing(log_ratio: Tensor) -> Tensor:
    return torch.zeros_like(log_ratio)


@cache
def _held(joint: Joint, *, absolute: bool) -> Term:
    """Where a clamp is active, 1 or 0; the same term for the same estimator, by which its sums are found again."""
    held = clamped(joint)
    return Term(on_samples_of_q(held), joint=held, looks_at="absolute" if absolute else "sampler")


@cache
def _outside(low: float, high: float) -> Function:
    def outside(log_ratio: Tensor) -> Tensor:
        ratio = log_ratio.exp()
        return ((ratio < low) | (ratio > high)).double()

    return outside


def _spacing(bits: int) -> Joint:
    """What rounding one log-probability to so many bits adds to the mean square of a difference, halved."""

    def spacing(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:  # noqa: ARG001
        exponent = log_q.abs().clamp(min=1e-300).log2().floor()
        step = (exponent - (bits - 1)).exp2()
        return step * step / 24

    return spacing


_SPACINGS = {bits: _spacing(bits) for bits in _STEPS.values()}
