"""Figures of log-probabilities that a run has saved: by position, the tail of |log r|, and what the checks say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp, isfinite, isnan, nan

from klbench.figures.figure import Axis, Figure, Panel, Rule, Scale, Series, colours
from klbench.figures.numbers_of_rows import ERRORS
from klbench.measure.data import DataResult
from klbench.measure.data_checks import Check
from klbench.report.numbers import fixed
from klbench.results import CaseResult
from klbench.row import Row
from klbench.stats.tail import tail_length
from klbench.wording import counted, file_stem

_NAMES = colours(["k1", "k3", "tokens", "sequences"])
_ESS = "ess_share"
_CALLED = {"mean_ratio_minus_one": "mean of r − 1", "mean_weight_minus_one": "mean of ρ − 1"}


def of_data(case: CaseResult) -> Iterator[Figure]:
    """The figure of a case of data: a panel for each thing that is told; none of another case."""
    if case.data is None:
        return
    panels = [*_positions(case.data), *_tails(case.data, case.rows), *_checks(case.data)]
    if not panels:
        return
    data = case.data
    held = zip((data.sequences, data.tokens, data.groups), ("sequence", "token", "group"), strict=True)
    subtitle = f"{case.case.pair}: {', '.join(counted(number, noun) for number, noun in held)}"
    title = "By position, the tail of |log r|, and how the tokens were drawn"
    yield Figure(f"data-{file_stem(case.case.pair)}", title, subtitle, tuple(panels), 2, tuple(_captions(panels)))


def _positions(data: DataResult) -> Iterator[Panel]:
    if len(data.positions) < 2:
        return
    x = tuple((each.first + each.last) / 2 for each in data.positions)
    series = []
    for name in ("k1", "k3"):
        told = [getattr(each, name) for each in data.positions]
        bars = tuple(ERRORS * one.mcse for one in told)
        y = tuple(one.value for one in told)
        series.append(Series(name, _NAMES[name], "points", x, y, bars, tuple(map(isnan, bars))))
    yield Panel("mean by position, nats", Axis("position in the sequence"), Axis(""), tuple(series), rules=(_ZERO,))


_ZERO = Rule("y", 0.0, is_quiet=True)


def _tails(data: DataResult, rows: Sequence[Row]) -> Iterator[Panel]:
    """The largest |log r| against the share of tokens, or of sequences, that have at least that."""
    series: list[Series] = []
    for what, name, number in (("token", "tokens", data.tokens), ("sequence", "sequences", data.sequences)):
        sizes = sorted((abs(one.log_ratio) for one in data.worst if one.what == what), reverse=True)
        there = [(size, (rank + 1) / number) for rank, size in enumerate(sizes) if size > 0]
        if len(there) < 2:
            continue
        series.append(Series(name, _NAMES[name], "points", *map(tuple, zip(*there, strict=True))))  # type: ignore[arg-type]
        khat = _khat(rows, what)
        if isfinite(khat) and khat < 1:
            series.append(_fit(f"{name}, k̂ = {fixed(khat, 2)}", _NAMES[name], there[: tail_length(number) + 1], khat))
    if series:
        title = "share with at least this |log r|"
        yield Panel(title, Axis("|log r|, nats", _scale(series)), Axis("", "log"), tuple(series))


def _scale(series: Sequence[Series]) -> Scale:
    sizes = [x for one in series for x in one.x]
    return "log" if max(sizes) > 4 * min(sizes) else "linear"


def _khat(rows: Sequence[Row], what: str) -> float:
    """The tail index of k1, whose size is |log r|: of tokens, or of whole sequences."""
    level = {"token": ("token", "token-mean"), "sequence": ("sequence", "")}[what]
    found = [row.khat for row in rows if row.estimator == "k1" and (row.level, row.aggregation) == level]
    return found[0] if found else nan


def _fit(name: str, colour: int, there: Sequence[tuple[float, float]], khat: float) -> Series:
    """The generalized Pareto tail of this index beyond the least of these, with the mean excess that they have."""
    sizes = [size for size, _ in there]
    least, share = there[-1]
    scale = (sum(sizes) / len(sizes) - least) * (1 - khat)
    x = tuple(least + (sizes[0] - least) * step / _STEPS for step in range(_STEPS + 1))
    # a tail of an index below 0 ends somewhere
    told = [(size, share * beyond) for size in x if (beyond := _beyond(khat, (size - least) / scale)) > 0]
    return Series(name, colour, "line", tuple(size for size, _ in told), tuple(height for _, height in told))


_STEPS = 60


def _beyond(khat: float, excess: float) -> float:
    """The share of a generalized Pareto distribution beyond an excess, in units of its scale."""
    if abs(khat) < _NO_INDEX:
        return exp(-excess)
    inside = 1 + khat * excess
    return inside ** (-1 / khat) if inside > 0 else 0.0


_NO_INDEX = 1e-6
"""So small an index is that of an exponential tail."""


def _checks(data: DataResult) -> Iterator[Panel]:
    """The means that are 0 if the tokens were drawn as is claimed, and the share of the sample that weights leave."""
    for is_share, title in ((False, "0 if drawn as claimed"), (True, "effective sample size")):
        own = [check for check in data.checks if (check.check == _ESS) == is_share and isfinite(check.value)]
        if not own:
            continue
        names = tuple(check.level if is_share else f"{_CALLED[check.check]}, {check.level}" for check in own)
        series = tuple(_point(name, check, place) for place, (name, check) in enumerate(zip(names, own, strict=True)))
        limits = (-0.04, 1.04) if is_share else None
        label = "share of the sample" if is_share else f"mean, ±{ERRORS} standard errors"
        rules = (Rule("x", 1.0 if is_share else 0.0),)
        yield Panel(title, Axis(label, limits=limits), Axis("", categories=names), series, rules=rules)


def _point(name: str, check: Check, place: int) -> Series:
    colour = _NAMES["sequences" if check.level == "sequence" else "tokens"]
    bars, doubtful = (ERRORS * check.mcse,), (isnan(check.mcse),)
    return Series(name, colour, "points", (check.value,), (float(place),), bars, doubtful)


def _captions(panels: Sequence[Panel]) -> Iterator[str]:
    yield f"Points are measured, bars are {ERRORS} standard errors by clusters."
    if any(one.look == "line" for panel in panels for one in panel.series):
        yield "Lines: a generalized Pareto tail with the k̂ of k1 in results.csv and the mean excess of the points."
