"""Tables that walk together, against every sequence of each by itself."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from klbench.errors import SpecError
from klbench.policies import joint as module
from klbench.policies.joint import Joint, joint
from klbench.policies.table import ENDED, PolicyTable
from tests.policies.tables import state_after, table

TREE = (
    'Tree({"": [0.5, 0.5], "0": [0.9, 0.1], "1": [0.2, 0.8], '
    '"0,0": [1, 0], "0,1": [0.5, 0.5], "1,0": [0.3, 0.7], "1,1": [0.4, 0.6]})'
)
EOS = 'Tree({"": [0.5, 0.5], "0": [0.9, 0.1], "0,0": [0.4, 0.6]})'
PAIRS = [
    ("Markov(vocab=2, length=3)", "Perturb(Markov(vocab=2, length=3), 0.5)", None),
    ("Markov(vocab=2, length=3)", TREE, None),
    (TREE, "Markov(vocab=2, length=3)", "TopK(Markov(vocab=2, length=3), 1)"),
    ("Markov(vocab=2, length=3, eos=1)", EOS, f"Temper({EOS}, 2)"),
    ("Ngram('carroll.txt', 3, length=2)", "Ngram('carroll.txt', 2, length=2)", "Markov(vocab=57, length=2)"),
]


def walked(policy: PolicyTable | Joint, log_probs: torch.Tensor, tokens: tuple[int, ...]) -> tuple[float, bool]:
    """The log-probability of some tokens, and whether the sequence is over behind them."""
    state, total = policy.start, 0.0
    for at, token in enumerate(tokens):
        if state == ENDED or at == policy.length:
            return -torch.inf, True
        total, state = total + float(log_probs[state, token]), int(policy.following[state, token])
    return total, state == ENDED or len(tokens) == policy.length


@pytest.mark.parametrize(("q", "p", "sampler"), PAIRS)
def test_every_sequence_has_what_each_gives_it(q: str, p: str, sampler: str | None) -> None:
    own = [table(text) for text in (q, p, sampler) if text is not None]
    together = joint(*own)
    given = [each for each in (together.log_q, together.log_p, together.log_sampler) if each is not None]
    assert len(given) == len(own)
    few = range(0, own[0].vocabulary, max(1, own[0].vocabulary // 8))
    for length in range(1, own[0].length + 1):
        for tokens in product(few, repeat=length):
            for log_probs, policy in zip(given, own, strict=True):
                alone, over = walked(policy, policy.log_probs, tokens)
                found, also = walked(together, log_probs, tokens)
                assert found == pytest.approx(alone, abs=1e-12)
                assert over == also or alone == -torch.inf


@pytest.mark.parametrize(("q", "p", "sampler"), PAIRS)
def test_prefixes_lead_to_their_state_and_rows_are_those_of_q(q: str, p: str, sampler: str | None) -> None:
    own = [table(text) for text in (q, p, sampler) if text is not None]
    together = joint(*own)
    for state in range(0, len(together.log_q), max(1, len(together.log_q) // 40)):
        tokens = together.prefix(state)
        at = together.start
        for token in tokens:
            at = int(together.following[at, token])
        assert at == state
        assert int(together.row_of_q[state]) == state_after(own[0], tokens)
        assert torch.equal(together.log_q[state], own[0].log_probs[int(together.row_of_q[state])])


def test_the_prefix_is_a_shortest_one() -> None:
    together = joint(table(TREE), table("Markov(vocab=2, length=3)"))
    assert [together.prefix(state) for state in range(7)] == [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1)]
    chain = joint(table("Markov(vocab=3, length=9)"), table("Markov(vocab=3, length=9, seed=1)"))
    assert [chain.prefix(state) for state in range(4)] == [(0,), (1,), (2,), ()]


def test_the_same_states_stay_as_they_are() -> None:
    q, p = table("Markov(vocab=30, length=9)"), table("Markov(vocab=30, length=9, seed=1)")
    together = joint(q, p)
    assert together.following is q.following
    assert together.log_p is p.log_probs
    assert together.log_sampler is None
    assert together.row_of_q.tolist() == list(range(31))


def test_an_end_that_nobody_reaches_parts_nobody() -> None:
    q = 'Tree({"": [1, 0], "0": [0.5, 0.5]})'
    p = 'Tree({"": [1, 0], "0": [0.5, 0.5], "1": [0.5, 0.5]})'
    assert joint(table(q), table(p)).log_q.shape == (2, 2)


REFUSED = {
    ("Markov(vocab=2, length=3)", "Markov(vocab=3, length=3)"): "q has 2 tokens in the vocabulary, p 3",
    ("Markov(vocab=2, length=3)", "Markov(vocab=2, length=4)"): "q has 3 tokens at most in a sequence, p 4",
    (
        "Markov(vocab=2, length=3, eos=1)",
        "Markov(vocab=2, length=3)",
    ): "with the token 1 at the start a sequence of q ends, and one of p goes on",
    ("Markov(vocab=2, length=3)", EOS): "with the token 1 at the start a sequence of p ends, and one of q goes on",
    (
        'Tree({"": [0.5, 0.5], "0": [0.5, 0.5], "0,1": [0.5, 0.5], "0,1,1": [0.5, 0.5]})',
        'Tree({"": [0.5, 0.5], "0": [0.5, 0.5], "0,1": [0.5, 0.5], "0,1,0": [0.5, 0.5]})',
    ): "with the token 0 after 0,1 a sequence of q ends, and one of p goes on",
}


@pytest.mark.parametrize("pair", REFUSED, ids=" vs ".join)
def test_what_cannot_walk_together_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(SpecError) as error:
        joint(*map(table, pair))
    assert REFUSED[pair] in error.value.message
    with pytest.raises(SpecError, match="sampler"):
        joint(table(pair[0]), table(pair[0]), table(pair[1]))


def test_the_states_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CELLS", 12)
    with pytest.raises(SpecError, match="q and p are together in more than 6 states"):
        joint(table(TREE), table("Markov(vocab=2, length=3)"))
