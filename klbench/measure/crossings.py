"""The values of a grid parameter at which two estimators are equally noisy, computed without samples.

Between two neighbouring values of the grid at which the order of two estimators of one target differs, there is a value
at which they are equal. It is found on exact numbers, so it is right to the six digits that are shown. An order that
changes twice between neighbours is not seen: a finer grid shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from math import inf, isfinite, isnan, log, nan

from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.known import Known, known
from klbench.measure.truth import true_of
from klbench.problems.build import build_pair
from klbench.results import CaseResult, Crossing
from klbench.row import Row
from klbench.spec.model import PairSpec, Spec
from klbench.spec.refusal import Refusal

_ALIKE = 1e-7
"""Two estimators whose numbers differ by a smaller share count as equal: exact numbers are known to 1e-9."""
_CLOSE = 1e-9
"""The accuracy of a crossing: as a share of the step of the grid, or of two numbers that are compared."""
_MOST_STEPS = 120
"""Every third step halves, and forty halvings are more than the accuracy needs."""
_MOST_NOTES = 6
"""The most crossings in the notes; validate shows all of them."""
_UNBIASED = 0.01
"""A larger share of the true value counts as biased, and then the noise does not matter."""

Figure = Callable[[Known], float]
"""The number that is compared: the noise, or the error at some number of samples."""
At = Mapping[str, Known]
"""The exact numbers at one value of the parameter, by the name shown for the estimator."""


def noise(line: Known) -> float:
    """The standard deviation of one sample."""
    return line.stdev


def crossings(spec: Spec, pair: PairSpec, points: Sequence[tuple[float, At]], figure: Figure) -> Iterator[Crossing]:
    """Every crossing of a pair whose grid has one parameter, in the order of its values.

    Args:
        points: the values of the parameter, and what is known there.
    """
    (parameter,) = pair.grid
    for (low, below), (high, above) in pairwise(sorted(points, key=lambda point: point[0])):
        for one, other in combinations([name for name in below if name in above], 2):
            if below[one].quantity != below[other].quantity or not _changes(below, above, one, other, figure):
                continue

            def apart(value: float, one: str = one, other: str = other) -> float:
                return _apart(_at(spec, pair, {parameter: value}, (one, other)), one, other, figure)

            value = root(apart, low, high)
            if isfinite(value):
                lower, upper = (one, other) if _apart(below, one, other, figure) < 0 else (other, one)
                there = _at(spec, pair, {parameter: value}, (lower,))[lower]
                size = abs(figure(there) / there.true) if there.true else nan
                yield Crossing(pair.name, parameter, value, _kl(pair, {parameter: value}), lower, upper, size)


def noise_crossings(spec: Spec, cases: Sequence[CaseResult]) -> tuple[Crossing, ...]:
    """Every crossing of the noise of two unbiased estimators, of each pair whose grid has one parameter."""
    pairs = [pair for pair in spec.pairs if isinstance(pair, PairSpec) and len(pair.grid) == 1]
    return tuple(
        crossing
        for pair in pairs
        for crossing in crossings(spec, pair, [_point(case) for case in cases if case.case.pair == pair.name], noise)
    )


def _point(case: CaseResult) -> tuple[float, At]:
    """The value of the parameter, and what is known there."""
    (value,) = case.case.parameters.values()
    return value, {line.called: line for row in case.rows if (line := _line(row))}


def crossing_notes(found: Sequence[Crossing]) -> tuple[str, ...]:
    """A sentence for each crossing of the noise; at most the first few."""
    sentences = [crossing.sentence("noise") for crossing in found]
    more = len(sentences) - _MOST_NOTES
    rest = (
        [f"There are {more} more crossings; klbench validate shows them all."] if more > 1 else sentences[_MOST_NOTES:]
    )
    return (*sentences[:_MOST_NOTES], *rest)


def _line(row: Row) -> Known | None:
    """The exact numbers of a row; None if it is biased, or not in float64."""
    bias, stdev = row.exact_bias_over_true * row.scale, row.exact_stdev_over_true * row.scale
    if not abs(row.exact_bias_over_true) <= _UNBIASED or row.dtype != FULL_PRECISION:
        return None
    place, level = (row.placement, row.weighting), (row.level, row.aggregation)
    return Known(row.estimator, row.target, row.scale, bias, stdev, *place, level=level[0], aggregation=level[1])


def _changes(below: At, above: At, one: str, other: str, figure: Figure) -> bool:
    first, second = (_apart(at, one, other, figure) for at in (below, above))
    return min(abs(first), abs(second)) > _ALIKE and first * second < 0


def _apart(at: At, one: str, other: str, figure: Figure) -> float:
    """log(one / other) of the figure; NaN if one of them is 0, infinite or not known."""
    if one not in at or other not in at:
        return nan
    first, second = figure(at[one]), figure(at[other])
    # the logarithm takes both alike: one/other and other/one differ in their sign only
    return log(first / second) if 0 < first < inf and 0 < second < inf else nan


def _at(spec: Spec, pair: PairSpec, parameters: Mapping[str, float], called: Sequence[str]) -> At:
    """The exact numbers of two estimators at a value off the grid; empty if the pair does not exist there."""
    names = [name for name in spec.estimators if any(text.partition(" (")[0] == name for text in called)]
    try:
        case = pair.case_at(parameters)
    except Refusal:
        return {}
    return {line.called: line for line in known(spec.model_copy(update={"estimators": tuple(names)}), case)}


def _kl(pair: PairSpec, parameters: Mapping[str, float]) -> float:
    built = build_pair(pair.case_at(parameters))
    return true_of(built, REVERSE_KL).size


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """The zero of ``function`` between two values at which its signs differ; NaN if they do not, or if it is NaN there.

    False position by turns with halving: the first is fast near the root, the second never stalls.
    """
    at_low, at_high, span = function(low), function(high), high - low
    # ``not <``, no ``>=``: NaN ends here as well
    if not at_low * at_high < 0:
        return nan
    for step in range(_MOST_STEPS):
        # the two signs differ, so that at_high − at_low is never 0
        middle = (low + high) / 2 if step % 3 == 2 else (low * at_high - high * at_low) / (at_high - at_low)
        at_middle = function(middle)
        if isnan(at_middle) or abs(at_middle) < _CLOSE:
            return nan if isnan(at_middle) else middle
        if at_middle * at_low > 0:
            low, at_low = middle, at_middle
        else:
            high, at_high = middle, at_middle
        if high - low < _CLOSE * span:
            break
    return (low + high) / 2
