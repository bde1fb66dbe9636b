"""The numbers of rows as series of a figure: what is drawn of bias, noise, cosine and samples needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, inf, isfinite, isnan, log10, nan

from klbench.estimators.vocabulary import placed
from klbench.figures.figure import Axis, Panel, Series
from klbench.report.fields import tail
from klbench.results import CaseResult
from klbench.row import Row
from klbench.stats.needed import least_samples
from klbench.tolerances import TRUSTED

WITHIN = 0.05
"""The error that samples needed are for, as a share of the true value."""
ERRORS = 2
"""How many standard errors a bar reaches to either side."""
_ROUNDING = 1e-8
"""A share of the true value that is 0 to rounding."""


@dataclass(frozen=True)
class Number:
    """A number of a row.

    Args:
        exact, measured, error: its exact value, what was measured and the error of that; NaN where there is none.
        order: what power of the values it averages, by which their tail index counts.
    """

    exact: Callable[[Row], float]
    measured: Callable[[Row], float]
    error: Callable[[Row], float]
    order: int = 1


@dataclass(frozen=True)
class Shown:
    """A number of a row that is drawn over a grid.

    Args:
        title: of its panel.
        number: what is drawn.
        kind: whether it is about 0 on a logarithmic scale, above 0 on one, or within -1 and 1.
    """

    title: str
    number: Number
    kind: str = "size"

    @property
    def short(self) -> str:
        """Its title without explanation."""
        return self.title.partition(",")[0].partition(" with")[0]


def size(number: float) -> float:
    """The size of a number; 0 where it is rounding."""
    return 0.0 if abs(number) < _ROUNDING else abs(number)


def _needed(row: Row) -> float:
    if row.aggregation == "token-mean":  # its error is that of a ratio, which no row has
        return nan
    return least_samples(row.exact_bias_over_true, row.exact_stdev_over_true, WITHIN)


def _none(_row: Row) -> float:
    return nan


NOISE_TITLE, COSINE_TITLE = "stdev/true, of one sample", "cosine with the true gradient"
NOISE_NUMBER = Number(
    lambda row: size(row.exact_stdev_over_true),
    lambda row: size(row.stdev_over_true),
    lambda row: row.stdev_over_true_mcse,
    order=2,
)
COSINE_NUMBER = Number(lambda row: row.exact_cosine, lambda row: row.cosine, lambda row: row.cosine_mcse)
BIAS = Shown(
    "bias/true",
    Number(
        lambda row: size(row.exact_bias_over_true),
        lambda row: abs(row.bias_over_true),
        lambda row: row.bias_over_true_mcse,
    ),
    kind="zero",
)
NOISE = Shown(NOISE_TITLE, NOISE_NUMBER)
COSINE = Shown(COSINE_TITLE, COSINE_NUMBER, kind="cosine")
NEEDED = Shown(f"samples for an error of {WITHIN:.0%}", Number(_needed, _none, _none))


def named(row: Row, rows: Sequence[Row]) -> str:
    """``k3``, ``k3 (sequence)``, ``k3, loss × ratio``, ``k3 in bfloat16``: as much as tells it from the other rows."""
    name = row.called
    if row.is_gradient:
        place = placed(row.placement, row.weighting)
        several = len({placed(other.placement, other.weighting) for other in rows if other.is_gradient}) > 1
        name = f"{name}, {place}" if several else name
    return f"{name} in {row.dtype}" if any(other.dtype != row.dtype for other in rows) else name


Way = tuple[str, str, str]
"""How rows take sequences and in which precision: level, aggregation, dtype."""


def way(row: Row) -> Way:
    """What a panel of its own is for, where rows differ in it."""
    return row.level, row.aggregation, row.dtype


def in_words(one: Way, ways: Sequence[Way]) -> str:
    """What tells a way from the others: ``token-mean``, ``of whole sequences``, ``bfloat16``."""
    level = "of whole sequences" if one[0] == "sequence" else one[1]
    of_level = [level] * (len({other[:2] for other in ways}) > 1)
    return ", ".join([*of_level, *[one[2]] * (len({other[2] for other in ways}) > 1)])


def is_doubtful(row: Row, error: float, order: int) -> bool:
    """Whether an error bar is not to be trusted, or is missing: where tables have a mark."""
    return isnan(error) or order * tail(row) > TRUSTED


HOLLOW = "Hollow points: the error bar cannot be trusted, or there is none (the variance is infinite)."


def series_of(shown: Shown, name: str, colour: int, points: Sequence[tuple[float, Row]]) -> tuple[Series, ...]:
    """The exact numbers as a line and the measured ones as points; nothing where there are none."""
    x, rows, number = tuple(x for x, _ in points), [row for _, row in points], shown.number
    exact, measured = tuple(map(number.exact, rows)), tuple(map(number.measured, rows))
    found: list[Series] = []
    if any(not isnan(each) for each in exact):
        found.append(Series(name, colour, "line", x, exact))
    if any(not isnan(each) for each in measured):
        errors = tuple(number.error(row) for row in rows)
        doubtful = tuple(
            not isnan(each) and is_doubtful(row, error, number.order)
            for each, row, error in zip(measured, rows, errors, strict=True)
        )
        bars = tuple(ERRORS * error for error in errors)
        found.append(Series(name, colour, "points", x, measured, bars, doubtful))
    return tuple(found)


def axis_of(shown: Shown, series: Sequence[Series]) -> Axis:
    """The axis of a number: logarithmic where its values are of different sizes."""
    if shown.kind == "cosine":
        low = min((y - (e if isfinite(e) else 0.0) for y, e in _with_errors(series)), default=0.0)
        return Axis("", limits=(-1.08 if low < 0 else -0.04, 1.08))
    if shown.kind == "zero":
        return _about_zero(series)
    sizes = [y for y, _ in _with_errors(series) if 0 < y < inf]
    return Axis("", "log" if sizes and max(sizes) > 4 * min(sizes) else "linear")


def _about_zero(series: Sequence[Series]) -> Axis:
    """Of sizes that may be 0: linear up to the size that errors can tell from 0, logarithmic beyond."""
    exact = [y for one in series if one.is_exact for y in one.y if 0 < y < inf]
    errors = [e for _, e in _with_errors(series) if 0 < e < inf]
    largest = max([y for y, _ in _with_errors(series) if y < inf] or [0.0])
    if not largest:
        return Axis("", limits=(-0.1, 1.0))
    smallest = min([min(exact)] if exact else errors or [largest])
    if errors:
        smallest = max(smallest, min(errors) / 2) if exact else min(errors)
    if largest < 5 * smallest:
        return Axis("")
    threshold = 10.0 ** floor(log10(smallest))
    return Axis("", "asinh", threshold=max(threshold, largest * 1e-7), limits=(0.0, largest * 2))


def _with_errors(series: Sequence[Series]) -> list[tuple[float, float]]:
    return [
        (y, error)
        for one in series
        for y, error in zip(one.y, one.error or (nan,) * len(one.y), strict=True)
        if not isnan(y)
    ]


def captions(panels: Sequence[Panel]) -> tuple[str, ...]:
    """What the marks of these panels mean, as far as they are there."""
    series = [one for panel in panels for one in panel.series]
    lines = any(one.look == "line" for one in series)
    points = [one for one in series if one.look == "points"]
    said = []
    if points:
        exact = "Lines are exact, points are measured" if lines else "Points are measured"
        said.append(f"{exact}; bars are {ERRORS} standard errors.")
    elif lines:
        said.append("Lines are exact: nothing was sampled.")
    if any(any(one.doubtful) for one in points):
        said.append(HOLLOW)
    if any(y == inf for one in series for y in one.y):
        said.append("A triangle at the upper edge: infinite; of samples needed: never, however many.")
    if any(y == 0 for panel in panels if panel.y.scale == "log" for one in panel.series for y in one.y):
        said.append("A triangle at the lower edge: 0.")
    return tuple(said)


def rows_of(cases: Sequence[CaseResult]) -> list[Row]:
    """All rows of some cases."""
    return [row for case in cases for row in case.rows]
