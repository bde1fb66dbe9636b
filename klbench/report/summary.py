"""The summary of a run for people: for each pair a heading, its rows in blocks, and its notes.

The table at a terminal and the Markdown one are two ways of drawing a ``Summary``; its columns are in ``fields``. Rows
whose true value is 0, infinite or unknown have no ratios to it: they make a table of their own, of absolute numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from klbench.estimators.divergence import REVERSE_KL
from klbench.report.component_fields import FEW, component_layouts
from klbench.report.field import Layout, shown_in, told_apart, with_rounding
from klbench.report.fields import columns_for, leaner, symbol, with_noise_ratio
from klbench.report.multiples import multiple_notes
from klbench.report.noise import noise_notes
from klbench.report.numbers import count, parameters_text, plain_number, true_value
from klbench.report.true_gradient import true_gradient
from klbench.results import Asked, AskedPair, CaseResult, Results
from klbench.row import Row
from klbench.wording import counted

if TYPE_CHECKING:
    from klbench.spec.cases import Case

LONGEST = 200
"""A distribution with a longer text is shortened; results.csv and spec.yaml hold all of it."""


@dataclass(frozen=True)
class Block:
    """Rows that share a case, and a target if there are several.

    ``labels`` tell them from the other rows of the pair, a cell each: the grid's values, the target, its true value.
    ``caption`` says the same in words.
    """

    labels: tuple[str, ...]
    caption: str
    rows: tuple[Any, ...]


@dataclass(frozen=True)
class Chart:
    """One table: its blocks, the headers of their labels, and its layouts, the fullest first.

    ``captioned``: a person does better with captions than with labels, because targets have long names, or a row of
    gradients is long without them.
    ``spare``: it is left out where no layout fits, being in a file as well.
    """

    label_headers: tuple[str, ...]
    blocks: tuple[Block, ...]
    layouts: tuple[Layout, ...]
    captioned: bool = False
    spare: bool = False


@dataclass(frozen=True)
class Summary:
    """One pair: its heading, its tables and its notes.

    ``gradient`` says what the gradient is taken in and what it truly is; empty where values were measured.
    """

    name: str
    divergence: str
    distributions: tuple[str, ...]
    gradient: str
    facts: str
    charts: tuple[Chart, ...]
    notes: tuple[str, ...]

    @property
    def has_components(self) -> bool:
        """Whether there are components of a gradient."""
        rows = (row for chart in self.charts for block in chart.blocks for row in block.rows)
        return any(row.components is not None for row in rows)


def summaries(results: Results) -> Iterator[Summary]:
    """One summary per pair, in the order of the spec."""
    for name, group in groupby(results.cases, key=lambda result: result.case.pair):
        cases = tuple(group)
        yield Summary(
            name=name,
            divergence=_divergence(cases),
            distributions=_distributions(results.spec, name) or columns_of(cases[0].case),
            gradient=true_gradient(cases),
            facts=_facts(cases, results.spec),
            charts=(*_charts(cases), *_component_charts(cases)),
            notes=(*_notes(cases), *multiple_notes(cases), *noise_notes(cases)),
        )


def _distributions(spec: Asked, name: str) -> tuple[str, ...]:
    """Those of the pair with this name; none of data, whose sides are named after it."""
    return next((distributions(pair) for pair in spec.pairs if pair.name == name), ())


def distributions(pair: AskedPair) -> tuple[str, ...]:
    """``q = Normal(loc=0, scale=1)`` for each role; of a long one, such as a vocabulary, the beginning and the end."""
    texts = {role: str(expression) for role, expression in pair.roles.items()}
    return tuple(f"{role} = {text if len(text) <= LONGEST else _shortened(text)}" for role, text in texts.items())


def columns_of(case: Case) -> tuple[str, ...]:
    """``q = log_sampler, p = log_q``: whose columns are compared."""
    sampler = "" if case.sampler is None else f", drawn by {case.sampler}"
    return (f"q = {case.q}, p = {case.p}{sampler}",)


def _shortened(text: str) -> str:
    return f"{text[: LONGEST // 2].rpartition(' ')[0]} … {text[-LONGEST // 2 :].partition(' ')[2]}"


def _divergence(cases: tuple[CaseResult, ...]) -> str:
    if (data := cases[0].data) is not None:
        held = zip((data.sequences, data.tokens, data.groups), ("sequence", "token", "group"), strict=True)
        return " · ".join(counted(number, noun) for number, noun in held)
    names = ", ".join(cases[0].case.parameters)
    if names:
        return f"KL(q‖p) over {counted(len(cases), 'value')} of {names}"
    error = next((row.mean_mcse for row in cases[0].rows if _stands_for_truth(row)), nan)
    return true_value("KL(q‖p)", cases[0].kl, cases[0].kl_from, error)


def _stands_for_truth(row: Row) -> bool:
    """Whether a row is that of whole distributions whose mean over what was drawn is taken for the KL."""
    return row.true_from == row.estimator == "full" and row.aggregation in ("", "seq-mean-token-sum")


def _facts(cases: tuple[CaseResult, ...], spec: Asked) -> str:
    if (data := cases[0].data) is not None:
        return data.said
    first = cases[0].rows[0]
    dtypes = ", ".join(dict.fromkeys(row.dtype for row in cases[0].rows))
    facts = [_drawn(cases, spec), f"seed {first.seed}", dtypes, first.device]
    if spec.precision:
        facts.insert(1, f"to a precision of {spec.precision:g}")
    if spec.baseline != "none":
        facts.append(f"baseline {spec.baseline} of {spec.batch}")
    return " · ".join(facts)


def _drawn(cases: tuple[CaseResult, ...], spec: Asked) -> str:
    """``1,000 samples``; to a precision, where cases differ, ``262,144 to 1,048,576 samples``."""
    sizes = [row.samples for case in cases for row in case.rows] if spec.precision else [cases[0].rows[0].samples]
    least, most = min(sizes), max(sizes)
    return counted(most, "sample") if least == most else f"{count(least)} to {counted(most, 'sample')}"


def _notes(cases: tuple[CaseResult, ...]) -> Iterator[str]:
    """Every note once, with the names of its cases in front unless it is about all of them."""
    for note in dict.fromkeys(note for case in cases for note in case.notes):
        about = [parameters_text(case.case.parameters) for case in cases if note in case.notes]
        yield note if len(about) == len(cases) else f"{'; '.join(about)}: {note}"


def _charts(cases: tuple[CaseResult, ...]) -> Iterator[Chart]:
    """The tables of values, then those of gradients."""
    for is_gradient in (False, True):
        rows = [row for case in cases for row in case.rows if row.is_gradient == is_gradient]
        if rows:
            yield from _charts_of(cases, rows)


def _charts_of(cases: tuple[CaseResult, ...], rows: Sequence[Row]) -> Iterator[Chart]:
    """The tables of these rows: one for rows with ratios to the true value, one for rows without."""
    columns, is_gradient = columns_for(rows), rows[0].is_gradient
    by_target = any(row.target != REVERSE_KL.name for row in rows)
    parameters = tuple(cases[0].case.parameters)
    truth = _truth(rows[0], by_target) if by_target or parameters else ()
    for layouts, has_ratio in ((columns.ratios, True), (columns.absolute, False)):
        wanted = {id(row): row for row in rows if _has_ratio(row) == has_ratio}
        blocks = tuple(block for case in cases for block in _blocks(case, wanted, by_target))
        if blocks:
            shown = [with_rounding(with_noise_ratio(layout, rows)) for layout in layouts]
            content = _with_content(shown, [*wanted.values()])
            long = is_gradient and any(len(block.rows) > 1 for block in blocks)
            yield Chart((*parameters, *truth), blocks, content, captioned=by_target or long)


def _truth(row: Row, by_target: bool) -> tuple[str, ...]:
    """The headers of the labels for the target and its true value."""
    if by_target:
        return "target", "‖∇‖" if row.is_gradient else "true"
    return ("‖∇KL(q‖p)‖" if row.is_gradient else "KL(q‖p)",)


def _blocks(result: CaseResult, wanted: Mapping[int, Row], by_target: bool) -> Iterator[Block]:
    parameters = tuple(map(plain_number, result.case.parameters.values()))
    rows = [row for row in result.rows if id(row) in wanted]
    for target in dict.fromkeys(row.target for row in rows):
        same = tuple(row for row in rows if row.target == target)
        several = len({row.scale for row in same}) > 1  # a column has them
        true = plain_number(result.kl if several else same[0].scale)
        labels = (*parameters, *[target] * by_target, true) if by_target or parameters else ()
        told = _several(same[0]) if several else _true(same[0], by_target)
        sayings = (parameters_text(result.case.parameters), told)
        yield Block(labels, " · ".join(filter(None, sayings)) if labels else "", same)


def _several(row: Row) -> str:
    """What a block is about, where its rows have true values of their own."""
    return f"∇{symbol(row.target)}" if row.is_gradient else row.target


def _true(row: Row, by_target: bool) -> str:
    """The true value of a block's target, in words."""
    if row.is_gradient:
        return true_value(f"‖∇{symbol(row.target)}‖", row.true_norm, "")
    return true_value(row.target if by_target else "KL(q‖p)", row.true, row.true_from)


def _component_charts(cases: tuple[CaseResult, ...]) -> Iterator[Chart]:
    """A table of the components if they are few; over a grid they would fill a page, and are in components.csv."""
    rows = tuple(row for row in cases[0].rows if row.is_gradient)
    components = next((row.components for row in rows if row.components is not None), None)
    if components is None or cases[0].case.parameters or len(components.index) > FEW:
        return
    layouts = component_layouts(components.names)
    yield Chart((), (Block((), "", rows),), _with_content(layouts, rows), spare=True)


def _has_ratio(row: Row) -> bool:
    return isfinite(row.scale) and row.scale != 0


def _with_content(layouts: Sequence[Layout], rows: Sequence[Row]) -> tuple[Layout, ...]:
    shown = [shown_in(told_apart(layout, rows), rows) for layout in layouts]
    return (*shown, *leaner(shown[-1]))
