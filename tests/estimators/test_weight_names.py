"""A name with a wrong weight before it: what is suggested keeps the name, and means what was probably meant."""

from __future__ import annotations

import pytest

import klbench
from klbench.errors import SpecError
from klbench.estimators.catalogue import find
from klbench.estimators.weights import WEIGHTS

NAMES = ("k3", "k1_cv(0.5)", "verl:low_var_kl")


def _refusal(name: str) -> SpecError:
    with pytest.raises(SpecError) as refused:
        find(name)
    return refused.value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_weight_with_a_slip_is_told(weight: str, name: str) -> None:
    assert find(f"{weight}*{name}").weighted
    slips = {weight[:-2] + weight[-1], weight.upper(), weight.replace("-", "_"), weight.replace("lised", "lized")}
    for slip in slips - {weight}:
        refused = _refusal(f"{slip}*{name}")
        assert refused.message == f"unknown weight {slip!r} in '{slip}*{name}'"
        assert refused.help[0] == f"did you mean {weight}*{name}?"


@pytest.mark.parametrize("before", ["importance", "0.5", "k1"])
def test_what_is_like_no_weight_gets_them_all(before: str) -> None:
    assert _refusal(f"{before}*k3").help == (f"allowed: {', '.join(WEIGHTS)}",)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_wrong_name_keeps_its_weight(weight: str) -> None:
    assert _refusal(f"{weight}*k33").help == (f"did you mean {weight}*k3?",)
    (help_,) = _refusal(f"{weight}*kl3").help
    assert help_ == f"did you mean {weight}*oat:kl3, {weight}*rlhf-book:kl3?"


def test_two_weights_are_one_too_many() -> None:
    refused = _refusal("ratio*ratio*k3")
    assert (refused.message, refused.help) == ("'ratio*ratio*k3' has more than one weight", ("did you mean ratio*k3?",))


def test_a_name_that_is_like_none_is_told_every_weight() -> None:
    allowed = _refusal("nothing like it").help[-1]
    assert all(f"{weight}*k3" in allowed for weight in WEIGHTS)


def test_a_spec_says_the_same_of_all_that_a_framework_ships() -> None:
    text = "name: x\nestimators: ['self-normalized-ratio*verl:*']\npairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n"
    with pytest.raises(SpecError) as refused:
        klbench.read_text(text)
    assert "did you mean self-normalised-ratio*verl:*?" in refused.value.help
