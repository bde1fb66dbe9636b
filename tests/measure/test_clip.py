"""The largest importance weight, of single draws: value and gradient, exact and sampled, against numpy's sums."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

import klbench

PAIRS = {
    "three tokens": ("Categorical([0.2, 0.3, 0.5])", "Categorical([0.4, 0.3, 0.3])", "Categorical([0.3, 0.3, 0.4])"),
    "a line": ("N(0, 1)", "N(0.3, 1)", "N(0.2, 1.2)"),
    "a narrow sampler": ("N(0, 1)", "N(0.3, 1)", "N(0, 0.6)"),
}
CLIPS = (0.5, 1.05, 1.2, 3)


def points(pair: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(probabilities under the sampler, q/sampler, log r, score in the first parameter)."""
    if pair == "three tokens":
        q, p, base = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.3, 0.3]), np.array([0.3, 0.3, 0.4])
        return base, q / base, np.log(p / q), np.array([1.0, 0, 0]) - 0.2
    mean, spread = (0.2, 1.2) if pair == "a line" else (0.0, 0.6)
    x = np.linspace(-14, 14, 2_000_001)
    log_base = -(((x - mean) / spread) ** 2) / 2 - log(spread)
    base = np.exp(log_base)
    return base / base.sum(), np.exp(-(x**2) / 2 - log_base), 0.3 * x - 0.045, x


def spec(pair: str, more: str) -> str:
    q, p, sampler = PAIRS[pair]
    return f'name: clip\nsamples: 200000\n{more}\npairs: [{{q: "{q}", p: "{p}", sampler: "{sampler}"}}]\n'


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("clip", CLIPS)
def test_values(pair: str, clip: float) -> None:
    run = klbench.run(klbench.read_text(spec(pair, f"estimators: [ratio*k1, ratio*k3]\nclip: {clip}")), device="cpu")
    base, weight, log_r, _ = points(pair)
    for row, value in zip(run.cases[0].rows, (-log_r, np.expm1(log_r) - log_r), strict=True):
        values = np.minimum(weight, clip) * value
        mean = base @ values
        assert row.exact_bias_over_true == pytest.approx(mean / row.true - 1, abs=1e-7)
        assert row.exact_stdev_over_true == pytest.approx(np.sqrt(base @ (values - mean) ** 2) / row.true, rel=1e-6)
        assert abs(row.z_bias) < 5
        assert abs(row.z_stdev) < 5


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("weighting", ["ratio", "detached"])
def test_gradients(pair: str, clip: float, weighting: str) -> None:
    """k3 in the loss: r − 1 times the weight, and k3 times the slope of the weight, which is 0 where it is cut off."""
    more = f"measure: gradient\nestimators: [k3]\nplacements: [loss]\nweightings: [{weighting}]\nclip: {clip}"
    run = klbench.run(klbench.read_text(spec(pair, more)), device="cpu")
    (row,) = run.cases[0].rows
    base, weight, log_r, score = points(pair)
    coefficient = np.minimum(weight, clip) * -np.expm1(log_r)
    if weighting == "ratio":
        coefficient = coefficient + np.where(weight > clip, 0, weight) * (np.expm1(log_r) - log_r)
    values = coefficient * score
    assert row.components is not None
    assert row.components.exact[0] == pytest.approx(base @ values, rel=1e-6, abs=1e-9)
    first = abs(row.components.mean[0] - row.components.exact[0])
    assert first < 5 * np.sqrt(base @ (values - base @ values) ** 2 / 200_000)
