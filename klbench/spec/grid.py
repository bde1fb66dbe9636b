"""Grids: the values a pair's parameters take, written as lists, ``logspace`` or ``linspace``, and their product."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import log10, prod

from klbench.distributions.constraints import is_number
from klbench.row import Components, Row, columns_of
from klbench.spec.numbers import finite
from klbench.spec.refusal import Refusal, shown, unknown_key

MOST_CASES = 10_000

Number = int | float
Grid = Mapping[str, tuple[Number, ...]]

_NAME = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
_TAKEN = {"spec", "pair", "q", "p", "sampler", *columns_of(Row), *columns_of(Components)}
_VALUES = "a list of numbers, {logspace: [low, high, count]} or {linspace: [low, high, count]}"


def parameter_name(name: object) -> str:
    """The name of a grid parameter, which becomes a column of the results.

    Raises:
        Refusal: it is no identifier, or the name of another column.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refusal(f"{shown(name)} is not a name for a grid parameter", help=["letters, digits and _"])
    if name in _TAKEN:
        raise Refusal(f"the results have a column {name} already", help=["give the grid parameter another name"])
    return name


def grid_values(written: object) -> tuple[Number, ...]:
    """The values of one grid parameter; a single number is a list of one.

    Raises:
        Refusal: not numbers, none, too many, or one of them twice.
    """
    if is_number(written):
        return (finite(written),)
    if isinstance(written, Mapping):
        return _distinct(_spaced(written))
    if not isinstance(written, list | tuple) or not written:
        raise Refusal(f"a grid parameter cannot be {shown(written)}", help=[_VALUES])
    if len(written) > MOST_CASES:
        raise Refusal(f"{len(written)} values in a grid", help=[f"at most {MOST_CASES}"])
    return _distinct(tuple(_within(finite, value, index) for index, value in enumerate(written)))


def _distinct(values: tuple[Number, ...]) -> tuple[Number, ...]:
    seen: set[Number] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise Refusal(f"{value} is in the grid twice", path=(index,))
        seen.add(value)
    return values


def _within(read: Callable[[object], Number], value: object, *path: str | int) -> Number:
    try:
        return read(value)
    except Refusal as refusal:
        raise refusal.within(*path) from None


def _spaced(written: Mapping[str, object]) -> tuple[Number, ...]:
    for spacing in written:
        if spacing not in _SPACINGS:
            raise unknown_key(spacing, _SPACINGS, kind="spacing")
    if len(written) != 1:
        raise Refusal(f"a grid parameter cannot have {len(written)} spacings", help=[_VALUES])
    ((spacing, ends),) = written.items()
    if not isinstance(ends, list | tuple) or len(ends) != 3:
        raise Refusal(f"{spacing} needs three numbers", help=[f"{spacing}: [low, high, count]"], path=(spacing,))
    low, high = (_within(finite, end, spacing, index) for index, end in enumerate(ends[:2]))
    count = _within(_count, ends[2], spacing, 2)
    if low == high:
        raise Refusal(f"{spacing} goes from {low} to {high}", help=["low and high differ"], path=(spacing,))
    return (low, *_SPACINGS[spacing](low, high, int(count)), high)


def _count(value: object) -> Number:
    if not is_number(value) or not 2 <= finite(value) <= MOST_CASES or finite(value) % 1:
        raise Refusal(f"a grid of {shown(value)} values", help=[f"a whole number from 2 to {MOST_CASES}"])
    return finite(value)


def _linspace(low: float, high: float, count: int) -> list[Number]:
    shares = [step / (count - 1) for step in range(1, count - 1)]
    return [_rounded(low * (1 - share) + high * share) for share in shares]


def _logspace(low: float, high: float, count: int) -> list[Number]:
    if low <= 0 or high <= 0:
        raise Refusal(f"logspace from {low} to {high}", help=["both ends are > 0"], path=("logspace",))
    return [_rounded(10**exponent) for exponent in _linspace(log10(low), log10(high), count)]


def _rounded(value: float) -> float:
    """Without the last digit, where 0.30000000000000004 would be."""
    return float(f"{value:.15g}")


_SPACINGS: Mapping[str, Callable[[float, float, int], list[Number]]] = {"logspace": _logspace, "linspace": _linspace}


def combinations(grid: Grid) -> Iterator[dict[str, Number]]:
    """Every choice of one value per parameter, the last parameter changing fastest; one empty choice without a grid."""
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def count_cases(grid: Grid) -> int:
    """How many combinations there are.

    Raises:
        Refusal: more than ``MOST_CASES``.
    """
    count = prod(len(values) for values in grid.values())
    if count > MOST_CASES:
        raise Refusal(f"the grid has {count} cases", help=[f"at most {MOST_CASES}"], path=("grid",))
    return count
