"""The traps README.md lists are real: each number it gives is worked out here, by the roads that do not sample."""

from __future__ import annotations

from functools import cache
from math import inf, isnan, log

import pytest
import torch

import klbench
from klbench.results import Row
from tests.docs.documents import prose

README = prose("README.md")


@cache
def rows(q: str, p: str, *estimators: str, sampler: str = "", samples: int = 1000) -> dict[str, Row]:
    """The rows of one pair by estimator; what is exact in them takes no samples."""
    written = f"name: trap\nsamples: {samples}\nestimators: [{', '.join(estimators)}]\npairs:\n  - q: {q}\n    p: {p}\n"
    spec = klbench.read_text(written + (f"    sampler: {sampler}\n" if sampler else ""), "trap")
    (case,) = klbench.run(spec).cases
    return {row.estimator: row for row in case.rows}


def mean_over_true(row: Row) -> float:
    return 1 + row.exact_bias_over_true


def test_truekl_is_the_other_kl() -> None:
    row = rows("N(0, 1)", "N(0, 1.15)", "k3", "forward_kl")
    reverse, forward = row["k3"].true, row["forward_kl"].true
    assert row["k3"].exact_bias_over_true == 0
    assert f"they are {reverse:.5f} and {forward:.5f}" in README
    assert f"called {1 - reverse / forward:.0%} low" in README


def test_the_published_digits() -> None:
    close, far = rows("N(0, 1)", "N(0.1, 1)", "k2"), rows("N(0, 1)", "N(1, 1)", "k3")
    assert f"k2 at KL 0.005 is {close['k2'].exact_stdev_over_true:.6f} (published 1.42)" in README
    assert f"k3 at KL 0.5 {far['k3'].exact_stdev_over_true:.6f} (1.7)" in README
    assert f"it is exactly {close['k2'].exact_bias_over_true:.4f}" in README


def test_the_noise_of_k3_is_measured_too_low() -> None:
    row = rows("N(0, 1)", "N(2, 1)", "k1", "k3", samples=100_000)
    assert row["k1"].stdev_over_true_mcse > 0
    assert isnan(row["k3"].stdev_over_true_mcse)
    assert row["k3"].stdev_over_true < 0.8 * row["k3"].exact_stdev_over_true


def test_where_k3_stops_beating_k1() -> None:
    for kl, quieter in (("0.627", "k3"), ("0.629", "k1")):
        row = rows("N(0, 1)", f"N({(2 * float(kl)) ** 0.5}, 1)", "k1", "k3")
        assert min(row, key=lambda name: row[name].exact_stdev_over_true) == quieter
    assert "once KL exceeds 0.628" in README
    far = rows("N(0, 1)", "N(2, 1)", "k1", "k3")
    noise = far["k3"].exact_stdev_over_true / far["k1"].exact_stdev_over_true
    assert f"at KL 2 its noise is {noise:.1f} times k1's" in README


@pytest.mark.parametrize(("scale", "infinite"), [(1.41, False), (2**0.5, True), (2, True)])
def test_k3_without_a_variance(scale: float, infinite: bool) -> None:
    row = rows("N(0, 1)", f"N(0, {scale})", "k1", "k3")
    assert (row["k3"].exact_stdev_over_true == inf) == infinite
    assert row["k3"].exact_bias_over_true == 0
    assert row["k1"].exact_stdev_over_true < inf


def test_k2_without_a_variance() -> None:
    row = rows("StudentT(5)", "N(0, 1)", "k1", "k2", "k3")
    assert f"k2's exact mean is {mean_over_true(row['k2']):.1f} times the KL" in README
    assert [name for name in row if row[name].exact_stdev_over_true == inf] == ["k2"]


def test_k3_where_q_does_not_cover_p() -> None:
    k3 = rows("Uniform(0, 1)", "Uniform(0, 2)", "k3")["k3"]
    assert k3.true == pytest.approx(log(2))
    assert k3.exact_stdev_over_true == 0
    assert f"k3 reads {mean_over_true(k3) * k3.true:.3f} for a KL of {k3.true:.3f}" in README


def test_float32_cancels() -> None:
    log_ratio = torch.tensor(1e-4, dtype=torch.float32)
    right = float(log_ratio.double().expm1() - log_ratio.double())
    textbook = float((log_ratio.exp() - 1) - log_ratio)
    assert f"comes out as {textbook:.2e}; it is {right:.2e}" in README
    assert float(log_ratio.expm1() - log_ratio) == pytest.approx(right, rel=1e-3)


def test_stale_samples() -> None:
    row = rows("N(0, 1)", "N(0.5, 1)", "k1", "ratio*k1", "ratio*k3", sampler="N(0.25, 1)")
    assert mean_over_true(row["k1"]) == pytest.approx(0, abs=1e-12)
    assert row["ratio*k1"].exact_bias_over_true == row["ratio*k3"].exact_bias_over_true == 0
    assert f"averages to 0 for a KL of {row['k1'].true:g}" in README
