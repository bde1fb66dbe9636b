"""Numbers as a person reads them."""

from __future__ import annotations

import re
from decimal import Decimal
from math import inf, isclose, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klbench.report.numbers import aligned, count, fixed, measured, plain_number, seconds
from klbench.wording import joined, percent, share


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.002487, 0.000026, "0.002487(26)"),
        (0.0015, 0.00045, "0.00150(45)"),
        (-0.0013, 0.0063, "-0.0013(63)"),
        (1.4177, 0.00996, "1.418(10)"),
        (20, 1.2, "20.0(1.2)"),
        (20, 12.3, "20(12)"),
        (12345, 678, "12345(678)"),
        (2.5e-7, 3e-8, "2.50(30)e-7"),
        (1e-30, 2e-30, "1.0(2.0)e-30"),
        (3e8, 1.234e6, "3.000(12)e8"),
        (999999.7, 3.0, "999999.7(3.0)"),
        (115818.3, 2.2, "115818.3(2.2)"),
        (115818.3, 0.1, "115818.30(10)"),
        (999999.0, 0.5, "999999.00(50)"),
        (0.0, 1e-9, "0.0(1.0)e-9"),
        (-1e-5, 0.1, "0.00(10)"),
        (0.1146865534, 5.5e-11, "0.114687"),
        (5.0, 0.0, "5"),
        (0.0, 0.0, "0"),
        (123.456, nan, "123"),
        (123.456, inf, "123"),
        (inf, nan, "∞"),
        (-inf, 1.0, "-∞"),
        (nan, nan, "–"),
    ],
)
def test_a_measured_number_shows_the_digits_its_error_supports(value: float, error: float, text: str) -> None:
    assert measured(value, error) == text


def read(text: str) -> tuple[Decimal, Decimal, Decimal]:
    """The value and the error that a text says, and the unit of its last digit."""
    match = re.fullmatch(r"(-?\d+(?:\.(\d+))?)\(([\d.]+)\)(?:e(-?\d+))?", text)
    assert match is not None, text
    number, decimals, uncertainty, exponent = match.groups()
    power = int(exponent or 0)
    unit = Decimal(10) ** (power - len(decimals or ""))
    error = Decimal(uncertainty).scaleb(power) if "." in uncertainty else Decimal(uncertainty) * unit
    return Decimal(number).scaleb(power), error, unit


def significant(smallest: int, largest: int) -> st.SearchStrategy[float]:
    """Numbers of every size between two powers of ten."""
    return st.builds(
        lambda digits, power: float(f"{digits}e{power}"), st.floats(1, 9.99), st.integers(smallest, largest)
    )


@given(significant(-300, 299), significant(-9, 9), st.sampled_from((1, -1)))
def test_a_measured_number_reads_back_with_two_digits_of_its_error(size: float, relative: float, sign: int) -> None:
    value, error = sign * size, size * relative
    if not 1e-307 < error < inf:
        return
    text = measured(value, error)
    if "(" not in text:
        assert error <= 1e-7 * size
        assert isclose(float(text), value, rel_tol=5.1e-6)
        return
    number, shown, unit = read(text)
    assert abs(number - Decimal(value)) <= unit / 2
    assert isclose(float(shown), error, rel_tol=0.051), text
    assert unit <= Decimal(error) / Decimal("9.4") or unit == 1, "two digits of it, at least"


@given(st.floats(100, 999_999), st.floats(0.05, 99))
def test_numbers_above_100_keep_two_digits_of_error(value: float, error: float) -> None:
    number, shown, unit = read(measured(value, error))
    assert abs(number - Decimal(value)) <= unit / 2
    assert isclose(float(shown), error, rel_tol=0.051)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.4177449, "1.41774"),
        (20.0, "20"),
        (999999.97, "1e6"),
        (1e-5, "1e-5"),
        (0.000123456789, "0.000123457"),
        (5e-324, "4.94066e-324"),
        (inf, "∞"),
        (nan, "–"),
    ],
)
def test_an_exact_number_shows_six_digits(value: float, text: str) -> None:
    assert plain_number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_six_digits_are_right(value: float) -> None:
    assert isclose(float(plain_number(value)), value, rel_tol=5.1e-6, abs_tol=5e-324) or abs(value) > 1.79769e308


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.4801, "48.0%"), (1e-6, "<0.1%"), (1 - 1e-6, ">99.9%"), (nan, "–")],
)
def test_a_share_is_never_rounded_to_none_or_all(share: float, text: str) -> None:
    assert percent(share) == text


def test_decimal_points_stand_one_below_the_other() -> None:
    assert aligned(["20.0(1.2)", "0.5", "-3", "2.5(1)e-7†", "∞", "48%"]) == [
        "20.0(1.2)  ",
        " 0.5       ",
        "-3         ",
        " 2.5(1)e-7†",
        " ∞         ",
        "48%        ",
    ]


def test_counts_and_durations() -> None:
    assert count(10_000_000) == "10,000,000"
    assert [seconds(s) for s in (0.04, 12.3, 59.96, 200, 7500)] == ["0.0 s", "12 s", "60 s", "3 min 20 s", "2 h 5 min"]


def test_a_fixed_number_is_never_minus_zero() -> None:
    assert [fixed(x, 2) for x in (-0.001, 0.708, nan, inf)] == ["0.00", "0.71", "–", "∞"]
    assert [fixed(x, 1, sign="+") for x in (-0.01, 0.0, 2.34, -7.0)] == ["+0.0", "+0.0", "+2.3", "-7.0"]


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.705, "70.5%"), (1e-3, "0.1%"), (7.1e-6, "1 in 140,000"), (0.0, "0%"), (1.0, "100%"), (nan, "–")],
)
def test_a_rare_share_is_told_as_one_in_so_many(fraction: float, text: str) -> None:
    assert share(fraction) == text


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_names_are_joined_as_in_a_sentence(names: list[str], text: str) -> None:
    assert joined(names) == text
