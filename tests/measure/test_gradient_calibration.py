"""Over many seeds, what a gradient row divides by its error bar is standard normal, through a whole run.

Seeds are 0 to RUNS − 1, all of them. Of RUNS independent z, √RUNS · mean is standard normal and Σz² chi-squared. Each
assertion is two-sided at FALSE_ALARM / TESTS, so that a correct klbench fails this file once in 1 / FALSE_ALARM draws
of the random streams. SLACK, in units of z, is room for what the skewness of a finite sample leaves. A bias that is 0
is measured as a length, which is never negative: its bars may be long there, and must not be short.
"""

from __future__ import annotations

from functools import cache
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from klbench.row import Row
from tests.measure.gradient_run import gradient_case, rows_of

RUNS, SAMPLES = 100, 20_000
FALSE_ALARM = 1e-5
SLACK = 0.1
TWENTY = tuple(
    "Categorical(logits=[" + ", ".join(f"{((step * i + start) % 20) / 10}" for i in range(20)) + "])"
    for step, start in ((7, 0), (11, 3), (7, 1))
)
THREE = ("Categorical(logits=[0, 1, 2])", "Categorical(logits=[0.5, 1, 1.4])")
# q, p, sampler, estimator, placement, weighting, whether the gradient is that of the target
CASES = {
    "one component": ("Bernoulli(0.3)", "Bernoulli(0.5)", None, "k3", "loss", "none", False),
    "one component, unbiased": ("Bernoulli(0.3)", "Bernoulli(0.5)", None, "k2", "loss", "none", True),
    "three components": (*THREE, None, "k2", "reward", "none", False),
    "three components, unbiased": (*THREE, None, "k1", "reward", "none", True),
    "twenty components": (TWENTY[0], TWENTY[1], None, "k3", "loss", "none", False),
    "twenty components, unbiased": (TWENTY[0], TWENTY[1], None, "k1", "reward", "none", True),
    "twenty components, stale": (TWENTY[0], TWENTY[1], TWENTY[2], "abs", "loss", "ratio", False),
}
BIASED = [name for name, case in CASES.items() if not case[-1]]
TESTS = 2 * (2 * len(CASES) + 2 * len(BIASED))
LEVEL = FALSE_ALARM / TESTS


@cache
def rows(name: str) -> tuple[Row, ...]:
    q, p, sampler, estimator, placement, weighting, _ = CASES[name]
    more = f"placements: [{placement}]\nweightings: [{weighting}]"
    return tuple(
        rows_of(gradient_case(q, p, sampler, estimators=f"[{estimator}]", more=more, samples=SAMPLES, seed=seed))[0]
        for seed in range(RUNS)
    )


def assert_standard_normal(z: np.ndarray) -> None:
    assert np.isfinite(z).all()
    assert abs(z.mean()) <= stats.norm.isf(LEVEL / 2) / sqrt(len(z)) + SLACK
    low, high = stats.chi2.ppf([LEVEL / 2, 1 - LEVEL / 2], len(z))
    assert low * (1 - 2 * SLACK) <= (z**2).sum() <= high * (1 + 2 * SLACK)


@pytest.mark.parametrize("name", BIASED)
def test_of_the_bias(name: str) -> None:
    assert_standard_normal(np.array([row.z_bias for row in rows(name)]))


@pytest.mark.parametrize("name", [name for name in CASES if name not in BIASED])
def test_of_no_bias_the_bars_are_not_short(name: str) -> None:
    z = np.array([row.z_bias for row in rows(name)])
    assert (z >= 0).all()
    assert (z**2).sum() <= stats.chi2.isf(LEVEL, RUNS)
    assert z.max() < stats.norm.isf(LEVEL / RUNS)


# a coin's gradient has one of two lengths: kurtosis near 1, so the error of its spread is of a smaller order, no normal
@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("one")])
def test_of_the_noise(name: str) -> None:
    assert_standard_normal(np.array([row.z_stdev for row in rows(name)]))


@pytest.mark.parametrize("name", [name for name in BIASED if not name.startswith("one")])
def test_of_the_cosine(name: str) -> None:
    assert_standard_normal(np.array([row.z_cosine for row in rows(name)]))


@pytest.mark.parametrize("name", CASES)
def test_of_a_component(name: str) -> None:
    """One of them, the last: those of a row are not independent."""
    z = [
        (row.components.mean[-1] - row.components.exact[-1]) / row.components.mean_mcse[-1]
        for row in rows(name)
        if row.components is not None
    ]
    assert len(z) == RUNS
    assert_standard_normal(np.array(z))
