"""What to use instead is said where something is wrong, and is right; it is not said where nothing is."""

from __future__ import annotations

import math

import pytest

from klbench.runner import run
from klbench.spec.read import read_text
from tests.measure.gradient_run import by_cell, gradient_case


def value_notes(estimators: str, q: str = "N(0, 1)", p: str = "N(1, 1)", sampler: str = "") -> list[str]:
    pair = f'{{q: "{q}", p: "{p}"' + (f', sampler: "{sampler}"}}' if sampler else "}")
    text = f"name: x\nsamples: 100\nestimators: {estimators}\npairs: [{pair}]\n"
    (case,) = run(read_text(text), device="cpu", threads=1).cases
    return [note for note in case.notes if "biased here" in note]


def gradient_remedies(estimators: str, more: str, sampler: str | None = None) -> list[str]:
    case = gradient_case("N(0, 1)", "N(1, 1.3)", sampler, estimators=estimators, more=more, samples=100)
    return [note for note in case.notes if "descend" in note]


@pytest.mark.parametrize(
    ("estimators", "note"),
    [
        ("[k1, k2, k3]", "k2 is biased here; k3 and k1 are not, the quieter first."),
        ("[k2, abs, k1]", "k2 and abs are biased here; k1 is not."),
        ("[k2]", "k2 is biased here; k3 and k1 are not, the quieter first."),
    ],
)
def test_a_biased_value_has_an_unbiased_one_beside_it(estimators: str, note: str) -> None:
    assert value_notes(estimators) == [note]


@pytest.mark.parametrize(
    ("estimators", "pair"),
    [
        ("[k1, k3, k1_cv(0.3)]", ("N(0, 1)", "N(1, 1)")),
        ("[k1, k2]", ("N(0, 1)", "N(0.1, 1)")),
        ("[k1, k2]", ("N(0, 1)", "N(0, 1)")),
        ("[k1, k2]", ("Uniform(0, 2)", "Uniform(0, 1)")),
    ],
    ids=["all right", "off by less than a hundredth", "a KL of 0", "an infinite KL"],
)
def test_no_value_is_replaced_without_need(estimators: str, pair: tuple[str, str]) -> None:
    assert value_notes(estimators, *pair) == []


def test_an_estimator_without_a_variance_is_not_recommended_unasked() -> None:
    assert value_notes("[k2]", "N(0, 1)", "N(0, 2)") == ["k2 is biased here; k1 is not."]


def test_nor_is_one_that_was_measured() -> None:
    assert value_notes("[k2, k3]", "N(0, 1)", "N(0, 2)") == ["k2 is biased here; k1 is not."]
    case = gradient_case("N(0, 1)", "N(0, 2)", estimators="[forward_kl]", more="weightings: [none, ratio]", samples=100)
    assert not [note for note in case.notes if note.startswith("To descend the forward KL")]


def test_what_a_baseline_only_shrinks_is_not_said_to_be_missing() -> None:
    (note,) = gradient_remedies("[k1]", "baseline: mean\nbatch: 4")
    assert note == "Nothing else measured descends the reverse KL here; k2 (loss) does."


def test_stale_values_are_to_be_weighted() -> None:
    (note,) = value_notes("[k1]", sampler="N(0.2, 1)")
    start, cost = note.split(": stdev/true ")
    assert start == "k1 is biased here; ratio*k3 and ratio*k1 are not, the quieter first"
    pair = '{q: "N(0, 1)", p: "N(1, 1)", sampler: "N(0.2, 1)"}'
    weighted = read_text(f"name: x\nsamples: 100\nestimators: [ratio*k3, ratio*k1]\npairs: [{pair}]\n")
    (case,) = run(weighted, device="cpu", threads=1).cases
    assert cost == " and ".join(f"{row.exact_stdev_over_true:.3g}" for row in case.rows) + "."


@pytest.mark.parametrize(
    ("estimators", "more", "sampler", "note"),
    [
        ("[k1, k2]", "", None, "To descend the reverse KL here, use k1 (reward) or k2 (loss), both equally noisy."),
        (
            "[k1, k2]",
            "weightings: [none, ratio, detached]",
            None,
            "To descend the reverse KL here, use k1 (reward) or k2 (loss), both equally noisy.",
        ),
        (
            "[k1]",
            "placements: [loss]",
            None,
            "Nothing measured descends the reverse KL here; k1 (reward) and k2 (loss) do, both equally noisy.",
        ),
        (
            "[k3]",
            "",
            "N(0.2, 1)",
            "Nothing measured descends the reverse KL here; k1 (reward × ratio) and k1 (loss × ratio) do, "
            "the quieter first: stdev/true ",
        ),
        ("[forward_kl]", "placements: [loss]", None, "Nothing measured descends the forward KL here; k3 (loss) does."),
    ],
)
def test_a_gradient_of_something_else_has_the_right_one_beside_it(
    estimators: str, more: str, sampler: str | None, note: str
) -> None:
    (found,) = gradient_remedies(estimators, more, sampler)
    assert found.startswith(note)


@pytest.mark.parametrize("more", ["placements: [reward]", "placements: [reward]\nbaseline: mean\nbatch: 4"])
def test_nothing_is_said_where_every_gradient_is_right_or_only_shrunk(more: str) -> None:
    assert gradient_remedies("[k1]", more) == []


def test_what_is_recommended_has_no_bias_when_it_is_measured() -> None:
    (note,) = gradient_remedies("[k3]", "", "N(0.2, 1)")
    assert "k1 (reward × ratio) and k1 (loss × ratio)" in note
    case = gradient_case("N(0, 1)", "N(1, 1.3)", "N(0.2, 1)", estimators="[k1]", more="weightings: [ratio]")
    assert [row.exact_bias_over_true for row in by_cell(case).values()] == [0.0, 0.0]
    assert all(math.isfinite(row.exact_stdev_over_true) for row in by_cell(case).values())


def test_who_uses_a_framework_is_told_what_that_has() -> None:
    (note,) = value_notes('["verl:mse", k3, k1]')
    assert note == (
        "verl:mse is biased here; k3 and k1 are not, the quieter first. "
        "With verl: verl:kl or verl:kl+, both equally noisy."
    )


def test_of_the_release_that_was_asked_for() -> None:
    (note,) = value_notes('["verl@0.3:mse"]')
    # releases before 0.4.1 do not clamp log r, and before 0.8 have no names with a plus; the value is clamped to 10
    assert note.endswith("With verl@0.3: verl@0.3:kl.")


def test_where_a_framework_has_nothing_it_is_said() -> None:
    (note,) = value_notes('["verl:kl", "roll:kl"]', sampler="N(0.2, 1)")
    assert note.startswith("verl:kl and roll:kl are biased here; ratio*k3 and ratio*k1 are not, the quieter first: ")
    assert note.endswith("Nothing in verl or roll is right here.")


def test_a_metric_is_no_remedy_for_a_penalty() -> None:
    (note,) = value_notes('["verl:mse"]')
    assert "ppo_kl" not in note


def test_all_that_are_right_are_named_the_quietest_first() -> None:
    names = ["k1_cv(0.1)", "k1_cv(0.2)", "k1_cv(0.3)", "k1_cv(0.4)", "k1_cv(0.5)", "k1_cv(0.6)"]
    (note,) = value_notes(f"[k2, k1, {', '.join(names)}]")
    # λ* of this pair is 1/(e − 1) = 0.58: the nearer to it, the quieter
    nearest = sorted([*names, "k1_cv(0)"], key=lambda name: abs(float(name[6:-1]) - 1 / (math.e - 1)))
    first, *rest = ("k1" if name == "k1_cv(0)" else name for name in nearest)
    assert note == (f"k2 is biased here; {', '.join([first, *rest[:-1]])} and {rest[-1]} are not, the quietest first.")


def test_gradients_of_a_framework_are_put_where_it_puts_them() -> None:
    (note,) = gradient_remedies('["verl:low_var_kl"]', "placements: [loss]")
    assert ". With verl: " in note
    named = note.partition(". With verl: ")[2]
    assert "verl:kl (reward)" in named
    assert "verl:mse (loss)" in named
    assert "(reward × ratio)" not in named
