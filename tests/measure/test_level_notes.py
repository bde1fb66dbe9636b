"""Notes on sequences say a thing once, with the levels and aggregations that it holds at."""

from __future__ import annotations

import re
from functools import cache

import pytest

import klbench
from klbench.estimators.vocabulary import AGGREGATIONS
from klbench.report.summary import summaries

ALL = f"level: [token, sequence]\naggregation: [{', '.join(AGGREGATIONS)}]\n"
ENDS = ("Markov(vocab=4, scale=1.5, seed=1, length=6, eos=0)", "Perturb(q, scale=0.5, seed=2)")
LASTS = ("Markov(vocab=4, scale=1.5, seed=1, length=6)", "Perturb(q, scale=0.5, seed=2)")
INFINITE = (LASTS[0], "TopK(q, 2)")
ESTIMATORS = ("k1", "k2", "k3", "abs", "full", "topk_head(2)")


@cache
def notes(pair: tuple[str, ...], keys: str = ALL, estimators: tuple[str, ...] = ESTIMATORS) -> tuple[str, ...]:
    sampler = f', sampler: "{pair[2]}"' if len(pair) > 2 else ""
    text = f"name: x\nsamples: 2000\nestimators: [{', '.join(map(repr, estimators))}]\n{keys}"
    spec = klbench.read_text(f'{text}pairs: [{{q: "{pair[0]}", p: "{pair[1]}"{sampler}}}]\n')
    (summary,) = summaries(klbench.run(spec, threads=1))
    return summary.notes


def the_note(found: tuple[str, ...], part: str) -> str:
    (note,) = [note for note in found if part in note]
    return note


def without_levels(note: str) -> str:
    words = "|".join([*AGGREGATIONS, "sequence", "token", "every"])
    return re.sub(rf"[\d.,]+|(?i:under|at level|at) |\b({words})\b|[(),]|\band\b|\s", "", note)


@pytest.mark.parametrize("pair", [ENDS, LASTS, INFINITE], ids=["ends", "lasts", "infinite"])
@pytest.mark.parametrize("dtype", ["float64", "[float64, bfloat16]"])
def test_no_two_notes_differ_by_a_level_alone(pair: tuple[str, ...], dtype: str) -> None:
    found = [without_levels(note) for note in notes(pair, f"{ALL}dtype: {dtype}\n")]
    assert len(found) == len(set(found))
    assert len(found) <= 10


def test_what_holds_everywhere_is_said_once() -> None:
    assert "k1, k2, k3, abs, full at every level: the mean is infinite" in the_note(
        notes(INFINITE), "the mean is infinite"
    )
    of_samples = [note for note in notes(INFINITE, f"{ALL}dtype: [float64, bfloat16]\n") if "infinite or NaN" in note]
    assert len(of_samples) == 2
    assert re.fullmatch(
        r"k1, k2, k3 and abs at every level: [\d,]+ values are infinite or NaN. They are part of the mean.",
        of_samples[0],
    )
    assert of_samples[1].startswith("full at every level: 2,000 values are")


def test_values_that_only_a_lower_precision_lacks_are_told() -> None:
    """float16 ends at 65504."""
    pair = ("Tree({'': [0.5, 0.5]})".replace("'", '\\"'), "Tree({'': [1e-300, 1]})".replace("'", '\\"'))
    found = the_note(notes(pair, f"{ALL}dtype: [float64, float16]\n", ("k2", "k3")), "infinite or NaN")
    assert found.startswith("k2 at every level: ")
    assert " in float16. " in found


def test_a_bias_is_told_with_its_levels() -> None:
    assert [note for note in notes(ENDS) if "biased here" in note] == [
        "Under seq-mean-token-sum, token-mean and seq-mean-token-sum-norm: k2, abs and topk_head(2) are biased here; "
        "full, k3 and k1 are not, the quietest first.",
        "Under seq-mean-token-mean, k1, k3, abs and topk_head(2) are biased here; full is not.",
        "At level sequence, k2 and abs are biased here; k3 and k1 are not, the quieter first.",
    ]


def test_one_level_needs_no_word() -> None:
    found = the_note(notes(LASTS, "", ("k2", "k1")), "biased here")
    assert found == "k2 is biased here; k1 is not."


def test_levels_with_one_aggregation_are_called_levels() -> None:
    keys = "level: [token, sequence]\n"
    assert the_note(notes(LASTS, keys, ("k1", "topk_head(2)")), "biased here").startswith(
        "At level token, topk_head(2) is"
    )
    gradients = notes(LASTS, f"{keys}measure: gradient\n", ("k1", "k3"))
    assert any(
        note.startswith("At every level, to descend the reverse KL here, use k1 (reward).") for note in gradients
    )


def test_aggregations_of_one_number_are_explained_together() -> None:
    together = (
        "seq-mean-token-mean, token-mean and seq-mean-token-sum-norm estimate the KL of sequences over their length"
    )
    assert the_note(notes(LASTS), "estimate").startswith(f"{together}, 6 tokens: ")
    assert len([note for note in notes(ENDS) if " estimates the " in note]) == 3


def test_the_largest_noise_is_told_with_its_aggregation() -> None:
    found = the_note(notes(ENDS, ALL, ("k1", "full")), "the noise of")
    assert re.search(r"k1 has up to [\d.]+ times the noise of full \(under seq-mean-token-mean\)", found)
    assert found.count("k1 has") == 1


def test_sequences_and_tokens_estimate_one_number_of_the_reverse_kl_alone() -> None:
    keys = "level: [token, sequence]\n"
    far = ("Markov(vocab=4, scale=1.5, seed=1, length=6)", "Perturb(q, scale=1.5, seed=2)")
    assert not [note for note in notes(far, keys, ("chi2_pq",)) if "the noise of" in note]
    assert "k3 (sequence) has" in the_note(notes(far, keys, ("k3",)), "the noise of")


def test_a_precision_that_is_missed_is_told_once_for_an_estimator() -> None:
    found = [note for note in notes(ENDS, f"{ALL}precision: 0.0001\n", ("k1", "k3")) if "was not reached" in note]
    assert sorted(note.partition(" ")[0].rstrip(":") for note in found) == ["k1", "k3"]


@pytest.mark.parametrize(
    ("estimators", "said"),
    [
        (("k1", "k3", "full"), "k1 and k3 are biased for it even on samples of q, where full is not."),
        (("ratio*k3", "full"), "k3 is biased for it even on samples of q, where full is not."),
        (("k1", "abs"), "k1 is biased for it even on samples of q."),
        (("full",), "full is unbiased for it on samples of q alone."),
        (("abs",), ""),
    ],
)
@pytest.mark.parametrize("sampler", [(), ("Perturb(q, scale=0.5, seed=3)",)], ids=["of q", "of a sampler"])
def test_varying_lengths_are_told_of_what_the_spec_has(
    estimators: tuple[str, ...], said: str, sampler: tuple[str, ...]
) -> None:
    pair = (*ENDS, *sampler)
    found = the_note(notes(pair, "aggregation: seq-mean-token-mean\n", estimators), "estimates the mean")
    assert found.partition("Lengths depend on the tokens drawn, so ")[2] == said
    assert said or "Lengths" not in found


WEIGHTED = ("ratio*k3", "ratio-sequence*k1", "self-normalised-ratio-geometric*k3", "k3")
IDLE = "There is no sampler: samples come from q, and the weight of "


@pytest.mark.parametrize("pair", [ENDS, LASTS], ids=["ends", "lasts"])
@pytest.mark.parametrize("keys", [ALL, ""])
def test_weights_are_told_to_be_1_without_a_sampler_once(pair: tuple[str, ...], keys: str) -> None:
    assert [note for note in notes(pair, keys, WEIGHTED) if note.startswith(IDLE)] == [
        f"{IDLE}ratio*k3, ratio-sequence*k1 and self-normalised-ratio-geometric*k3 is 1."
    ]


def test_weights_with_a_sampler_or_a_frameworks_own_are_not_told() -> None:
    sampled = notes((*ENDS, "Perturb(q, scale=0.5, seed=3)"), "", WEIGHTED)
    assert not [note for note in (*sampled, *notes(ENDS, "", ("k3", "slime:k1_unbiased"))) if "the weight of" in note]
