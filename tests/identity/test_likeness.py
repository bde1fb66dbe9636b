"""A function is recognised by what it computes, however it is written."""

from __future__ import annotations

import pytest

from klbench.estimators.catalogue import find
from klbench.frameworks import catalogue
from klbench.identity.likeness import Likeness, likeness
from klbench.identity.words import of_likeness
from tests.frameworks.saturation import saturation

OWN = "tests.identity.functions"


def test_the_plain_k3_is_everyones() -> None:
    same = likeness(find(f"{OWN}:k3")).same
    assert same[0] == "k3"
    assert {"trl:grpo", "torchtune:grpo", "unsloth:grpo", "slime:k3"} <= set(same)
    # another clamp, or none of the overflow, is another function
    assert not {"verl:low_var_kl", "openrlhf:k3", "open-instruct:2", "deepseek:unbiased_kl"} & set(same)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("verls", {"verl:low_var_kl", "cosmos-rl:grpo", "ms-swift:grpo", "nemo-rl@0.6:k3", "skyrl:k3"}),
        ("weighted", {"k3 × ratio", "deepseek:unbiased_kl", "trl:grpo_bias_correction", "slime:k3_unbiased"}),
        ("detached_weight", {"k2 × detached ratio"}),
    ],
)
def test_what_is_the_same_is_found(name: str, expected: set[str]) -> None:
    assert expected <= set(likeness(find(f"{OWN}:{name}")).same)


def test_a_straight_through_function_is_told_in_two_parts() -> None:
    found = likeness(find(f"{OWN}:straight_through"))
    assert found == Likeness((), "k3", "k2")
    assert "its value equals that of k3, its derivative that of k2" in of_likeness(found)


def test_a_clamp_of_ones_own_is_left_aside() -> None:
    assert likeness(find(f"{OWN}:switched")) == Likeness((), "k3", "k3")


@pytest.mark.parametrize("name", ["constant", "floored"])
def test_what_has_no_slope_is_not_taken_for_anything(name: str) -> None:
    assert likeness(find(f"{OWN}:{name}")) == Likeness()


def test_what_is_like_nothing_is_said_to_be() -> None:
    found = likeness(find(f"{OWN}:absolute"))
    assert found == Likeness()
    assert of_likeness(found) == "It matches no estimator that klbench knows."


@pytest.mark.parametrize("name", catalogue.names())
def test_entries_are_alike_as_the_catalogue_declares(name: str) -> None:
    entry = catalogue.find(name)
    declared = {other.qualified for other in catalogue.same_as(entry)}
    found = {each for each in likeness(entry.estimator()).same if ":" in each}
    assert declared <= found
    for other in map(catalogue.find, found - declared):
        # only clamps that can never hold before another does tell them apart, so that nothing that is computed does
        assert (other.arithmetic.name, saturation(other)) == (entry.arithmetic.name, saturation(entry))
