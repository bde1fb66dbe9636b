"""Where a cosine of 1 stands beside ``none``, the factor is said."""

from __future__ import annotations

import numpy as np
import pytest

from klbench.report.summary import summaries
from klbench.results import Results
from klbench.runner import run
from klbench.spec.read import read_text

SAID = "the gradient is a multiple of the true one"


def results(estimators: str, q: str, p: str, more: str = "", grid: str = "") -> Results:
    pair = f'{{q: "{q}", p: "{p}"{grid}}}'
    text = f"name: x\nmeasure: gradient\nsamples: 200\nestimators: {estimators}\n{more}pairs: [{pair}]"
    return run(read_text(text), device="cpu", threads=1)


def notes(found: Results) -> list[str]:
    return [note for summary in summaries(found) for note in summary.notes if SAID in note]


def factor_of_k2_in_the_reward(q: float, p: float) -> float:
    """E_q[½ log² r · score] over ∇KL(q‖p), in the probability of a coin."""
    probabilities, others, score = np.array([1 - q, q]), np.array([1 - p, p]), np.array([-1 / (1 - q), 1 / q])
    log_ratio = np.log(others / probabilities)
    return float((probabilities * log_ratio**2 / 2) @ score / ((probabilities * -log_ratio) @ score))


def test_of_a_coin_the_factor_is_told_with_the_reason() -> None:
    (note,) = notes(results("[k2]", "Bernoulli(0.3)", "Bernoulli(0.5)", "placements: [reward]\n"))
    factor = f"{factor_of_k2_in_the_reward(0.3, 0.5):.3g}".replace("-", "−")
    assert f"k2 (reward) is {factor} times that of the reverse KL." in note
    assert note.endswith("With one parameter, every gradient is a multiple of every other.")


def test_over_a_grid_it_is_one_sentence() -> None:
    grid = ", grid: {b: [0.4, 0.5, 0.6]}"
    (note,) = notes(results("[k2]", "Bernoulli(0.3)", "Bernoulli({b})", "placements: [reward]\n", grid))
    factors = [factor_of_k2_in_the_reward(0.3, b) for b in (0.4, 0.5, 0.6)]
    ends = [f"{end:.3g}".replace("-", "−") for end in (min(factors), max(factors))]
    assert f"k2 (reward) is {' to '.join(ends)} times" in note


@pytest.mark.parametrize("estimators", ["[k1, k2, k3, abs]", "[squared_hellinger, alpha(0.3), chi2_qp]"])
@pytest.mark.parametrize(
    ("q", "p"),
    [
        ("Bernoulli(0.3)", "Bernoulli(0.5)"),
        ("Categorical([0.5, 0.5])", "Categorical([0.4, 0.6])"),
        ("Categorical([0.5, 0.3, 0.1, 0.1])", "Categorical([0.4, 0.25, 0.05, 0.3])"),
        ("N(0, 1)", "N(0.4, 1.3)"),
    ],
)
def test_no_cosine_of_1_stands_beside_none_without_a_word(estimators: str, q: str, p: str) -> None:
    found = results(estimators, q, p)
    rows = [row for _, row in found.rows() if row.is_gradient]
    silent = [row for row in rows if row.follows == "none" and f"{abs(row.exact_cosine):.7f}" == "1.0000000"]
    assert bool(silent) == bool(notes(found))


def test_a_gradient_with_a_name_needs_no_factor() -> None:
    found = results("[squared_hellinger]", "Categorical([0.5, 0.3, 0.2])", "Categorical([0.4, 0.25, 0.35])")
    assert [row.follows for _, row in found.rows() if row.is_gradient] == ["−E_q[k]", "2·E_q[k]"]
    assert notes(found) == []
