"""``verl:*``: which entries it stands for, in which order, and what is refused."""

from __future__ import annotations

import pytest

from klbench.errors import SpecError
from klbench.frameworks import catalogue
from klbench.spec.fields import MOST_ESTIMATORS
from klbench.spec.model import Spec
from klbench.spec.read import read_text

PAIRS = "pairs: [{q: 'N(0, 1)', p: 'N(1, 1)'}]\n"
GRADIENT = "measure: gradient\n"


def spec(estimators: str, more: str = "") -> Spec:
    return read_text(f"name: x\nestimators: [{estimators}]\n{more}{PAIRS}")


def shipped(framework: str) -> list[str]:
    return [entry.qualified for entry in catalogue.entries() if entry.framework == framework]


@pytest.mark.parametrize("framework", catalogue.frameworks())
def test_of_values_it_is_all_that_a_framework_ships(framework: str) -> None:
    assert spec(f"'{framework}:*'").estimators == tuple(shipped(framework))


@pytest.mark.parametrize("framework", catalogue.frameworks())
@pytest.mark.parametrize("placement", ["", "loss", "reward"])
def test_of_gradients_it_is_what_can_be_put_there(framework: str, placement: str) -> None:
    fits = []
    for name in shipped(framework):
        can = catalogue.placements(catalogue.find(name))
        if can and placement in ("", *can):
            fits.append(name)
    more = f"{GRADIENT}placements: {placement}\n" if placement else GRADIENT
    if fits:
        assert spec(f"'{framework}:*'", more).estimators == tuple(fits)
    else:
        with pytest.raises(SpecError, match=f"{framework} puts none of what it ships") as refused:
            spec(f"k1, '{framework}:*'", more)
        assert str(refused.value.location) == "spec:2:18"


def test_where_a_framework_can_put_what_it_ships() -> None:
    can = {name: set(catalogue.placements(catalogue.find(name))) for name in catalogue.names()}
    assert can["verl:kl"] == can["verl:low_var_kl"] == can["openrlhf:k3"] == {"loss", "reward"}
    assert (can["trl:grpo"], can["trl:ppo_k1"], can["verl:ppo_kl"]) == ({"loss"}, {"reward"}, set())
    assert (can["slime:k3"], can["slime:k3_unbiased"]) == ({"loss", "reward"}, {"loss"})
    assert all(catalogue.find(name).placement in (None, *can[name]) for name in can)


@pytest.mark.parametrize(
    ("estimators", "meant"),
    [
        ("'verl@0.4:*'", "kl abs mse ppo_kl low_var_kl"),
        ("'verl@0.4.1:*'", "kl abs mse low_var_kl ppo_kl"),
        ("'verl @ 0.1 : * '", "kl abs mse ppo_kl"),
    ],
)
def test_of_a_release_the_names_have_it(estimators: str, meant: str) -> None:
    release = estimators.strip("'").partition(":")[0].replace(" ", "")
    assert spec(estimators).estimators == tuple(f"{release}:{name}" for name in meant.split())


def test_what_is_named_otherwise_too_is_in_it_once_where_it_is_named() -> None:
    rest = tuple(name for name in shipped("verl") if name not in ("verl:kl", "verl:low_var_kl"))
    assert spec("k1, 'verl:kl', 'verl:k3', 'verl:*', k2").estimators == ("k1", "verl:kl", "verl:k3", *rest, "k2")
    assert spec("'verl:*', 'verl:kl', 'verl@0.9:k3'").estimators == (*rest, "verl:kl", "verl@0.9:k3")
    assert spec("'verl@0.4.1:*', 'verl:*'").estimators[-1] == "verl@0.4.0:low_var_kl"


def test_weighted_it_is_what_has_no_weight_of_its_own() -> None:
    plain = [name for name in shipped("trl") if not catalogue.find(name).multiplies_ratio]
    assert "trl:grpo_bias_correction" not in plain
    assert spec("'ratio*trl:*'").estimators == tuple(f"ratio*{name}" for name in plain)
    assert spec("'ratio*trl:grpo', 'trl:*'").estimators == ("ratio*trl:grpo", *shipped("trl"))


def test_a_resolved_spec_lists_what_it_stands_for() -> None:
    found = spec("'nemo-rl:*', k1", GRADIENT)
    assert "*" not in found.to_yaml()
    assert read_text(found.to_yaml()) == found


@pytest.mark.parametrize(
    ("estimators", "more", "column", "says"),
    [
        ("k1, 'vrl:*'", "", 18, "did you mean verl?"),
        ("'my_module:*'", "", 14, "unknown framework 'my_module'"),
        ("'verl@new:*'", "", 14, "'new'"),
        ("'verl:*', 'verl:*'", "", 24, "listed twice"),
        ("'verl:*', k33", "", 24, "did you mean k3?"),
        ("'ratio*deepseek:*'", "", 14, "multiplies by q/sampler itself"),
        ("'ratio*trl:*'", GRADIENT, 14, "write trl:*, and weightings"),
        ("'areal@0.1:*'", f"{GRADIENT}placements: loss\n", 14, "puts none of what it ships in the loss"),
        ("'torchtune@0.6:*', 'slime@0.0.1:*'", "", 33, "slime 0.0.1 ships nothing that is known here"),
    ],
)
def test_a_refusal_says_what_and_where(estimators: str, more: str, column: int, says: str) -> None:
    with pytest.raises(SpecError) as refused:
        spec(estimators, more)
    assert str(refused.value.location) == f"spec:2:{column}"
    assert says in "\n".join([refused.value.message, *refused.value.help])


def test_so_many_that_a_spec_cannot_have_them_are_refused() -> None:
    with pytest.raises(SpecError, match=r"a list of 1016 estimators") as refused:
        spec(", ".join([*(f"alpha({(n + 1) / 5000})" for n in range(MOST_ESTIMATORS - 5)), "'verl:*'"]))
    assert f"at most {MOST_ESTIMATORS}" in refused.value.help[0]
