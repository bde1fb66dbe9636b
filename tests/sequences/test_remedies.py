"""Off-policy it is said which weight makes an estimator of sequences right, with its exact noise, or that none does."""

from __future__ import annotations

import re

import pytest

import klbench
from klbench.results import CaseResult

SHORT = ("Markov(vocab=4, scale=1, seed=1, length=4)", "Perturb(q, scale=0.5, seed=2)", "Perturb(q, scale=0.5, seed=5)")
ENDS = ("Markov(vocab=4, scale=1, seed=1, length=4, eos=0)", *SHORT[1:])
LONG = ("Markov(vocab=6, scale=1, seed=1, length=24, eos=0)", *SHORT[1:])
CUT = (*SHORT[:2], "TopK(q, 2)")


def measured(pair: tuple[str, str, str], keys: str = "", estimators: str = "k1") -> CaseResult:
    q, p, sampler = pair
    text = f"name: x\nsamples: 200\nestimators: [{estimators}]\n{keys}\npairs:\n"
    spec = klbench.read_text(f'{text}  - {{q: "{q}", p: "{p}", sampler: "{sampler}"}}\n')
    (case,) = klbench.run(spec, threads=1).cases
    return case


def remedies(pair: tuple[str, str, str], keys: str = "", estimators: str = "k1") -> list[str]:
    notes = measured(pair, keys, estimators).notes
    return [note for note in notes if "biased here" in note or "descends" in note]


@pytest.mark.parametrize(
    ("keys", "weight"),
    [
        ("", "ratio-sequence"),
        ("level: sequence", "ratio"),
        ("aggregation: seq-mean-token-mean", "ratio-sequence"),
        ("aggregation: token-mean", "ratio-sequence"),
    ],
)
def test_a_weight_is_named_with_its_noise_and_is_right(keys: str, weight: str) -> None:
    (note,) = remedies(SHORT, keys)
    assert note.startswith(f"k1 is biased here; {weight}*k3 and {weight}*k1 are not, the quieter first: stdev/true ")
    rows = measured(SHORT, keys, f"{weight}*k3, {weight}*k1").rows
    assert [row.exact_bias_over_true for row in rows] == [0, 0]
    told = [float(number) for number in re.findall(r"[\d.]+\d", note.partition("stdev/true")[2])]
    assert told == pytest.approx([row.exact_stdev_over_true for row in rows], rel=5e-3)


def test_the_weight_of_a_token_is_no_remedy_for_its_prefix() -> None:
    (row,) = measured(SHORT, "", "ratio*k1").rows
    assert row.exact_bias_over_true != 0
    (note,) = remedies(SHORT, "", "k1, ratio*k1")
    assert "ratio-sequence*k3" in note


def test_of_one_token_the_weight_of_the_token_is_named() -> None:
    one = ("Markov(vocab=4, scale=1, seed=1, length=1)", *SHORT[1:])
    (note,) = remedies(one)
    assert "; ratio*k1 and ratio-sequence*k1 are not, both equally noisy: stdev/true " in note


def test_what_was_measured_is_named_first() -> None:
    (note,) = remedies(SHORT, "", "k1, ratio-sequence*k1")
    assert note == "k1 is biased here; ratio-sequence*k1 is not."


def test_weights_that_the_spec_cuts_off_are_told_from_whole_ones() -> None:
    (note,) = remedies(SHORT, "clip: 1.1", "ratio-sequence*k3")
    start = "ratio-sequence*k3 is biased here; without clip ratio-sequence*k3 and ratio-sequence*k1 are not"
    assert note.startswith(f"{start}, the quieter first: stdev/true ")


def test_noise_that_is_not_known_is_not_told() -> None:
    (note,) = remedies(LONG)
    assert note == "k1 is biased here; ratio-sequence*k1 and ratio-sequence*k3 are not."


def test_where_lengths_divide_only_what_knows_a_distribution_is_right() -> None:
    (note,) = remedies(ENDS, "aggregation: seq-mean-token-mean")
    assert note.startswith("k1 is biased here; ratio-sequence*full is not: stdev/true ")


def test_nothing_corrects_the_length_of_the_sampler() -> None:
    assert remedies(ENDS, "aggregation: token-mean") == ["k1 is biased here, and no importance weight corrects that."]


@pytest.mark.parametrize("keys", ["", "level: sequence", "measure: gradient"])
def test_nothing_is_named_for_what_is_never_drawn(keys: str) -> None:
    notes = measured(CUT, keys).notes
    assert any("no importance weight repairs that" in note for note in notes)
    assert not [note for note in notes if "ratio" in note]


def test_gradients_too() -> None:
    (note,) = remedies(SHORT, "measure: gradient")
    named = "k1 (reward × ratio-sequence) and k1 (loss × ratio-sequence) do, the quieter first: stdev/true "
    assert named in note
    rows = measured(SHORT, "measure: gradient\nweightings: ratio-sequence").rows
    assert [row.exact_bias_over_true for row in rows] == [0, 0]
    told = [float(number) for number in re.findall(r"[\d.]+\d", note.partition("stdev/true")[2])]
    assert told == pytest.approx(sorted(row.exact_stdev_over_true for row in rows), rel=5e-3)
