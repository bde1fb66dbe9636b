"""What counts of a row as numbers, what is no log-probability, and the facts that add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from klbench.dumps.clean import clean
from klbench.dumps.facts import Facts
from klbench.dumps.row import Row
from klbench.errors import SpecError

NAN, INF = float("nan"), float("inf")


def row(log_q: Any, log_p: Any = None, mask: Any = None, **more: Any) -> Row:
    log_p = [-1.0] * len(log_q) if log_p is None else log_p
    return Row("run.jsonl:12", {"log_q": log_q, "log_p": log_p}, mask, **more)


def test_only_what_counts() -> None:
    found = clean(row([-1.0, 9.0, -3.0], mask=[1, 0, True], texts=["a", "b", "c"], known={"full": [0.1, 0.2, 0.3]}))
    assert found.log_probs["log_q"].tolist() == [-1.0, -3.0]
    assert found.log_probs["log_q"].dtype == np.float64
    assert (found.positions.tolist(), found.texts, found.known["full"].tolist()) == ([0, 2], ("a", "c"), [0.1, 0.3])
    assert (found.place, found.rounded) == ("run.jsonl:12", 0)


FILLERS = {
    None: "null",
    NAN: "NaN",
    INF: "inf",
    -INF: "-inf",
    1.0: "1",
    -9999.0: "-9999",
    0.0011: "0.0011",
    10**400: "inf",
    -(10**400): "-inf",
}


@pytest.mark.parametrize(("number", "shown"), FILLERS.items(), ids=map(str, FILLERS.values()))
def test_what_is_no_log_probability_where_a_token_counts(number: Any, shown: str) -> None:
    with pytest.raises(SpecError, match=r"run\.jsonl:12: log_p is .* at token 2, which counts") as raised:
        clean(row([-1.0] * 3, [-1.0, number, number], mask=[1, 0, 1]))
    assert f"log_p is {shown} at" in raised.value.message
    assert "--skip-bad" in raised.value.help[1]
    assert raised.value.exit_status == 2


@pytest.mark.parametrize("number", FILLERS)
def test_under_the_mask_it_is_whatever_it_is(number: Any) -> None:
    found = clean(row([-1.0, number], [-1.0, number], mask=[1, 0]))
    assert found.log_probs["log_p"].tolist() == [-1.0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_of_any_precision(dtype: Any) -> None:
    values = np.array([-1.0, -2.0, np.nan], dtype)
    assert clean(row(values, values, np.array([1, 1, 0], np.int8))).log_probs["log_q"].tolist() == [-1.0, -2.0]
    with pytest.raises(SpecError, match="log_q is NaN at token 2, which counts"):
        clean(row(values, values))


def test_more_than_one_is_counted() -> None:
    with pytest.raises(SpecError, match="at token 0, which counts, and 2 more tokens of it"):
        clean(row([NAN, NAN, NAN]))


def test_tiny_positive_numbers_are_rounding() -> None:
    found = clean(row([1e-3, 1e-9, 0.0, -1.0]))
    assert (found.rounded, found.log_probs["log_q"].tolist()) == (2, [1e-3, 1e-9, 0.0, -1.0])


def test_no_tokens_and_none_that_counts() -> None:
    assert len(clean(row([])).positions) == 0
    assert len(clean(row([NAN], mask=[0])).positions) == 0


def test_lengths_that_differ() -> None:
    with pytest.raises(SpecError, match="log_p has 1 entries, others 2"):
        clean(row([-1.0, -1.0], [-1.0]))
    with pytest.raises(SpecError, match="the mask has 1 entries, the log-probabilities 2"):
        clean(row([-1.0, -1.0], mask=[1]))


def test_groups() -> None:
    assert (clean(row([-1.0], group="a", prompt=(1,))).group, clean(row([-1.0], group=0)).grouped_by) == ("a", "group")
    by_prompt = clean(row([-1.0], prompt=(1, 2)))
    assert (by_prompt.group, by_prompt.grouped_by) == ((1, 2), "prompt")
    assert (clean(row([-1.0])).group, clean(row([-1.0])).grouped_by) == (None, "sequence")


def test_facts_count_fillers() -> None:
    facts = Facts()
    facts.add(clean(row([-1.0, 0.0, 0.0, 1.0, NAN, None, -9999.0, -INF, -5.0], mask=[1] + [0] * 8, group=1)))
    facts.add(clean(row([0.0, -1.0, 1e-4], prompt=(1,))))
    facts.add(clean(row([NAN], mask=[0])))
    expected = {"0": 2, "1": 1, "NaN or null": 3, "-9999": 1, "infinite": 1, "other numbers": 1}
    assert facts.fillers["log_q"] == expected
    assert (facts.sequences, facts.tokens, facts.empty, facts.rounded) == (3, 4, 1, 1)
    assert (facts.zeros["log_q"], facts.zeros["log_p"]) == (1, 0)
    assert facts.grouped_by == {"group": 1, "prompt": 1, "sequence": 1}


PRECISIONS = {
    "bfloat16": [-1.0, -0.0078125, -12.0625],
    "float16": [-1.0009765625, -2.001953125],
    "float32": [float(np.float32(-0.1)), float(np.float32(-1 / 3))],
    "float64": [-0.1, -1.0],
}


@pytest.mark.parametrize(("name", "numbers"), PRECISIONS.items())
def test_the_coarsest_precision_that_holds_all(name: str, numbers: list[float]) -> None:
    facts = Facts()
    for number in [0.0, *numbers, -1.0]:
        facts.add(clean(row([number, -0.3], mask=[1, 0])))
    assert facts.precision("log_q") == name
    assert facts.precision("log_p") == "bfloat16"


def test_bfloat16_reaches_farther_than_float16() -> None:
    facts = Facts()
    facts.add(clean(row([-(2.0**100), -(2.0**-100)])))
    assert facts.precision("log_q") == "bfloat16"
    facts.add(clean(row([-1e300])))
    assert facts.precision("log_q") == "float64"


def test_zeros_alone_tell_no_precision() -> None:
    facts = Facts()
    facts.add(clean(row([0.0, 0.0])))
    assert facts.precision("log_q") is None
    assert facts.precision("log_sampler") is None


def test_columns_that_are_one() -> None:
    facts = Facts()
    assert not facts.are_one("log_q", "log_p")
    facts.add(clean(row([-1.0, -2.0], [-1.0, 5.0], mask=[1, 0])))
    assert facts.are_one("log_q", "log_p")
    assert facts.are_one("log_p", "log_q")
    facts.add(clean(row([-1.0], [np.nextafter(-1.0, 0)])))
    assert not facts.are_one("log_q", "log_p")
    assert facts.equal["log_q", "log_p"] == 1
