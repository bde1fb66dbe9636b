"""What a person reads of a run: for each pair a heading, and a few columns chosen from the many of results.csv.

The table at a terminal and the Markdown one are two ways of drawing a ``Summary``. Adding a column to both is one
``Field``, named in the layouts it belongs to. Rows whose true value is 0, infinite or unknown have no ratios to it:
they are shown by their mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from math import isfinite, isnan

from klbench.estimators.divergence import REVERSE_KL
from klbench.report.numbers import MISSING, count, exact, measured, parameters_text, percent
from klbench.results import CaseResult, Results, Row
from klbench.stats.tail import TRUSTED

UNTRUSTED, NO_ERROR_BAR, DISAGREES, REGRESSED = "†", "‡", "✗", "ʳ"
SURPRISE = 5.0
"""|z| beyond which measured and exact disagree: chance does it once in 1.7 million times."""


@dataclass(frozen=True)
class Field:
    """A column of the table a person reads.

    Args:
        header: above it.
        show: what it says for a row.
        numeric: whether decimal points are set one below the other.
        quiet: whether it stands back, being the reference and not the measurement.
    """

    header: str
    show: Callable[[Row], str]
    numeric: bool = True
    quiet: bool = False


@dataclass(frozen=True)
class Block:
    """Rows that share a case and, where there are several, a target.

    ``labels`` tell them from the other rows of the pair, a cell each: the grid's values, the target, its true value.
    ``caption`` says the same in words.
    """

    labels: tuple[str, ...]
    caption: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Chart:
    """One table: its blocks, what their labels are called, and its layouts, the fullest first.

    ``captioned``: captions are for people better than labels, which would make the table wide and say little.
    """

    label_headers: tuple[str, ...]
    blocks: tuple[Block, ...]
    layouts: tuple[tuple[Field, ...], ...]
    captioned: bool


@dataclass(frozen=True)
class Summary:
    """One pair: its heading, its tables (seldom more than one) and what the reader should know."""

    name: str
    divergence: str
    distributions: tuple[str, ...]
    facts: str
    charts: tuple[Chart, ...]
    notes: tuple[str, ...]


def summaries(results: Results) -> Iterator[Summary]:
    """One summary per pair, in the order of the spec."""
    pairs = {pair.name: pair for pair in results.spec.pairs}
    for name, group in groupby(results.cases, key=lambda result: result.case.pair):
        cases = tuple(group)
        yield Summary(
            name=name,
            divergence=_divergence(cases),
            distributions=tuple(f"{role} = {expression}" for role, expression in pairs[name].roles.items()),
            facts=_facts(cases[0].rows[0]),
            charts=tuple(_charts(cases)),
            notes=tuple(_notes(cases)),
        )


def true_value(name: str, value: float, source: str) -> str:
    """``KL(q‖p) = 0.005 (closed-form)``."""
    if isnan(value):
        return f"{name}: no exact value"
    return f"{name} = {exact(value)}" + (f" ({source})" if source else "")


def legend(shown: str) -> Iterator[str]:
    """What the shorthand and the marks that occur in the text ``shown`` mean, a sentence each."""
    if re.search(r"\d\(\d", shown):
        yield "0.002487(26) means 0.002487 ± 0.000026, one standard error."
    for mark, meaning in _MEANINGS.items():
        if mark in shown:
            yield meaning


def _divergence(cases: tuple[CaseResult, ...]) -> str:
    names = ", ".join(cases[0].case.parameters)
    if names:
        return f"KL(q‖p) over {len(cases)} value{'s'[: len(cases) > 1]} of {names}"
    return true_value("KL(q‖p)", cases[0].kl, cases[0].kl_from)


def _facts(row: Row) -> str:
    return f"{count(row.samples)} samples · seed {row.seed} · {row.dtype} · {row.device}"


def _notes(cases: tuple[CaseResult, ...]) -> Iterator[str]:
    """Every note once, after the cases it is about unless that is all of them."""
    for note in dict.fromkeys(note for case in cases for note in case.notes):
        about = [parameters_text(case.case.parameters) for case in cases if note in case.notes]
        yield note if len(about) == len(cases) else f"{'; '.join(about)}: {note}"


def _charts(cases: tuple[CaseResult, ...]) -> Iterator[Chart]:
    by_target = any(row.target != REVERSE_KL.name for case in cases for row in case.rows)
    parameters = tuple(cases[0].case.parameters)
    truth = ("target", "true") if by_target else ("KL(q‖p)",) if parameters else ()
    for layouts, wanted in ((RATIOS, _has_ratio), (ABSOLUTE, lambda row: not _has_ratio(row))):
        blocks = tuple(block for case in cases for block in _blocks(case, wanted, by_target))
        if blocks:
            yield Chart((*parameters, *truth), blocks, _without_empty(layouts, blocks), captioned=by_target)


def _blocks(result: CaseResult, wanted: Callable[[Row], bool], by_target: bool) -> Iterator[Block]:
    parameters = tuple(map(exact, result.case.parameters.values()))
    rows = tuple(filter(wanted, result.rows))
    for target in dict.fromkeys(row.target for row in rows):
        same = tuple(row for row in rows if row.target == target)
        true, name = same[0].true, target if by_target else "KL(q‖p)"
        labels = (*parameters, *[target] * by_target, exact(true)) if by_target or parameters else ()
        caption = " · ".join(
            filter(None, (parameters_text(result.case.parameters), true_value(name, true, same[0].true_from)))
        )
        yield Block(labels, caption if labels else "", same)


def _has_ratio(row: Row) -> bool:
    return isfinite(row.true) and row.true != 0


def _without_empty(layouts: tuple[tuple[Field, ...], ...], blocks: tuple[Block, ...]) -> tuple[tuple[Field, ...], ...]:
    rows = [row for block in blocks for row in block.rows]
    return tuple(tuple(f for f in layout if any(f.show(row) != MISSING for row in rows)) for layout in layouts)


def _with_error(value: float, error: float, z: float, tail: float) -> str:
    """A measured number with its marks. ``tail`` is the tail index of what is averaged to get it."""
    if isnan(value):
        return MISSING
    mark = NO_ERROR_BAR if isfinite(value) and not isfinite(error) else UNTRUSTED if tail > TRUSTED else ""
    return measured(value, error) + mark + (DISAGREES if abs(z) > SURPRISE else "")


def _bias(row: Row) -> str:
    return _with_error(row.bias_over_true, row.bias_over_true_mcse, row.z_bias, row.khat)


def _regressed(row: Row) -> str:
    return _with_error(row.bias_over_true_cv, row.bias_over_true_cv_mcse, 0.0, row.khat)


def _better_bias(row: Row) -> str:
    return _bias(row) if isnan(row.bias_over_true_cv) else _regressed(row) + REGRESSED


def _stdev(row: Row) -> str:
    # a stdev averages squares, whose tail index is twice as large
    return _with_error(row.stdev_over_true, row.stdev_over_true_mcse, row.z_stdev, 2 * row.khat)


def _z(value: float) -> str:
    return MISSING if isnan(value) else f"{value:+.1f}"


ESTIMATOR = Field("estimator", lambda row: row.estimator, numeric=False)
BIAS = Field("bias/true", _bias)
REGRESSED_BIAS = Field("regressed", _regressed)
BETTER_BIAS = Field("bias/true", _better_bias)
EXACT_BIAS = Field("exact", lambda row: exact(row.exact_bias_over_true), quiet=True)
Z_BIAS = Field("z", lambda row: _z(row.z_bias), quiet=True)
STDEV = Field("stdev/true", _stdev)
EXACT_STDEV = Field("exact", lambda row: exact(row.exact_stdev_over_true), quiet=True)
Z_STDEV = Field("z", lambda row: _z(row.z_stdev), quiet=True)
MEAN = Field("mean", lambda row: _with_error(row.mean, row.mean_mcse, 0.0, row.khat))
ABSOLUTE_STDEV = Field("stdev", lambda row: _with_error(row.stdev, row.stdev_mcse, 0.0, 2 * row.khat))
NEGATIVE = Field("k < 0", lambda row: percent(row.negative_fraction))
KHAT = Field("k̂", lambda row: MISSING if isnan(row.khat) else f"{row.khat:.2f}")

RATIOS = (
    (ESTIMATOR, BIAS, REGRESSED_BIAS, EXACT_BIAS, Z_BIAS, STDEV, EXACT_STDEV, Z_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, BIAS, REGRESSED_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, BETTER_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, BETTER_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV, NEGATIVE),
    (ESTIMATOR, BETTER_BIAS, EXACT_BIAS, STDEV, EXACT_STDEV),
)
ABSOLUTE = (
    (ESTIMATOR, MEAN, ABSOLUTE_STDEV, NEGATIVE, KHAT),
    (ESTIMATOR, MEAN, ABSOLUTE_STDEV),
)

_REGRESSION = "after regression on k1 - KL and r - 1, whose means are known: the same bias, a smaller error."
_MEANINGS = {
    "stdev/true": "bias and stdev are of one sample's value; exact is without sampling.",
    REGRESSED_BIAS.header: f"{REGRESSED_BIAS.header}: the bias {_REGRESSION}",
    REGRESSED: f"{REGRESSED} {_REGRESSION}",
    UNTRUSTED: f"{UNTRUSTED} heavy tail: the error bar cannot be trusted (k̂ > {TRUSTED}, half of that for a stdev).",
    NO_ERROR_BAR: f"{NO_ERROR_BAR} no error bar: the variance it would need does not exist.",
    DISAGREES: f"{DISAGREES} more than {SURPRISE:g} standard errors from the exact value.",
}
