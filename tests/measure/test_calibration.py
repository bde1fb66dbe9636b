"""Over many seeds, what is divided by its error bar is standard normal: mean 0, spread 1, the whole distribution.

At this number of runs an error bar that is short by about 30% (a variance twice the nominal) is caught. Seeds are 0
to RUNS - 1, all of them. Of n independent standard normal z, √n·mean is standard normal, Σz² is chi-squared with n
degrees of freedom, and Kolmogorov-Smirnov gives the whole shape. Each of the tests below is two-sided at FALSE_ALARM
/ (number of tests), so that a correct klbench fails this file, over all of its tests together, once in 1 /
FALSE_ALARM draws of the random streams (which are fixed: a run that passes keeps passing).

A z of finite n is not quite normal: skewness g of the value leaves E[z] = -g/(2√n) in a mean and more in a standard
deviation. SLACK is room for that, in units of z, for the sample size used here.
"""

from __future__ import annotations

from functools import cache
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from klbench.runner import run
from klbench.spec.read import read_text

RUNS = 64
SAMPLES = 20_000
FALSE_ALARM = 1e-4
SLACK = 0.05
PAIRS = {
    "normal": ("N(0, 1)", "N(0.5, 1)", None, "k2"),
    "poisson": ("Poisson(3)", "Poisson(4)", None, "k2"),
    "coin": ("Bernoulli(0.5)", "Bernoulli(0.7)", None, "k1"),
    "stale": ("N(0, 1)", "N(0.5, 1)", "N(0.2, 1)", "ratio*k1"),
}
# a coin's k1 is in the span of its controls; its spread has kurtosis 1, so the error of that is of order 1/n, no normal
LEFT_OUT = {("coin", "regressed"), ("coin", "stdev")}
CASES = [(name, kind) for name in PAIRS for kind in ("bias", "stdev", "regressed") if (name, kind) not in LEFT_OUT]
TESTS = 3 * len(CASES)
LEVEL = FALSE_ALARM / TESTS


@cache
def z_scores(name: str) -> dict[str, np.ndarray]:
    """The z of every seed: of the bias, of the standard deviation and of the regressed bias."""
    q, p, sampler, estimator = PAIRS[name]
    scores: dict[str, list[float]] = {"bias": [], "stdev": [], "regressed": []}
    for seed in range(RUNS):
        pair = f'{{q: "{q}", p: "{p}"' + (f', sampler: "{sampler}"}}' if sampler else "}")
        text = f'name: calibration\nsamples: {SAMPLES}\nseed: {seed}\nestimators: ["{estimator}"]\npairs: [{pair}]\n'
        ((_, row),) = run(read_text(text), device="cpu", threads=1).rows()
        scores["bias"].append(row.z_bias)
        scores["stdev"].append(row.z_stdev)
        scores["regressed"].append((row.bias_over_true_cv - row.exact_bias_over_true) / row.bias_over_true_cv_mcse)
    return {kind: np.array(values) for kind, values in scores.items()}


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_every_error_bar_is_as_long_as_it_says(name: str, kind: str) -> None:
    scores = z_scores(name)[kind]
    assert np.isfinite(scores).all()
    assert abs(scores.mean()) <= stats.norm.isf(LEVEL / 2) / sqrt(RUNS) + SLACK
    low, high = stats.chi2.ppf([LEVEL / 2, 1 - LEVEL / 2], RUNS)
    assert low * (1 - SLACK) <= (scores**2).sum() <= high * (1 + SLACK)
    # a shift of the mean by SLACK moves the distribution function by at most SLACK times the density's largest value
    assert stats.kstest(scores, "norm").statistic <= stats.kstwo.isf(LEVEL, RUNS) + SLACK * stats.norm.pdf(0)
