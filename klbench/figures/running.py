"""Figures of a run to a precision: what it had measured at each checkpoint, and how the error bars shrank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, isnan

from klbench.figures.figure import Axis, Figure, Panel, Rule, Series, colours
from klbench.figures.numbers_of_rows import ERRORS, is_doubtful, named
from klbench.report.numbers import parameters_text
from klbench.results import CaseResult
from klbench.row import Row
from klbench.wording import counted, file_stem

_MOST_CASES, _MOST_ROWS = 6, 8


def running_means(cases: Sequence[CaseResult], pair: str) -> Iterator[Figure]:
    """A figure of a pair that was run to a precision: a panel for each case. None of another pair."""
    shown = [case for case in cases if len({row.samples for row in case.running}) > 1]
    if not shown:
        return
    rows = [row for case in shown for row in case.running]
    names = list(dict.fromkeys(named(row, rows) for row in rows))
    palette = colours(names[:_MOST_ROWS])
    panels = [_panel(case, rows, palette) for case in shown[:_MOST_CASES]]
    said = [f"Points are measured at the checkpoints of the run; bars are {ERRORS} standard errors; lines are exact."]
    hidden = len(shown) - len(panels)
    said += [f"{counted(hidden, 'more case')} in running.csv."] * (hidden > 0)
    said += [f"{counted(len(names) - _MOST_ROWS, 'more estimator')} in running.csv."] * (len(names) > _MOST_ROWS)
    columns = 1 if len(panels) == 1 else 2
    yield Figure(f"running-{file_stem(pair)}", "Running means", pair, tuple(panels), columns, tuple(said))


def _panel(case: CaseResult, rows: Sequence[Row], palette: dict[str, int]) -> Panel:
    exact = {named(row, rows): row.exact_bias_over_true for row in case.rows}
    points: dict[str, list[Row]] = {}
    for row in case.running:
        points.setdefault(named(row, rows), []).append(row)
    series: list[Series] = []
    for name, own in points.items():
        if name not in palette:
            continue
        x = tuple(float(row.samples) for row in own)
        over = any(isfinite(row.bias_over_true) for row in own)
        y = tuple(row.bias_over_true if over else row.mean for row in own)
        errors = tuple(row.bias_over_true_mcse if over else row.mean_mcse for row in own)
        if over and not isnan(exact.get(name, float("nan"))):
            series.append(Series(name, palette[name], "line", (x[0], x[-1]), (exact[name],) * 2))
        doubtful = tuple(is_doubtful(row, error, 1) for row, error in zip(own, errors, strict=True))
        series.append(Series(name, palette[name], "points", x, y, tuple(ERRORS * error for error in errors), doubtful))
    is_ratio = any(isfinite(row.bias_over_true) for row in case.running)
    title = " · ".join(filter(None, [parameters_text(case.case.parameters), "bias/true" if is_ratio else "mean, nats"]))
    rules = (Rule("y", 0.0, is_quiet=True),) if is_ratio else ()
    return Panel(title, Axis("samples", "log"), Axis(""), tuple(series), rules=rules)
