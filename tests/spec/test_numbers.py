"""Numbers as users write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klbench.spec import numbers
from klbench.spec.refusal import Refusal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e7", 1e7),
        ("1e-3", 0.001),
        ("1E+3", 1000.0),
        ("10_000_000", 10_000_000),
        ("-3", -3),
        ("+.5", 0.5),
        ("2.", 2.0),
        ("007", 7),
        ("yes", "yes"),
        ("on", "on"),
        ("0x10", "0x10"),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("1e", "1e"),
        ("_1", "_1"),
        (".", "."),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("-.inf", -math.inf),
        ("1" * 10_000, math.inf),
    ],
)
def test_a_plain_scalar_is_what_yaml_1_2_says(text: str, value: object) -> None:
    found = numbers.plain_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_a_plain_nan_is_nan() -> None:
    assert math.isnan(numbers.plain_scalar(".nan"))  # type: ignore[arg-type]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back(value: float) -> None:
    assert numbers.plain_scalar(repr(value)) == value


@pytest.mark.parametrize(
    ("written", "count"),
    [
        (1, 1),
        (1e7, 10**7),
        (10**13, 10**13),
        ("1e7", 10**7),
        ("1.0", 1),
        ("10M", 10**7),
        ("10 M", 10**7),
        ("2.5k", 2500),
        ("0.5k", 500),
        ("1_000K", 10**6),
        ("1G", 10**9),
        ("1e-3M", 1000),
    ],
)
def test_sample_counts(written: object, count: int) -> None:
    assert numbers.samples(written) == count


@pytest.mark.parametrize(
    "written",
    [
        *(0, -1, 1.5, math.nan, math.inf, 10**13 + 1, 10**400, True, None, [], {}),
        *("1.5", "0.0005k", "1.0001k", "inf", "nan", "", "M", "1m", "1T", "10 000", "1,000", "0x10", "١٠", "ten"),
        *("1e14", "1e400", "1e999999999999", "1e-999999999999", "9" * 5000),
    ],
    ids=lambda written: str(written)[:20] if isinstance(written, str) else type(written).__name__,
)
def test_what_is_no_sample_count_is_refused(written: object) -> None:
    with pytest.raises(Refusal, match="is not a sample count"):
        numbers.samples(written)


@pytest.mark.parametrize("written", [0, 1, 1.0, 2**63 - 1])
def test_seeds(written: object) -> None:
    assert numbers.seed(written) == written


@pytest.mark.parametrize(
    "written", [-1, 1.5, 2**63, 10**400, math.nan, math.inf, True, "1", None, [1]], ids=lambda seed: repr(seed)[:20]
)
def test_what_is_no_seed_is_refused(written: object) -> None:
    with pytest.raises(Refusal, match="is not a seed"):
        numbers.seed(written)
