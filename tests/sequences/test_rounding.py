"""What is nothing but rounding is 0: the bias of a constant, a mean gradient that cancels along a long chain."""

from __future__ import annotations

import pytest

import klbench
from klbench.row import Row


def rows(q: str, p: str, keys: str, estimators: str, sampler: str = "") -> list[Row]:
    pair = f"  - {{q: '{q}', p: '{p}'" + (f", sampler: '{sampler}'}}" if sampler else "}")
    spec = klbench.read_text(f"name: x\nsamples: 2000\nestimators: [{estimators}]\n{keys}\npairs:\n{pair}\n")
    return [row for case in klbench.run(spec, threads=1).cases for row in case.rows]


@pytest.mark.parametrize("sampler", ["", "Temper(q, 0.7)"])
@pytest.mark.parametrize(
    "q",
    [
        "Zipf(vocab=10)",
        "Softmax(vocab=50, scale=2)",
        "Markov(vocab=8, scale=1.5, seed=1, length=1)",
        "Markov(vocab=3, scale=1.5, seed=4, length=1)",
    ],
)
def test_a_constant_has_neither_bias_nor_noise(q: str, sampler: str) -> None:
    for estimator in ("full", "topk(3)"):  # the second covers all of the smallest vocabulary
        (row,) = rows(q, "Perturb(q, scale=0.5)", "", estimator, sampler)
        if row.exact_stdev_over_true == 0:
            assert (row.bias, row.bias_over_true, row.stdev, row.stdev_over_true) == (0, 0, 0, 0)
            assert row.mean == pytest.approx(row.true, rel=1e-12)


@pytest.mark.parametrize("estimator", ["topk_head(2)", "topk_bucket(2)"])
def test_a_constant_that_is_biased_keeps_its_bias(estimator: str) -> None:
    (row,) = rows("Zipf(vocab=10)", "Zipf(vocab=10, exponent=1.5)", "", estimator)
    assert row.stdev == 0
    assert row.bias_over_true == pytest.approx(row.exact_bias_over_true, rel=1e-12)
    assert row.bias_over_true != 0


LONG = "Markov(vocab=8, scale=1.5, seed=1, length=40)"
MEASURED = (
    "measure: gradient\naggregation: [seq-mean-token-sum, token-mean, seq-mean-token-mean, seq-mean-token-sum-norm]"
)


@pytest.mark.parametrize("p", ["Perturb(q, scale=0.3)", "TopK(q, 2)"], ids=["finite", "infinite"])
def test_a_mean_gradient_that_cancels_is_nothing(p: str) -> None:
    """The mean of a score is 0, and so is that of k1 in the loss."""
    found = rows(LONG, p, f"{MEASURED}\nplacements: [loss]", "k1")
    assert [row.follows for row in found] == ["0"] * 4
    assert all(row.exact_cosine != row.exact_cosine for row in found)


def test_whatever_divides_the_sum_the_same_is_followed() -> None:
    found = rows(LONG, "Perturb(q, scale=0.3)", f"{MEASURED}\nplacements: [reward]", "k1")
    assert [row.follows for row in found] == ["KL(q‖p)"] * 4
    ends = LONG.replace("length", "eos=0, length")
    of_tokens = "measure: gradient\naggregation: token-mean\nplacements: [loss, reward]"
    k1_loss, k1_reward, full = rows(ends, "Perturb(q, scale=0.3)", of_tokens, "k1, full")[:3]
    assert (k1_loss.follows, k1_reward.follows, full.follows) == ("0", "KL(q‖p)", "token-local KL(q‖p)")


@pytest.mark.parametrize("keys", ["measure: [value, gradient]", "measure: [value, gradient]\nlevel: [token, sequence]"])
@pytest.mark.parametrize(
    ("q", "p"),
    [
        ("Markov(vocab=4, scale=1.5, seed=1, length=4)", "TopK(q, 2)"),
        ("TopK(Markov(vocab=4, scale=1.5, seed=1, length=4), 2)", "Markov(vocab=4, scale=1.5, seed=1, length=4)"),
        ('Tree({"": [0.5, 0.5]})', 'Tree({"": [1, 1e-300]})'),
        ('Tree({"": [1, 1e-300]})', 'Tree({"": [0.5, 0.5]})'),
    ],
    ids=["q off p", "p off q", "p hardly", "q hardly"],
)
def test_the_farthest_pairs_are_answered_without_a_warning(q: str, p: str, keys: str) -> None:
    aggregations = "aggregation: [seq-mean-token-sum, token-mean, seq-mean-token-mean]"
    found = rows(q, p, f"{keys}\n{aggregations}", "k1, k2, k3, abs, forward_kl, chi2_pq, chi2_qp, full")
    assert len(found) > 40
    # nothing that is not finite follows anything
    assert all(row.follows == "" for row in found if row.is_gradient and row.exact_from == "")
