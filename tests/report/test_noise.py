"""Where estimators of one number differ in noise, it is said by how much, and how many samples that is."""

from __future__ import annotations

import numpy as np
import pytest

from klbench.report.summary import summaries
from klbench.runner import run
from klbench.spec.read import read_text


def notes(estimators: str, q: str, p: str, more: str = "", pair_more: str = "") -> list[str]:
    text = f'name: x\nsamples: 2000\nestimators: {estimators}\n{more}pairs: [{{q: "{q}", p: "{p}"{pair_more}}}]\n'
    (summary,) = summaries(run(read_text(text), device="cpu", threads=1))
    return [note for note in summary.notes if "the noise of" in note]


LOST = (
    "Categorical([0.4, 0.3, 0.2, 0.0999998, 1e-7, 1e-7])",
    "Categorical([0.3, 0.3, 0.2, 0.1, 0.05, 0.05])",
)


def noise_by_hand() -> dict[str, float]:
    q, p = np.array([0.4, 0.3, 0.2, 0.0999998, 1e-7, 1e-7]), np.array([0.3, 0.3, 0.2, 0.1, 0.05, 0.05])
    log_ratio = np.log(p / q)
    values = {"k1": -log_ratio, "k3": p / q - 1 - log_ratio}
    return {name: float(np.sqrt(q @ value**2 - (q @ value) ** 2)) for name, value in values.items()}


def test_a_lost_token_where_nothing_is_biased() -> None:
    by_hand = noise_by_hand()
    factor = by_hand["k3"] / by_hand["k1"]
    times, squared = (f"{float(f'{each:.2g}'):,.0f}" for each in (factor, factor**2))
    assert notes("[k1, k3]", *LOST) == [
        f"k3 has {times} times the noise of k1 and takes {squared} times the samples for the same error bar."
    ]


def test_it_is_of_estimators_of_the_same_number() -> None:
    # σ of k1 and of forward_kl: both are of about the size of √(2 KL), but the targets are two
    found = notes("[k1, k3, forward_kl, forward_kl_cv]", "N(0, 1)", "N(0.1, 1)")
    assert len(found) == 2
    assert found[0].startswith("k1 has 14 times the noise of k3 and takes 200 times the samples")
    assert found[1].startswith("forward_kl has 14 times the noise of forward_kl_cv")


@pytest.mark.parametrize(
    ("estimators", "q", "p"),
    [
        ("[k1, k3]", "N(0, 1)", "N(1, 1)"),  # 2 against 1.695
        ("[k1, forward_kl]", "N(0, 1)", "N(0.1, 1)"),
        ("[k1, k3]", "N(0, 1)", "N(0, 1)"),  # no noise at all
        ("[k1, k3]", "N(0, 1)", "N(0, 2)"),  # k3 has no variance: another note says so
        ("[k3]", "N(0, 1)", "N(0.1, 1)"),
    ],
)
def test_nothing_is_said_where_nothing_is_to_be_said(estimators: str, q: str, p: str) -> None:
    assert notes(estimators, q, p) == []


def test_over_a_grid_the_largest_is_told_with_its_place() -> None:
    (note,) = notes("[k1, k3]", "N(0, 1)", "N({mu}, 1)", pair_more=", grid: {mu: [0.1, 0.01, 1, 3]}")
    # of N(mu, 1) the noise of k1 is mu, and of k3 √(exp(mu²) − 1 − mu²)
    near, far = 0.01 / np.sqrt(np.expm1(1e-4) - 1e-4), np.sqrt(np.expm1(9) - 9) / 3
    assert f"k1 has up to {float(f'{near:.2g}'):g} times the noise of k3 (at mu = 0.01)" in note
    assert f"k3 has up to {float(f'{far:.2g}'):g} times the noise of k1 (at mu = 3)" in note


def test_a_biased_estimator_is_no_measure_of_the_others() -> None:
    """The clamped k3 is 40 times as quiet as k1 because its value is cut off."""
    found = notes('[k1, k3, "verl:low_var_kl"]', "N(0, 1)", "N(6, 1)")
    assert all("of verl:low_var_kl" not in note for note in found)


def test_gradients_that_descend_the_same() -> None:
    more = "measure: gradient\nplacements: [loss]\nweightings: [ratio]\n"
    (note,) = notes("[k1, k3]", "Categorical([0.5, 0.3, 0.2])", "Categorical([0.45, 0.33, 0.22])", more)
    assert note.startswith("k1 (loss × ratio) has ")
    assert "times the noise of k3 (loss × ratio) and takes" in note


def test_many_are_counted() -> None:
    names = [f"k1_cv({value / 100})" for value in (0, 10, 20, 30, 40, 50, 60)]
    (note,) = notes(f"[k3, {', '.join(names)}]", "N(0, 1)", "N(0.1, 1)")
    assert note.endswith("; 3 more by more than 2.")


def test_below_float64_it_is_said_once() -> None:
    assert len(notes("[k1, k3]", "N(0, 1)", "N(0.1, 1)", "dtype: [float64, bfloat16]\n")) == 1
