"""Policies over sequences, as expressions: a Markov chain, a tree of explicit probabilities, an n-gram of a text.

What is declared here is what a user may write. The table of states that each is, is made in ``klbench.policies``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from klbench.distributions.constraints import (
    CORPUS,
    COUNT,
    NON_NEGATIVE,
    ORDER,
    SEQUENCE_LENGTH,
    SIMPLEX,
    SIMPLEX_ROWS,
    TOKEN,
    TOKEN_OR_TEXT,
    TREE,
    UNIT,
    VOCABULARY,
    known,
    tokens_of,
)
from klbench.distributions.corpus import MOST_CELLS, ngram_states, vocabulary_of
from klbench.distributions.expression import Text
from klbench.distributions.families.categories import CATEGORICAL
from klbench.distributions.family import Arguments, Family, Parameter, Rule
from klbench.distributions.support import Space

if TYPE_CHECKING:
    from collections.abc import Callable


def _policy(
    name: str,
    summary: str,
    parameters: tuple[Parameter, ...],
    vocabulary: Callable[[Arguments], int | None],
    length: Callable[[Arguments], int | None],
    *examples: str,
    forms: tuple[tuple[str, ...], ...] = (),
    rules: tuple[Rule, ...] = (),
) -> Family:
    return replace(
        CATEGORICAL,
        name=name,
        summary=summary,
        parameters=parameters,
        alternatives=(),
        forms=forms,
        rules=rules,
        support_text="sequences of tokens, which are whole numbers from 0",
        support=lambda a: Space(f"sequences of up to {length(a)} of {vocabulary(a)} tokens"),
        categories=vocabulary,
        examples=examples,
        scores={},
        length=length,
    )


def whole(value: object) -> int | None:
    """A number that is known; None where a grid parameter decides."""
    return int(value) if isinstance(value, int | float) else None


def _chain_vocabulary(arguments: Arguments) -> int | None:
    return len(arguments["initial"]) if "initial" in arguments else whole(arguments["vocab"])


def _ngram_vocabulary(arguments: Arguments) -> int:
    return len(vocabulary_of(arguments["file"], arguments["unit"]))


def ngram_eos(arguments: Arguments) -> int | None:
    """The token that ends a sequence, given by its number or as its text; None where there is none.

    Raises:
        KeyError: the text has no such unit.
    """
    eos = arguments.get("eos")
    if not isinstance(eos, Text):
        return whole(eos)
    return vocabulary_of(arguments["file"], arguments["unit"])[eos.text]


def _eos_occurs(a: Arguments) -> bool:
    try:
        eos = ngram_eos(a)
    except KeyError:
        return False
    return eos is None or eos < _ngram_vocabulary(a)


def _fits(a: Arguments) -> bool:
    return ngram_states(a["file"], a["unit"], int(a["order"])) * _ngram_vocabulary(a) <= MOST_CELLS


def _too_many(a: Arguments) -> str:
    states, vocabulary = ngram_states(a["file"], a["unit"], int(a["order"])), _ngram_vocabulary(a)
    return f"at most {MOST_CELLS:,} states x tokens, not {states:,} contexts x {vocabulary:,} tokens"


def _tree_vocabulary(arguments: Arguments) -> int:
    return len(arguments["probs"].rows[0][1])


def tree_length(arguments: Arguments) -> int:
    """The most tokens of a sequence: one more than the longest prefix that has a row."""
    return 1 + max(len(tokens_of(prefix)) for prefix, _ in arguments["probs"].rows)


def _is_square(a: Arguments) -> bool:
    return {len(a["transition"]), *map(len, a["transition"])} == {len(a["initial"])}


def _eos_is_a_token(a: Arguments) -> bool:
    vocabulary = _chain_vocabulary(a)
    return vocabulary is None or not known(a["eos"]) or a["eos"] < vocabulary


def _which_eos(a: Arguments) -> str:
    return f"a token from 0 to {(_chain_vocabulary(a) or 1) - 1}; without eos all sequences have the same length"


FAMILIES = (
    _policy(
        "Markov",
        "A sequence of tokens of which each depends on the one before: with given probabilities, or with random "
        "logits, normal with standard deviation scale.",
        (
            Parameter("initial", SIMPLEX),
            Parameter("transition", SIMPLEX_ROWS),
            Parameter("vocab", VOCABULARY),
            Parameter("scale", NON_NEGATIVE, 1),
            Parameter("seed", COUNT, 0),
            Parameter("length", SEQUENCE_LENGTH),
            Parameter("eos", TOKEN, optional=True),
        ),
        _chain_vocabulary,
        lambda a: whole(a["length"]),
        "Markov(initial=[0.5, 0.5], transition=[[0.9, 0.1], [0.2, 0.8]], length=16)",
        "Markov(vocab=50, scale=1.5, seed=1, length=128)",
        "Markov(vocab=50, scale=1.5, seed=1, length=128, eos=0)",
        forms=(("initial", "transition"), ("vocab", "scale", "seed")),
        rules=(
            Rule(
                "a row of transition for each of the tokens of initial, as long", ("initial", "transition"), _is_square
            ),
            *(
                Rule("an eos below the number of tokens", (form, "eos"), _eos_is_a_token, _which_eos)
                for form in ("initial", "vocab")
            ),
        ),
    ),
    _policy(
        "Tree",
        "A sequence of tokens with explicit probabilities of the next token after every prefix; it ends where a prefix "
        "has none.",
        (Parameter("probs", TREE),),
        _tree_vocabulary,
        tree_length,
        'Tree({"": [0.5, 0.5], "0": [0.9, 0.1], "1": [0.2, 0.8]})',
        'Tree({"": [0.5, 0.25, 0.25], "1": [0.1, 0.9, 0], "1,0": [0.2, 0.2, 0.6]})',
    ),
    _policy(
        "Ngram",
        "A sequence of the characters or words of a text, each as often as it follows the order - 1 before it there: "
        "counts with additive (Lidstone) smoothing.",
        (
            Parameter("file", CORPUS),
            Parameter("order", ORDER),
            Parameter("smoothing", NON_NEGATIVE, 0.1),
            Parameter("unit", UNIT, Text("char")),
            Parameter("length", SEQUENCE_LENGTH),
            Parameter("eos", TOKEN_OR_TEXT, optional=True),
        ),
        _ngram_vocabulary,
        lambda a: whole(a["length"]),
        'Ngram(file="carroll.txt", order=2, smoothing=0.1, unit=char, length=64)',
        'Ngram(file="carroll.txt", order=3, smoothing=0, unit=word, length=32)',
        'Ngram(file="carroll.txt", order=2, length=64, eos=".")',
        rules=(
            Rule("an eos that occurs in the file, its text or its number", ("file", "unit", "eos"), _eos_occurs),
            Rule(_too_many, ("file", "unit", "order"), _fits),
        ),
    ),
)
