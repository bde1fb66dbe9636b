"""What a person reads of a run: for each pair a heading, its rows in blocks, and what to know about it.

The table at a terminal and the Markdown one are two ways of drawing a ``Summary``; its columns are in ``fields``. Rows
whose true value is 0, infinite or unknown have no ratios to it: they make a table of their own, of absolute numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from math import isfinite, isnan

from klbench.estimators.divergence import REVERSE_KL
from klbench.report.fields import ABSOLUTE, RATIOS, Layout, shown_in
from klbench.report.numbers import count, exact, parameters_text
from klbench.results import CaseResult, Results, Row


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

    ``captioned``: a person does better with captions than with labels, because targets have long names.
    """

    label_headers: tuple[str, ...]
    blocks: tuple[Block, ...]
    layouts: tuple[Layout, ...]
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
            yield Chart((*parameters, *truth), blocks, _with_content(layouts, blocks), captioned=by_target)


def _blocks(result: CaseResult, wanted: Callable[[Row], bool], by_target: bool) -> Iterator[Block]:
    parameters = tuple(map(exact, result.case.parameters.values()))
    rows = tuple(filter(wanted, result.rows))
    for target in dict.fromkeys(row.target for row in rows):
        same = tuple(row for row in rows if row.target == target)
        true, name = same[0].true, target if by_target else "KL(q‖p)"
        labels = (*parameters, *[target] * by_target, exact(true)) if by_target or parameters else ()
        sayings = (parameters_text(result.case.parameters), true_value(name, true, same[0].true_from))
        yield Block(labels, " · ".join(filter(None, sayings)) if labels else "", same)


def _has_ratio(row: Row) -> bool:
    return isfinite(row.true) and row.true != 0


def _with_content(layouts: tuple[Layout, ...], blocks: tuple[Block, ...]) -> tuple[Layout, ...]:
    rows = [row for block in blocks for row in block.rows]
    return tuple(shown_in(layout, rows) for layout in layouts)
