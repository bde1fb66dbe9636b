"""Policies over sequences, as expressions: a Markov chain, and a tree of explicit probabilities.

Each is a table of states (``klbench.policies.table``). Nothing here imports torch but the functions that make tables,
when they are called.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from klbench.distributions.constraints import (
    COUNT,
    NON_NEGATIVE,
    SEQUENCE_LENGTH,
    SIMPLEX,
    SIMPLEX_ROWS,
    TOKEN,
    TREE,
    VOCABULARY,
    known,
    tokens_of,
)
from klbench.distributions.families.categories import CATEGORICAL
from klbench.distributions.family import Arguments, Family, Parameter, Rule
from klbench.distributions.support import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from klbench.policies.table import PolicyTable


def _policy(
    name: str,
    summary: str,
    parameters: tuple[Parameter, ...],
    vocabulary: Callable[[Arguments], int | None],
    length: Callable[[Arguments], int | None],
    table: Callable[[Arguments], PolicyTable],
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
        table=table,
        length=length,
    )


def whole(value: object) -> int | None:
    """A number that is known; None where a grid parameter decides."""
    return int(value) if isinstance(value, int | float) else None


def _chain_vocabulary(arguments: Arguments) -> int | None:
    return len(arguments["initial"]) if "initial" in arguments else whole(arguments["vocab"])


def chain(arguments: Arguments) -> PolicyTable:
    """A Markov chain.

    Its random logits are standard normals of one numbered stream times ``scale``: row by row those of the token that
    follows each token, and last those of the first token.
    """
    import torch

    from klbench.policies.table import markov

    if "initial" in arguments:
        given = [torch.tensor(arguments[name], dtype=torch.float64) for name in ("initial", "transition")]
        initial, transition = ((row / row.sum(-1, keepdim=True)).log() for row in given)
    else:
        from klbench.distributions.stream import stream_for

        vocab = int(arguments["vocab"])
        normals = stream_for(int(arguments["seed"]), b"Markov", 0).normal(vocab * (vocab + 1))
        rows = normals.view(vocab + 1, vocab).mul_(float(arguments["scale"])).log_softmax(-1)
        initial, transition = rows[-1], rows[:-1]
    return markov(initial, transition, int(arguments["length"]), whole(arguments.get("eos")))


def _tree_vocabulary(arguments: Arguments) -> int:
    return len(arguments["probs"].rows[0][1])


def _tree_length(arguments: Arguments) -> int:
    return 1 + max(len(tokens_of(prefix)) for prefix, _ in arguments["probs"].rows)


def tree(arguments: Arguments) -> PolicyTable:
    """A state for each prefix that has a row: the shorter first, of equal lengths as they are written."""
    import torch

    from klbench.policies.table import ENDED, PolicyTable

    rows = sorted(
        ((tokens_of(prefix), row) for prefix, row in arguments["probs"].rows), key=lambda prefixed: len(prefixed[0])
    )
    state = {prefix: number for number, (prefix, _) in enumerate(rows)}
    vocabulary = range(_tree_vocabulary(arguments))
    following = [[state.get((*prefix, token), ENDED) for token in vocabulary] for prefix, _ in rows]
    given = torch.tensor([row for _, row in rows], dtype=torch.float64)
    log_probs = (given / given.sum(-1, keepdim=True)).log()
    return PolicyTable(log_probs, torch.tensor(following), 0, _tree_length(arguments))


def _is_square(a: Arguments) -> bool:
    return len(a["transition"]) == len(a["initial"]) == len(a["transition"][0])


def _eos_is_a_token(a: Arguments) -> bool:
    vocabulary = _chain_vocabulary(a)
    return vocabulary is None or not known(a["eos"]) or a["eos"] < vocabulary


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
        chain,
        "Markov(initial=[0.5, 0.5], transition=[[0.9, 0.1], [0.2, 0.8]], length=16)",
        "Markov(vocab=50, scale=1.5, seed=1, length=128)",
        "Markov(vocab=50, scale=1.5, seed=1, length=128, eos=0)",
        forms=(("initial", "transition"), ("vocab", "scale", "seed")),
        rules=(
            Rule(
                "a row of transition for each of the tokens of initial, as long", ("initial", "transition"), _is_square
            ),
            Rule("an eos below the number of tokens", ("initial", "eos"), _eos_is_a_token),
            Rule("an eos below the number of tokens", ("vocab", "eos"), _eos_is_a_token),
        ),
    ),
    _policy(
        "Tree",
        "A sequence of tokens with explicit probabilities of the next token after every prefix; it ends where a prefix "
        "has none.",
        (Parameter("probs", TREE),),
        _tree_vocabulary,
        _tree_length,
        tree,
        'Tree({"": [0.5, 0.5], "0": [0.9, 0.1], "1": [0.2, 0.8]})',
        'Tree({"": [0.5, 0.25, 0.25], "1": [0.1, 0.9, 0], "1,0": [0.2, 0.2, 0.6]})',
    ),
)
