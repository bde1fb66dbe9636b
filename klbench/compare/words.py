"""What a comparison says in sentences, the same in every format for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan

from klbench.compare.comparison import Comparison
from klbench.compare.difference import Difference
from klbench.compare.judged import Verdict
from klbench.report.field import NO_ERROR_BAR, SURPRISE, UNTRUSTED
from klbench.report.fields import MARKS
from klbench.wording import counted, joined

MOST = 40
"""The most differences, and the most rows of one alone, that a person is shown one by one."""


def heading(comparison: Comparison) -> str:
    """``results/main → results/branch``."""
    return f"{comparison.a} → {comparison.b}"


def identical(comparison: Comparison) -> str:
    """The one sentence on two results that are the same bytes."""
    files = joined(comparison.identical)
    are = "are" if len(comparison.identical) > 1 else "is"
    return f"identical: {files} {are} the same, byte for byte ({counted(comparison.rows, 'row')})"


def told(comparison: Comparison) -> Sequence[Difference]:
    """The differences that are shown one by one."""
    return comparison.told[:MOST]


def sentences(comparison: Comparison) -> Iterator[str]:
    """What is said under the table."""
    more = len(comparison.told) - MOST
    if more > 0:
        yield f"{more:,} more differences: -f csv has every number"
    yield _count(comparison)
    yield f"{counted(comparison.rows, 'row')} in both: {_draws(comparison)}"
    for which, name, labels in (
        ("vanished", comparison.a, comparison.only_a),
        ("appeared", comparison.b, comparison.only_b),
    ):
        if labels:
            yield f"{which}, only in {name}: {counted(len(labels), 'row')}: {_listed(labels)}"
    if comparison.components is not None:
        yield comparison.components.sentence
    yield from (f"spec: {changed.sentence}" for changed in comparison.spec[:MOST])
    yield from [f"spec: {len(comparison.spec) - MOST:,} more keys"] * (len(comparison.spec) > MOST)
    yield from (f"version: {changed.sentence}" for changed in comparison.versions)


def _count(comparison: Comparison) -> str:
    scores = [abs(each.judged.z) for each in comparison.differences if each.agrees and not isnan(each.judged.z)]
    largest = max(scores, default=0.0)
    farthest = f" (|z| up to {largest:.1f})" if largest else ""
    verdicts = [each.verdict for each in comparison.told]
    parts = [f"{verdicts.count(verdict):,} {words}" for verdict, words in _COUNTED if verdict in verdicts]
    agree = "agrees" if comparison.agreeing == 1 else "agree"
    return "; ".join([f"{counted(comparison.agreeing, 'number')} {agree}{farthest}", *parts])


_COUNTED = (
    (Verdict.DIFFERENT, "different"),
    (Verdict.EXACT, "exact and different"),
    (Verdict.CHANGED, "changed on the same draws"),
    (Verdict.UNCLEAR, "perhaps different"),
    (Verdict.NO_ERROR, "without an error bar"),
    (Verdict.CROSSED, "of another kind"),
    (Verdict.ONLY_A, "only in the first"),
    (Verdict.ONLY_B, "only in the second"),
)


def _draws(comparison: Comparison) -> str:
    if len(comparison.draws) == 1:
        return comparison.draws[0][0]
    return joined([f"{draws} ({count:,})" for draws, count in comparison.draws])


def _listed(labels: Sequence[str]) -> str:
    more = len(labels) - MOST
    return "; ".join([*labels[:MOST], *[f"{more:,} more"] * (more > 0)])


def meanings(comparison: Comparison) -> Iterator[str]:
    """A sentence for each mark in the table, and for what its numbers are."""
    shown = "".join(text for each in told(comparison) for text in (*each.shown, each.opinion))
    if any(each.number in ("bias", "noise") for each in told(comparison)):
        yield "bias: (mean - true)/true; noise: the stdev of one sample over true. z: b - a in its standard errors."
    yield from (
        meaning.sentence for meaning in MARKS if meaning.mark in (UNTRUSTED, NO_ERROR_BAR) and meaning.mark in shown
    )


def failed(comparison: Comparison, *, strict: bool) -> str:
    """Why a build fails."""
    failures = comparison.failures(strict=strict)
    beyond = sum(each.fails for each in failures)
    said = []
    if beyond:
        said.append(f"{counted(beyond, 'number')} more than {SURPRISE:g} errors apart")
    if len(failures) > beyond:
        said.append(f"{counted(len(failures) - beyond, 'number')} changed on the same draws, or in one alone")
    alone = len(comparison.only_a) + len(comparison.only_b)
    if strict and alone:
        said.append(f"{counted(alone, 'row')} in one alone")
    return f"failed: {joined(said)}"
