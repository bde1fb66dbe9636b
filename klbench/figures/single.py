"""Figures of cases without a grid: what each estimator says beside what is true, and its noise, from the best down."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, isnan

from klbench.figures.figure import Axis, Figure, Panel, Rule, Series, colours
from klbench.figures.numbers_of_rows import ERRORS, is_doubtful, named
from klbench.report.numbers import parameters_text
from klbench.results import CaseResult
from klbench.row import Row

_MOST_ROWS = 40


def side_by_side(cases: Sequence[CaseResult], name: str) -> Figure | None:
    """A figure of the values of some cases: for each its estimates, and beside them the noise. None without values."""
    panels: list[Panel] = []
    rows = [row for case in cases for row in case.rows if not row.is_gradient]
    palette = colours([named(row, rows) for row in rows])
    for case in cases:
        own = sorted((row for row in case.rows if not row.is_gradient), key=_rank)[:_MOST_ROWS]
        if own:
            panels += _of_case(case, own, rows, palette)
    if not panels:
        return None
    return Figure(
        name, "Estimates beside the true value, and the noise of one sample", "", tuple(panels), 2, _captions(panels)
    )


def _rank(row: Row) -> tuple[float, float]:
    """The least biased first, of those the quietest."""
    bias = row.exact_bias_over_true if not isnan(row.exact_bias_over_true) else row.bias_over_true
    noise = row.exact_stdev_over_true if not isnan(row.exact_stdev_over_true) else row.stdev_over_true
    size = abs(bias) if abs(bias) > 1e-6 else 0.0
    return (inf if isnan(size) else size, inf if isnan(noise) else noise)


def _of_case(case: CaseResult, own: Sequence[Row], rows: Sequence[Row], palette: dict[str, int]) -> list[Panel]:
    names = tuple(named(row, rows) for row in own)
    at = parameters_text(case.case.parameters)
    title = f"{case.case.pair} ({at})" if at else case.case.pair
    return [_estimates(title, own, names, palette), _noise(own, names, palette)]


def _estimates(title: str, own: Sequence[Row], names: tuple[str, ...], palette: dict[str, int]) -> Panel:
    over = all(isfinite(row.bias_over_true) or isfinite(row.exact_bias_over_true) for row in own)
    series: list[Series] = []
    for place, (row, name) in enumerate(zip(own, names, strict=True)):
        y = (float(place),)
        exact = 1 + row.exact_bias_over_true if over else row.true + row.exact_bias_over_true * row.true
        mean, error = (1 + row.bias_over_true, row.bias_over_true_mcse) if over else (row.mean, row.mean_mcse)
        if not isnan(exact):
            series.append(Series(name, palette[name], "diamonds", (exact,), y))
        if not isnan(mean):
            doubt = (is_doubtful(row, error, 1),)
            series.append(Series(name, palette[name], "points", (mean,), y, (ERRORS * error,), doubt))
    truths = {row.true for row in own if isfinite(row.true)}
    rules = (Rule("x", 1.0),) if over else tuple(Rule("x", true) for true in truths)
    label = "mean/true" if over else "mean, nats"
    return Panel(title, Axis(label), Axis("", categories=names), tuple(series), rules=rules)


def _noise(own: Sequence[Row], names: tuple[str, ...], palette: dict[str, int]) -> Panel:
    over = any(isfinite(row.stdev_over_true) or row.exact_stdev_over_true == inf for row in own)
    series: list[Series] = []
    sizes: list[float] = []
    for place, (row, name) in enumerate(zip(own, names, strict=True)):
        y = (float(place),)
        exact = row.exact_stdev_over_true if over else row.exact_stdev_over_true * abs(row.true)
        noise, error = (row.stdev_over_true, row.stdev_over_true_mcse) if over else (row.stdev, row.stdev_mcse)
        sizes += [size for size in (exact, noise) if 0 < size < inf]
        if not isnan(exact):
            series.append(Series(name, palette[name], "diamonds", (exact,), y))
        if not isnan(noise):
            doubt = (is_doubtful(row, error, 2) or exact == inf,)
            series.append(Series(name, palette[name], "points", (noise,), y, (ERRORS * error,), doubt))
    scale = "log" if sizes and max(sizes) > 10 * min(sizes) else "linear"
    label = "stdev/true" if over else "stdev, nats"
    return Panel("", Axis(label, scale), Axis("", categories=names, is_bare=True), tuple(series))  # type: ignore[arg-type]


def _captions(panels: Sequence[Panel]) -> tuple[str, ...]:
    series = [one for panel in panels for one in panel.series]
    measured = f"Points are measured, bars are {ERRORS} standard errors; "
    said = [f"{measured}diamonds are exact; the dashed line is the true value."]
    if any(any(one.doubtful) for one in series):
        said.append("Hollow points: the error bar cannot be trusted, or there is none (the variance is infinite).")
    if any(x == inf for one in series for x in one.x):
        said.append("A triangle at the right edge: infinite.")
    return tuple(said)
