"""What estimators are found to be is what is known of them: the checked table of gradients, clamps and overflow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import exp, inf, log, sqrt

import pytest
import torch

from klbench.errors import SpecError
from klbench.estimators.catalogue import find
from klbench.estimators.vocabulary import DTYPES
from klbench.identity.identify import identify
from klbench.identity.identity import PLACES, Identity, Zone, place
from klbench.identity.probes import on_policy
from klbench.identity.words import of_breaks, of_kinks, of_zones, paragraph
from klbench.users.ready import ready

REVERSE, FORWARD, DIFFERENCE = "KL(q‖p)", "KL(p‖q)", "KL(q‖p) − KL(p‖q)"
OWN = "tests.identity.functions"

# as loss, in the reward; then, on stale samples, the loss × ratio differentiated and × ratio detached
GRADIENTS = {
    "k1": ("0", REVERSE, REVERSE, "0"),
    "k2": (REVERSE, "none", "E_q[k]", REVERSE),
    "k3": (FORWARD, DIFFERENCE, REVERSE, FORWARD),
    "trlx:mean_kl": ("½χ²(q‖p)", "½χ²(q‖p) − KL(q‖p)", "E_q[k]", "½χ²(q‖p)"),
    "abs": ("2·TV", "none", "E_q[k]", "2·TV"),
    "verl:low_var_kl": (FORWARD, DIFFERENCE, REVERSE, FORWARD),
    "nemo-rl@0.6:k3": (FORWARD, DIFFERENCE, REVERSE, FORWARD),
}
VALUES = {
    "k1": (REVERSE, ""),
    "k2": ("none", REVERSE),
    "k3": (REVERSE, ""),
    "abs": ("none", ""),
    "trlx:mean_kl": ("χ²(q‖p) − KL(q‖p)", ""),
    "prime-rl:kl": ("0", ""),
    "forward_kl": (FORWARD, ""),
    "total_variation": ("TV", ""),
}
SATURATION = (-11.0, 2.6108672)
"""Where k3's value reaches 10: eˡ − 1 − l = 10."""


def test_the_saturation_of_k3_solves_its_equation() -> None:
    assert [exp(end) - 1 - end for end in SATURATION] == pytest.approx([10, 10], abs=2e-5)


def assert_at(found: Sequence[Zone], *expected: Zone, within: float = 2e-5) -> None:
    assert len(found) == len(expected)
    for zone, wanted in zip(found, expected, strict=True):
        assert zone == pytest.approx(wanted, abs=within)


def known(name: str) -> Identity:
    return identify(ready(find(name)))


@pytest.mark.parametrize("name", GRADIENTS)
def test_the_table_of_gradients_is_found(name: str) -> None:
    found = known(name)
    loss, reward, ratio, detached = GRADIENTS[name]
    assert (found.follows["loss"], found.follows["reward"]) == (loss, reward)
    assert (found.stale_follows["loss × ratio"], found.stale_follows["loss × detached"]) == (ratio, detached)
    assert found.stale_follows["loss"] == "none"


@pytest.mark.parametrize("name", VALUES)
def test_what_the_mean_estimates_is_found(name: str) -> None:
    found = known(name)
    assert (found.value, found.near) == VALUES[name]


@pytest.mark.parametrize("name", ["k1", "k2", "k3"])
def test_nemo_rls_weight_turns_every_gradient(name: str) -> None:
    before, now = known(f"nemo-rl@0.6:{name}").follows["loss"], known(f"nemo-rl:{name}").follows["loss"]
    assert (before, now) == {"k1": ("0", REVERSE), "k2": (REVERSE, "E_q[k]"), "k3": (FORWARD, REVERSE)}[name]


def test_only_a_ratio_that_is_differentiated_survives_stale_samples() -> None:
    assert known("trinity-rft:corrected_k3").stale_follows["loss"] == REVERSE
    assert known("verl:low_var_kl+").stale_follows["loss"] == "none"
    assert known("prime-rl:kl").follows["loss"] == "0"


def test_the_probes_tell_every_divergence_apart() -> None:
    values = sorted(abs(value) for value in on_policy().values.values())
    distinct = sorted(set(values))
    # a divergence and its negative share a size, and nothing else does
    assert all(later / earlier > 1.001 for earlier, later in pairwise(distinct))
    assert len(values) - len(distinct) == 2


CLAMPED = {
    "verl:low_var_kl": SATURATION,
    "openrlhf:k2": (-sqrt(20), sqrt(20)),
    "openrlhf:k1": (-10, 10),
    "open-instruct:2": (-40, 40),
    f"{OWN}:verls": SATURATION,
}


@pytest.mark.parametrize("name", CLAMPED)
def test_clamps_are_located(name: str) -> None:
    low, high = CLAMPED[name]
    clamped = known(name).zones.clamped
    assert_at(clamped, (-inf, low), (high, inf))


def test_a_gradient_stops_where_a_clamp_holds_and_where_a_switch_does() -> None:
    assert_at(known("verl:low_var_kl").zones.stopped, (-inf, SATURATION[0]), (SATURATION[1], inf))
    assert_at(known(f"{OWN}:switched").zones.stopped, (2.0, log(torch.finfo(torch.float64).max)))
    assert known(f"{OWN}:switched").zones.clamped == ()
    assert known("verl:low_var_kl+").zones.stopped == ()


@pytest.mark.parametrize("name", ["chi2_pq", "forward_kl", "trinity-rft:corrected_k3"])
def test_a_slope_that_fades_is_not_stopped(name: str) -> None:
    assert known(name).zones.stopped == ()


KINKS = {
    f"{OWN}:huber": ((-1.5, 1.5), ()),
    f"{OWN}:stepped": ((3.0,), ()),
    f"{OWN}:bounded_weight": ((), (4.0,)),
    "trinity-rft:corrected_k3": ((), (2.0,)),
    "abs": ((0.0,), ()),
}


@pytest.mark.parametrize("name", KINKS)
def test_a_bound_in_a_branch_shows_as_a_kink(name: str) -> None:
    found = known(name)
    assert (found.zones.kinks, found.zones.weight_kinks) == KINKS[name]
    assert "it has a kink (a branch or a bound) at " in " ".join(of_breaks(found))


@pytest.mark.parametrize("name", ["k1", "k2", "k3", "chi2_pq", "chi2_pq_cv", "jensen_shannon", f"{OWN}:weighted"])
def test_what_is_smooth_has_no_kink_and_rounding_makes_none(name: str) -> None:
    assert (known(name).zones.kinks, known(name).zones.weight_kinks) == ((), ())


@pytest.mark.parametrize("name", ["verl:low_var_kl", "nemo-rl:k3", f"{OWN}:switched"])
def test_the_end_of_a_clamp_is_told_once(name: str) -> None:
    assert known(name).zones.kinks == ()


@pytest.mark.parametrize("dtype", DTYPES)
def test_overflow_is_located_in_every_dtype(dtype: str) -> None:
    (zone,) = known("k3").zones.nonfinite[dtype]
    kind = getattr(torch, dtype)
    # log-probabilities are rounded before exp: the last one whose exp is finite is at most half a step below
    step = 2 * torch.finfo(kind).eps * log(torch.finfo(kind).max)
    assert zone == pytest.approx((log(torch.finfo(kind).max), inf), abs=step)


def test_a_clamp_before_exp_prevents_nan_and_one_after_does_not() -> None:
    before, after = known("verl:low_var_kl").zones.nonfinite, known("verl@0.4:low_var_kl").zones.nonfinite
    assert before["float32"] == ()
    assert_at(after["float32"], (log(torch.finfo(torch.float32).max), inf), within=1e-3)
    assert_at(before["float16"], (log(65504), 20), within=0.02)


def test_what_is_not_differentiable_has_no_gradient_as_a_loss() -> None:
    found = known(f"{OWN}:not_differentiable")
    assert not found.is_differentiable
    assert (found.value, found.follows["loss"], found.follows["reward"]) == (REVERSE, "", REVERSE)
    assert "In the loss it has no gradient" in paragraph(found)


def test_what_looks_at_more_than_differences_is_identified_too() -> None:
    found = known(f"{OWN}:absolute")
    assert (found.value, found.follows["loss"]) == ("none", "none")
    assert found.stale_follows["loss × ratio"] == "E_q[k]"


def test_a_dtype_that_a_function_refuses_is_left_out_and_said() -> None:
    found = known(f"{OWN}:not_in_float16")
    assert set(found.zones.nonfinite) == {"float64", "float32", "bfloat16"}
    assert "It cannot be computed in float16." in paragraph(found)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raises", "it raised ValueError: on purpose"),
        ("averages", "a tensor of shape []"),
        ("centres", "depends on the others in the batch"),
        ("one_argument", "takes 1 argument"),
        ("missing", "has no function 'missing'"),
    ],
)
def test_a_function_that_is_no_estimator_is_refused(name: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        known(f"{OWN}:{name}")
    assert message in refused.value.message
    assert refused.value.help
    location = refused.value.location
    assert (location is not None and location.source.endswith("functions.py")) == (name == "raises")


def test_places_are_named_by_placement_and_weighting() -> None:
    assert {place(*given) for given in PLACES.values()} == set(PLACES)
    assert place("reward", "detached") == place("reward", "ratio")


def test_an_identity_is_written_and_read_back() -> None:
    found = known("openrlhf:k3")
    again = Identity.from_json(found.to_json())
    assert again.to_json() == found.to_json()
    assert (again.follows, again.value) == (found.follows, found.value)


def test_zones_in_words() -> None:
    assert of_zones([(-inf, -11.0), (2.6108672, inf)]) == "log r < −11 or log r > 2.611"
    assert of_zones([(2.61, 709.8)]) == "2.61 < log r < 709.8"
    assert of_zones([(-inf, inf)]) == "log r is anything"


def test_of_a_function_of_log_q_itself_no_log_ratio_says_where_it_clamps() -> None:
    found = known(f"{OWN}:clamped_probabilities")
    assert found.looks_at_log_q
    assert (found.zones.clamped, found.zones.kinks) == ((), ())
    assert "It uses log q itself" in paragraph(found)
    assert "a clamp is active" not in paragraph(found).lower()


def test_of_very_many_kinks_a_few_are_told() -> None:
    (told,) = of_kinks(known(f"{OWN}:floored").zones)
    assert len(told) < 100
    assert told.endswith(" more")
