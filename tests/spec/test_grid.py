"""Grids: lists, spacings and their product."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klbench.spec.grid import combinations, count_cases, grid_values, parameter_name
from klbench.spec.refusal import Refusal


def test_values_are_kept_as_they_are_written() -> None:
    assert grid_values([0.01, 1, -3]) == (0.01, 1, -3)
    assert grid_values(2) == (2,)


def test_linspace_is_even_and_readable() -> None:
    assert grid_values({"linspace": [0, 1, 11]}) == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
    assert grid_values({"linspace": [1, -1, 3]}) == (1, 0, -1)


def test_logspace_is_geometric() -> None:
    assert grid_values({"logspace": [0.01, 100, 5]}) == (0.01, 0.1, 1, 10, 100)


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(2, 50))
def test_logspace_has_both_ends_and_constant_ratios(low: float, high: float, count: int) -> None:
    if abs(math.log(high / low if low < high else low / high)) < 1e-6:
        return
    values = grid_values({"logspace": [low, high, count]})
    assert (values[0], values[-1], len(values)) == (low, high, count)
    steps = [math.log(b) - math.log(a) for a, b in pairwise(values)]
    assert max(steps) - min(steps) < 1e-11


@pytest.mark.parametrize(
    ("written", "path", "says"),
    [
        ([], (), "cannot be an empty list"),
        ("0.1", (), "cannot be '0.1'"),
        (None, (), "cannot be nothing"),
        ([1, "x"], (1,), "'x' is not a finite number"),
        ([1, math.inf], (1,), "inf is not a finite number"),
        ([True], (0,), "true is not a finite number"),
        ([1, 2, 1.0], (2,), "twice"),
        (list(range(10_001)), (), "10001 values"),
        ({"geomspace": [1, 2, 3]}, ("geomspace",), "unknown spacing"),
        ({}, (), "0 spacings"),
        ({"linspace": [0, 1, 2], "logspace": [1, 2, 3]}, (), "2 spacings"),
        ({"linspace": [0, 1]}, ("linspace",), "three numbers"),
        ({"linspace": [0, 1, 1]}, ("linspace", 2), "a grid of 1 values"),
        ({"linspace": [0, 1, 2.5]}, ("linspace", 2), "a grid of 2.5 values"),
        ({"linspace": [0, 1, 1e9]}, ("linspace", 2), "a grid of 1000000000 values"),
        ({"linspace": [0, math.nan, 3]}, ("linspace", 1), "not a finite number"),
        ({"linspace": [1, 1, 3]}, ("linspace",), "from 1 to 1"),
        ({"linspace": [1, 1 + 1e-15, 9]}, (), "twice"),
        ({"logspace": [0, 1, 3]}, ("logspace",), "from 0 to 1"),
        ({"logspace": [-1, 1, 3]}, ("logspace",), "from -1 to 1"),
    ],
)
def test_what_is_no_grid_is_refused(written: object, path: tuple[str | int, ...], says: str) -> None:
    with pytest.raises(Refusal, match=says) as caught:
        grid_values(written)
    if says != "twice" or path:
        assert caught.value.path == path


def test_the_last_parameter_changes_fastest() -> None:
    grid = {"a": (1, 2), "b": (3, 4)}
    assert list(combinations(grid)) == [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4}]
    assert count_cases(grid) == 4


def test_without_a_grid_there_is_one_case() -> None:
    assert list(combinations({})) == [{}]
    assert count_cases({}) == 1


def test_a_product_is_bounded_before_it_is_made() -> None:
    with pytest.raises(Refusal, match="1000000000000 cases"):
        count_cases(dict.fromkeys("abc", tuple(range(10_000))))


@pytest.mark.parametrize("name", ["mu", "_", "sigma_1", "d"])
def test_parameter_names(name: str) -> None:
    assert parameter_name(name) == name


@pytest.mark.parametrize("name", ["", "1", "a-b", "a b", "µ", "bias", "q", "estimator", "khat", "a" * 65, 1])
def test_what_is_no_parameter_name_is_refused(name: object) -> None:
    with pytest.raises(Refusal):
        parameter_name(name)
