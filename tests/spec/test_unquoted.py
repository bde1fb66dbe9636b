"""Words where an argument is a text: an unknown argument, a text without quotes, a word of a few."""

from __future__ import annotations

import time

import pytest

from klbench.distributions.catalogue import EVERY
from klbench.distributions.expression import Text
from klbench.errors import SpecError
from klbench.spec.expression import from_mapping, parse

ONLY_TEXTS = [
    (family.name, parameter) for family in EVERY.values() for parameter in family.parameters
    if parameter.constraint.kinds == (Text,)
]  # fmt: skip
PATHS = ("text", "text.txt", "data/text.txt", "../text", "org/name-1.5b", r"C:\x.txt", "~/a.txt", "a@b.c")


def _refused(text: str) -> SpecError:
    with pytest.raises(SpecError) as refused:
        parse(text)
    return refused.value


@pytest.mark.parametrize("family", sorted(EVERY))
@pytest.mark.parametrize("value", ["abc", "1", "[1, 2]"])
def test_an_unknown_argument_is_told_whatever_its_value(family: str, value: str) -> None:
    refused = _refused(f"{family}(nowhere={value})")
    assert refused.message == f"unknown argument of {family} 'nowhere'"
    names = ", ".join(parameter.name for parameter in EVERY[family].parameters)
    assert refused.help[-1] == f"allowed: {names}"
    assert refused.location is not None
    assert refused.location.column == len(family) + 2


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("before", ["Ngram(file=", "Ngram(", "Model(", "Ngram(order=2, file="])
def test_a_text_is_in_quotes(before: str, path: str) -> None:
    refused = _refused(f"{before}{path}, length=4)")
    assert refused.help == (f'a text, such as the name of a file, is in quotes: "{path}"',)
    assert refused.location is not None
    assert refused.location.column == len(before) + 1


def test_an_unknown_argument_of_a_mapping_is_told() -> None:
    with pytest.raises(SpecError, match="unknown argument of Ngram 'text'") as refused:
        from_mapping({"Ngram": {"text": "abc", "order": 2, "length": 4}})
    assert "allowed: file, order" in refused.value.help[-1]


def test_every_argument_that_is_a_text_has_words_or_quotes() -> None:
    assert len(ONLY_TEXTS) >= 4
    for family, parameter in ONLY_TEXTS:
        refused = _refused(f"{family}({parameter.name}=nothing)")
        if parameter.constraint.words:
            assert refused.message == f"{parameter.name} cannot be 'nothing'"
            assert refused.help[-1] == f"allowed: {', '.join(parameter.constraint.words)}"
        else:
            assert refused.message == "'nothing' has no quotes"


def test_a_word_with_a_slip_is_told() -> None:
    refused = _refused('Ngram(file="x", unit=words, order=2, length=4)')
    assert refused.message == "unit cannot be 'words'"
    assert refused.help == ("did you mean word?", "allowed: char, word")


@pytest.mark.parametrize("text", ["N(2.x, 1)", "Normal(a.b, 1)", "Categorical([0.5, 0.5.1])", "Perturb(q, scale=a.b)"])
def test_where_no_text_may_stand_nothing_is_said_of_quotes(text: str) -> None:
    assert "quotes" not in " ".join((_refused(text).message, *_refused(text).help))


def test_a_long_text_is_refused_at_once() -> None:
    started = time.perf_counter()
    refused = _refused(f"Ngram({'a' * 10**6} {'b/' * 10**5}.x)")
    assert time.perf_counter() - started < 10
    assert len(str(refused.help)) < 1000
