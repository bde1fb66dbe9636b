"""Figures of cases without a grid: what each estimator gives beside what is true, and its noise, from the best down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan

from klbench.figures.figure import Axis, Figure, Panel, Rule, Series, colours
from klbench.figures.numbers_of_rows import (
    COSINE_NUMBER,
    COSINE_TITLE,
    ERRORS,
    HOLLOW,
    NOISE_NUMBER,
    NOISE_TITLE,
    Number,
    is_doubtful,
    named,
    size,
)
from klbench.report.numbers import parameters_text
from klbench.results import CaseResult
from klbench.row import Row
from klbench.wording import counted

_MOST_ROWS = 40
_NO_BIAS = 1e-6
"""A smaller share of the true value does not decide an order."""


@dataclass(frozen=True)
class Column:
    """A number of every row, along x.

    Args:
        label: of the axis.
        number: what is drawn.
        truth: where the true value is; None where that is no place on this axis.
        limits: the ends of the axis; None for where its numbers end.
    """

    label: str
    number: Number
    truth: Callable[[Row], float] | None = None
    limits: tuple[float, float] | None = None

    def is_told(self, row: Row) -> bool:
        """Whether a row has this number."""
        return not (isnan(self.number.exact(row)) and isnan(self.number.measured(row)))


RATIO = Column(
    "mean/true",
    Number(
        lambda row: 1 + row.exact_bias_over_true,
        lambda row: 1 + row.bias_over_true,
        lambda row: row.bias_over_true_mcse,
    ),
    truth=lambda _: 1.0,
)
MEAN = Column(
    "mean, nats",
    Number(lambda row: row.true + row.exact_bias_over_true * row.true, lambda row: row.mean, lambda row: row.mean_mcse),
    truth=lambda row: row.true,
)
NOISE = Column(NOISE_TITLE, NOISE_NUMBER)
ABSOLUTE_NOISE = Column(
    "stdev, nats", Number(lambda _: nan, lambda row: size(row.stdev), lambda row: row.stdev_mcse, order=2)
)
COSINE = Column(COSINE_TITLE, COSINE_NUMBER, truth=lambda _: 1.0, limits=(-1.1, 1.1))
LENGTH = Column(
    "bias/true",
    Number(
        lambda row: size(row.exact_bias_over_true), lambda row: row.bias_over_true, lambda row: row.bias_over_true_mcse
    ),
    truth=lambda _: 0.0,
)


def side_by_side(cases: Sequence[CaseResult]) -> Iterator[Figure]:
    """A figure of the values of some cases, and one of their gradients, as far as there are any."""
    for is_gradient, name, title in (
        (False, "estimates", "Estimates beside the true value, and the noise of one sample"),
        (True, "gradients", "Mean gradients beside the true gradient, and the noise of one sample"),
    ):
        rows = [row for case in cases for row in case.rows if row.is_gradient == is_gradient]
        panels = [*_panels(cases, rows, is_gradient=is_gradient)]
        if panels:
            hidden = sum(max(len(_own(case, is_gradient)) - _MOST_ROWS, 0) for case in cases)
            columns = sum(panel.y.is_bare for panel in panels) // sum(not panel.y.is_bare for panel in panels) + 1
            yield Figure(name, title, "", tuple(panels), columns, _captions(panels, hidden))


def _own(case: CaseResult, is_gradient: bool) -> list[Row]:
    return sorted((row for row in case.rows if row.is_gradient == is_gradient), key=_rank)


def _rank(row: Row) -> tuple[float, float]:
    """The least biased first, of those the quietest."""
    bias = row.exact_bias_over_true if not isnan(row.exact_bias_over_true) else row.bias_over_true
    noise = row.exact_stdev_over_true if not isnan(row.exact_stdev_over_true) else row.stdev_over_true
    biased = abs(bias) if abs(bias) > _NO_BIAS else 0.0
    return (inf if isnan(biased) else biased, inf if isnan(noise) else noise)


def _panels(cases: Sequence[CaseResult], rows: Sequence[Row], *, is_gradient: bool) -> Iterator[Panel]:
    palette = colours([named(row, rows) for row in rows])
    for case in cases:
        own = _own(case, is_gradient)[:_MOST_ROWS]
        if not own:
            continue
        at = parameters_text(case.case.parameters)
        title = f"{case.case.pair} ({at})" if at else case.case.pair
        columns = [column for column in _columns(rows, is_gradient) if any(map(column.is_told, rows))]
        for place, column in enumerate(columns):
            yield _panel(column, title if not place else "", own, rows, palette, is_bare=place > 0)


def _columns(own: Sequence[Row], is_gradient: bool) -> tuple[Column, ...]:
    if is_gradient:
        return COSINE, LENGTH, NOISE
    over = all(isfinite(row.bias_over_true) or isfinite(row.exact_bias_over_true) for row in own)
    return (RATIO, NOISE) if over else (MEAN, ABSOLUTE_NOISE)


def _panel(
    column: Column,
    title: str,
    own: Sequence[Row],
    rows: Sequence[Row],
    palette: dict[str, int],
    *,
    is_bare: bool,
) -> Panel:
    names = tuple(named(row, rows) for row in own)
    series: list[Series] = []
    for place, (row, name) in enumerate(zip(own, names, strict=True)):
        y, number = (float(place),), column.number
        exact, found, error = number.exact(row), number.measured(row), number.error(row)
        if not isnan(exact):
            series.append(Series(name, palette[name], "diamonds", (exact,), y))
        if not isnan(found):
            doubt = is_doubtful(row, error, number.order) or exact == inf
            series.append(Series(name, palette[name], "points", (found,), y, (ERRORS * error,), (doubt,)))
    truths = dict.fromkeys(column.truth(row) for row in own) if column.truth else {}
    rules = tuple(Rule("x", truth) for truth in truths if isfinite(truth))
    sizes = [x for one in series for x in one.x if 0 < x < inf]
    # what is held to a true value is seen on an even scale; a noise has sizes
    # what can be below 0 has no place on a logarithmic one
    signed = any(x < 0 for one in series for x in one.x)
    scattered = not rules and not signed and sizes and max(sizes) > 10 * min(sizes)
    x = Axis(column.label, "log" if scattered else "linear", limits=column.limits)
    return Panel(title, x, Axis("", categories=names, is_bare=is_bare), tuple(series), rules=rules)


def _captions(panels: Sequence[Panel], hidden: int) -> tuple[str, ...]:
    series = [one for panel in panels for one in panel.series]
    told = [f"Points are measured, bars are {ERRORS} standard errors"] * any(one.look == "points" for one in series)
    told += ["diamonds are exact"] * any(one.look == "diamonds" for one in series)
    told += ["the dashed line is what is true"] * any(panel.rules for panel in panels)
    joint = "; ".join(told)
    said = [f"{joint[:1].upper()}{joint[1:]}."]
    if any(any(one.doubtful) for one in series):
        said.append(HOLLOW)
    if any(x == inf for one in series for x in one.x):
        said.append("A triangle at the right edge: infinite.")
    if any(x == 0 for panel in panels if panel.x.scale == "log" for one in panel.series for x in one.x):
        said.append("A triangle at the left edge: 0.")
    if hidden:
        said.append(f"{counted(hidden, 'more row')} in results.csv.")
    return tuple(said)
