"""What needs sequences is identified on sequences: by exact sums, and without a crash."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from klbench.errors import SpecError
from klbench.estimators.catalogue import find
from klbench.identity.on_sequences import MOST_TOKENS, identify_on_sequences, needs_sequences
from tests.cli.conftest import Done, call, here

__all__ = ["call", "here"]

LOCAL = "token-local KL(q‖p)"


@pytest.mark.parametrize("name", ["full", "topk(2)", "topk(1)"])
def test_what_knows_a_distribution(name: str) -> None:
    found = identify_on_sequences(find(name))
    assert (found.value, found.stale_value) == ("KL(q‖p)", "none")
    assert [found.follows[place] for place in ("loss", "loss × ratio", "loss × detached")] == [LOCAL] * 3
    # a token's weight leaves its prefix as it was drawn; the sequence's does not
    assert [found.stale_follows[place] for place in ("loss", "loss × ratio", "loss × detached")] == ["none"] * 3
    assert found.follows["loss × ratio-sequence"] == found.stale_follows["loss × ratio-sequence"] == "KL(q‖p)"


@pytest.mark.parametrize("name", ["topk_head(2)", "topk_bucket(2)"])
def test_what_leaves_tokens_out_is_no_divergence(name: str) -> None:
    found = identify_on_sequences(find(name))
    assert {found.value, *found.follows.values(), *found.stale_follows.values()} == {"none"}


def test_a_return_is_one_of_rewards() -> None:
    found = identify_on_sequences(find("k1-return"))
    assert found.value == "KL(q‖p)"
    assert found.follows == dict.fromkeys(("reward", "reward × ratio", "reward × ratio-sequence"), "KL(q‖p)")
    assert found.stale_follows == {**dict.fromkeys(found.follows, "none"), "reward × ratio-sequence": "KL(q‖p)"}


def test_it_is_of_these_alone() -> None:
    needing = {name for name in ("k1", "k3", "k1-return", "full", "topk(3)", "verl:kl") if needs_sequences(find(name))}
    assert needing == {"k1-return", "full", "topk(3)"}


@pytest.mark.parametrize("name", ["full", "topk(2)", "topk_head(2)", "topk_bucket(2)", "topk(16)", "k1-return"])
def test_the_command_says_it(call: Callable[..., Done], name: str) -> None:
    done = call("identify", name)
    assert (done.status, done.err) == (0, "")
    title, _, told, *table = done.out.splitlines()
    assert title == f"{name}, identified"
    assert "identical" not in told
    assert " of sequences" in told
    assert any("ratio-sequence" in line for line in table)
    assert "sequences of two tokens" in table[-1] or "sequences of two tokens" in table[-2]


def test_too_many_tokens_are_refused() -> None:
    with pytest.raises(SpecError, match="too many tokens") as error:
        identify_on_sequences(find(f"topk({MOST_TOKENS + 1})"))
    assert "identify topk(2)" in error.value.help[0]


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("ratio*k3", "the importance weight ρ = q(x)/sampler(x)"),
        ("ratio-sequence*k3", "the importance weight of the whole sequence"),
        ("ratio-geometric*full", "the geometric mean ρ of the importance weights"),
    ],
)
def test_a_weight_is_called_what_it_is(call: Callable[..., Done], name: str, weight: str) -> None:
    done = call("identify", name)
    assert done.status == 2
    assert f"{name} is {name.partition('*')[2]} times {weight}" in done.err
    explained = call("explain", name)
    assert f"Times {weight}" in explained.out
    assert ("unbiased           no" in explained.out) == ("geometric" in name)
