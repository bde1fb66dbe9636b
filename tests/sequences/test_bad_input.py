"""What a spec of sequences may not say: exit status 2, and where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Ended

CHAIN = 'q: "Markov(vocab=3, seed=1, length=4)", p: "Markov(vocab=3, seed=2, length=4)"'
NORMAL = 'q: "N(0, 1)", p: "N(1, 1)"'

WRONG = {
    "level of draws": (NORMAL, "level: [token]", ("s.yaml:4:", "level is for policies over sequences")),
    "aggregation of draws": (NORMAL, "aggregation: [token-mean]", ("s.yaml:4:", "aggregation is for policies over")),
    "norm of draws": (NORMAL, "norm: 3", ("s.yaml:4:", "norm is for policies over sequences")),
    "norm alone": (CHAIN, "norm: 3", ("s.yaml:4:", "nothing is divided by norm", "seq-mean-token-sum-norm")),
    "norm of 0": (
        CHAIN,
        "aggregation: [seq-mean-token-sum-norm]\nnorm: 0",
        ("s.yaml:5:", "0 is not a number > 0"),
    ),
    "aggregation of sequences": (
        CHAIN,
        "level: [sequence]\naggregation: [token-mean]",
        ("s.yaml:5:", "nothing is aggregated at level sequence"),
    ),
    "no such level": (CHAIN, "level: [tokn]", ("s.yaml:4:", "tokn", "did you mean token?")),
    "no such aggregation": (CHAIN, "aggregation: [token-men]", ("s.yaml:4:", "token-men", "did you mean token-mean?")),
    "a level twice": (CHAIN, "level: [token, token]", ("s.yaml:4:", "token")),
    "no level": (CHAIN, "level: []", ("s.yaml:4:",)),
    "p of one token": (
        'q: "Markov(vocab=3, length=4)", p: "Zipf(vocab=3)"',
        "",
        ("s.yaml:5:", "one is a policy over sequences, the other is over single draws"),
    ),
    "q of one token": (
        'q: "Zipf(vocab=3)", p: "Markov(vocab=3, length=4)"',
        "",
        ("s.yaml:5:", "one is a policy over sequences, the other is over single draws"),
    ),
    "other lengths": (
        'q: "Markov(vocab=3, length=4)", p: "Markov(vocab=3, length=5)"',
        "",
        ("s.yaml:5:", "up to 4 tokens", "up to 5"),
    ),
    "other vocabularies": (
        'q: "Markov(vocab=3, length=4)", p: "Markov(vocab=4, length=4)"',
        "",
        ("s.yaml:5:", "3 tokens", "4"),
    ),
    "an eos of one alone": (
        'q: "Markov(vocab=3, length=4, eos=0)", p: "Markov(vocab=3, length=4)"',
        "",
        ("s.yaml:5:", "^", "cannot be compared", "a sequence of q ends, and one of p goes on"),
    ),
    "an eos of the sampler alone": (
        f'{CHAIN}, sampler: "Markov(vocab=3, length=4, eos=1)"',
        "",
        ("s.yaml:5:", "sampler", "a sequence of sampler ends, and one of q goes on"),
    ),
    "trees of other prefixes": (
        """q: 'Tree({"": [0.5, 0.5], "0": [0.9, 0.1]})', p: 'Tree({"": [0.5, 0.5], "1": [0.9, 0.1]})'""",
        "",
        ("s.yaml:5:", "^", "with the token 0 at the start a sequence of p ends, and one of q goes on"),
    ),
    "an eos outside": ('q: "Markov(vocab=3, length=4, eos=3)", p: q', "", ("s.yaml:5:", "eos")),
    "no length": ('q: "Markov(vocab=3, length=0)", p: "Markov(vocab=3, length=4)"', "", ("s.yaml:5:", "length")),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_it_is_refused_where_it_stands(call: Callable[..., Ended], here: Path, what: str, command: str) -> None:
    pair, keys, said = WRONG[what]
    lines = ["name: small", "samples: 1000", "estimators: [k1]", *([keys] if keys else []), "pairs:", f"  - {{{pair}}}"]
    (here / "s.yaml").write_text("\n".join(lines) + "\n")
    ended = call(command, "s.yaml")
    ended.refuses(2, *said)
    assert not (here / "results").exists()
