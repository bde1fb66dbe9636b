"""What is wrong with a policy over sequences as it is written is told in the words of who wrote it."""

from __future__ import annotations

import pytest

from klbench.errors import SpecError
from klbench.spec.read import read_text

HEAD = "name: a\nestimators: [k1]\npairs:\n"


def refused(pair: str) -> SpecError:
    with pytest.raises(SpecError) as error:
        read_text(HEAD + pair)
    assert error.value.location is not None
    assert error.value.location.line == 4
    return error.value


QUOTED = """'Tree({"": [0.5, 0.5]})'"""


@pytest.mark.parametrize(
    ("pair", "advice"),
    [
        ('- q: Tree({"": [0.5, 0.5]})\n  p: q\n', QUOTED),
        ('- {q: Tree({"": [0.5, 0.5]}), p: q}\n', QUOTED),
        ('- q: "Tree({"": [0.5, 0.5]})"\n  p: q\n', QUOTED),
        (
            '- q: Tree({"": [0.5, 0.5],\n    "0": [0.5, 0.5]})\n  p: q\n',
            """'Tree({"": [0.5, 0.5], "0": [0.9, 0.1]})'""",
        ),
        ("- q: Tree({'': [0.5, 0.5]})\n  p: q\n", """"Tree({'': [0.5, 0.5]})\""""),
    ],
    ids=["block", "flow", "in the wrong quotes", "over lines", "single"],
)
def test_a_tree_without_quotes_is_shown_with_them(pair: str, advice: str) -> None:
    (help,) = refused(pair).help
    assert help.endswith(f": {advice}")
    if "\n    " not in pair:
        read_text(f"{HEAD}- q: {advice}\n  p: q\n")


def test_other_quotes_are_told_as_before() -> None:
    assert refused("- q: N({mu}, 1): 3\n  p: q\n").help == (
        'a distribution inside { } or [ ], or one that starts with {, needs quotes: q: "N({mu}, 1)"',
    )
    assert refused("- {q: N(0, 1), p: q}\n").help == ('write it with quotes: "N(0, 1)"',)


@pytest.mark.parametrize(
    ("q", "given"),
    [
        ("Markov(vocab=1e9, length=6)", "given 1000000000"),
        ("Zipf(vocab=1e9)", "given 1000000000"),
        ("TopK(Zipf(vocab=3), 1e9)", "given 1000000000"),
        ("Zipf(vocab=2.5)", "given 2.5"),
        ("N(0, -1e9)", "given -1000000000"),
        ("N(0, -1e300)", "given -1e+300"),
    ],
)
def test_a_number_is_quoted_as_it_is_written(q: str, given: str) -> None:
    assert refused(f"- q: {q}\n  p: q\n").message.endswith(given)


@pytest.mark.parametrize(
    ("q", "last"),
    [
        ("Markov(vocab=4, length=6, eos=7)", 3),
        ("Markov(initial=[0.5, 0.5], transition=[[0.5, 0.5], [1, 0]], length=2, eos=2)", 1),
    ],
)
def test_an_eos_outside_is_told_what_there_is(q: str, last: int) -> None:
    error = refused(f"- q: {q}\n  p: q\n")
    assert error.help[0] == f"a token from 0 to {last}; without eos all sequences have the same length"
    assert error.help[1].startswith("for example Markov(")


def test_every_rule_has_an_example() -> None:
    assert refused("- q: Uniform(2, 1)\n  p: q\n").help == ("for example Uniform(low=0, high=1)",)


@pytest.mark.parametrize(
    ("q", "row"),
    [
        ("""'Tree({"": [0.5, 0.5], "0": [0.9, 0.2]})'""", 'sums to 1.1 in "0", +0.1 off'),
        ("Markov(initial=[0.5, 0.5], transition=[[0.5, 0.5], [0.5, 0.4]], length=2)", "sums to 0.9 in row 1, -0.1 off"),
        ("Markov(initial=[0.5, 0.6], transition=[[0.5, 0.5], [0.5, 0.5]], length=2)", "sums to 1.1"),
    ],
)
def test_a_row_that_does_not_sum_to_one_is_named(q: str, row: str) -> None:
    assert row in refused(f"- q: {q}\n  p: q\n").message
