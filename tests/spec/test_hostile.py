"""Specs made to take long: each is read, or refused by a stated limit, at a cost that grows no faster than its size."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import process_time

import pytest

import klbench
from klbench.errors import SpecError
from klbench.spec.read import read_text

PAIRS = "pairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n"
HEAD = "name: x\nestimators: [k1]\n"


def many(count: int, form: str, between: str = ", ") -> str:
    return between.join(form.replace("#", str(number)) for number in range(count))


def mixture(count: int) -> str:
    return many(count, f"{1 / count!r}*N(#, 1)", " + ")


def pair(text: str) -> str:
    return f"{HEAD}pairs: [{{q: {text}}}]\n"


SHAPES: dict[str, Callable[[int], str]] = {
    "estimators": lambda n: f"name: x\nestimators: [{many(n, 'alpha(0.#1)')}]\n{PAIRS}",
    "unknown estimators": lambda n: f"name: x\nestimators: [{many(n, 'zz#')}]\n{PAIRS}",
    "keys of a spec": lambda n: HEAD + PAIRS + many(n, "zz#: 1\n", ""),
    "keys of a pair": lambda n: pair(f"'N(0, 1)', p: 'N(1, 1)', {many(n, 'zz#: 1')}"),
    "keys of expect": lambda n: pair(f"'N(0, 1)', p: 'N(1, 1)', expect: {{{many(n, 'zz#: 1')}}}"),
    "columns of expect": lambda n: pair(f"'N(0, 1)', p: 'N(1, 1)', expect: {{k1: {{{many(n, 'zz#: 1')}}}}}"),
    "keys of a grid": lambda n: pair(f"'N(0, 1)', p: 'N(1, 1)', grid: {{{many(n, 'zz#: 1')}}}"),
    "pairs": lambda n: HEAD + "pairs:\n" + many(n, "  - {q: 'N(#, 1)', p: 'N(1, 1)'}\n", ""),
    "pairs with wrong keys": lambda n: f"{HEAD}pairs: [{many(n, '{qq: 1}')}]\n",
    "pairs of no distributions": lambda n: f"{HEAD}pairs: [{many(n, '{q: Nrmal, p: Gama}')}]\n",
    "pairs again": lambda n: f"{HEAD}pairs:\n  - &a {{q: 'N(0, 1)', p: 'N(1, 1)'}}\n{many(n, '  - *a', chr(10))}\n",
    "a mixture": lambda n: pair(f"'{mixture(n)}', p: 'N(1, 1)'"),
    "a mixture with an error": lambda n: pair(f"'{mixture(n)} + N(1)', p: 'N(1, 1)'"),
    "a mixture of parameters": lambda n: pair(f"'{many(n, '{w#}*N(0, 1)', ' + ')}', p: 'N(1, 1)'"),
    "a mixture of sums": lambda n: pair(f"'{many(n, f'(1 - {(n - 1) / n!r})*N(#, 1)', ' + ')}', p: 'N(1, 1)'"),
    "a long sum": lambda n: pair(f"'N({many(n, '#', ' + ')}, 1)', p: 'N(1, 1)'"),
    "a long product": lambda n: pair(f"'N({many(n, '1.0#', '/')}, 1)', p: 'N(1, 1)'"),
    "a long sum of parameters": lambda n: pair(f"'N({many(n, '{m}', ' + ')}, 1)', p: 'N(1, 1)', grid: {{m: 1}}"),
    "a list of sums": lambda n: pair(f"'Categorical(logits=[{many(n, '{m} - #')}])', p: 'N(1, 1)', grid: {{m: 1}}"),
    "a list of texts": lambda n: pair(f"{{Categorical: {{logits: [{many(n, '0.# + 1')}]}}}}, p: 'N(1, 1)'"),
    "open brackets": lambda n: pair(f"'{'(' * n}', p: 'N(1, 1)'"),
    "open brackets with a name": lambda n: pair(f"'{'(' * n}N', p: 'N(1, 1)'"),
    "minus signs": lambda n: pair(f"'N({'-' * n}1, 1)', p: 'N(1, 1)'"),
    "all of a framework": lambda n: f"name: x\nestimators: [{many(n, 'verl@0.8.#:*')}]\n{PAIRS}",
    "a long list": lambda n: pair(f"{{Categorical: {{logits: [{many(n, '0.#')}]}}}}, p: 'N(1, 1)'"),
    "a long list with an escape": lambda n: pair(
        f'{{Categorical: {{logits: ["\\x30", {many(n, "0.#")}]}}}}, p: "N(1, 1)"'
    ),
    "named arguments": lambda n: pair(f"{{Normal: {{{many(n, 'a#: 0')}}}}}, p: 'N(1, 1)'"),
    "parameters": lambda n: f"{HEAD}measure: gradient\nparameters: [{many(n, 'a#')}]\n{PAIRS}",
    "nothing on one line": lambda n: f"{HEAD}pairs: [{many(n, '~')}]\n",
}

LIMITS = {
    "estimators": (1001, "at most 1000 estimators"),
    "keys of expect": (1001, "at most 1000"),
    "pairs": (10_001, "at most 10000 cases"),
    "a mixture": (10_001, "at most 10000"),
}

COUNTED = """
import sys
from tests.spec.test_hostile import SHAPES, SpecError, read_text

def calls(text):
    count = 0
    def counting(frame, event, argument):
        nonlocal count
        count += 1
    sys.setprofile(counting)
    try:
        read_text(text)
    except SpecError:
        pass
    finally:
        sys.setprofile(None)
    return count

make = SHAPES[sys.argv[1]]
calls(make(3))
print(*(calls(make(count)) for count in (200, 400, 800)))
"""


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_spec_is_at_most_twice_the_work(shape: str) -> None:
    """Calls of functions are counted, Python's and C's: no clock, so no machine is too slow for it."""
    root = Path(klbench.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", COUNTED, shape], cwd=root, capture_output=True, text=True, check=True)
    few, more, most = map(int, done.stdout.split())
    assert more <= 2.2 * few
    assert most <= 2.2 * more


@pytest.mark.parametrize("shape", SHAPES)
def test_four_times_the_spec_takes_no_sixteen_times_the_time(shape: str) -> None:
    """What is quadratic inside one call of a C function is not counted above. A ratio of two times of one process, the
    smaller of a few: a busy machine slows both."""
    small, large = (SHAPES[shape](count) for count in (1500, 6000))
    assert any(_seconds(large) < 9 * _seconds(small) for _ in range(4))


def _seconds(text: str) -> float:
    before = process_time()
    with suppress(SpecError):
        read_text(text)
    return process_time() - before + 0.01  # below that there is nothing to see


@pytest.mark.parametrize("shape", LIMITS)
def test_a_limit_is_said(shape: str) -> None:
    count, says = LIMITS[shape]
    with pytest.raises(SpecError) as refused:
        read_text(SHAPES[shape](count))
    assert says in " ".join(refused.value.help)


def test_errors_in_several_pairs_are_told_together() -> None:
    with pytest.raises(SpecError, match="unknown key 'a'") as refused:
        read_text(f"{HEAD}pairs: [{{a: 1}}, {{b: 1}}, {{c: 1}}, {{d: 1}}]\n")
    assert [line for line in refused.value.help if line.startswith("also")] == [
        "also spec:3:18: unknown key 'b' of a pair",
        "also spec:3:26: unknown key 'c' of a pair",
    ]


def test_an_error_quotes_no_more_than_the_start_of_a_long_distribution() -> None:
    long = f"{{Categorical: {{logits: [{many(20_000, '0.#')}]}}}}"
    with pytest.raises(SpecError, match="cannot be compared") as refused:
        read_text(pair(f"{long}, p: 'N(1, 1)'"))
    assert max(map(len, refused.value.help)) < 300
