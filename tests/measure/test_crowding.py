"""Draws too near to an end of the support for float64: how many there are, by SciPy's distribution functions."""

from __future__ import annotations

import sys
from math import sqrt

import pytest
from scipy import stats

from klbench.runner import run
from klbench.spec.read import read_text

TINY, NEXT_TO_ONE = sys.float_info.min, 1 - 2.0**-53
SHARES = {
    "Gamma(0.003, 1)": stats.gamma.cdf(TINY, 0.003),
    "Gamma(0.003, 1)**5": stats.gamma.cdf(TINY, 0.003),
    "0.5*Gamma(0.003, 1) + 0.5*Gamma(1, 1)": stats.gamma.cdf(TINY, 0.003) / 2,
    "Beta(0.004, 2)": stats.beta.cdf(TINY, 0.004, 2),
    "Beta(2, 0.05)": stats.beta.sf(NEXT_TO_ONE, 2, 0.05),
    "LogNormal(0, 400)": 2 * stats.norm.cdf(-709.7 / 400),
}
SAMPLES = 2**16


def notes(q: str, sampler: str | None = None) -> str:
    more = f", sampler: '{sampler}'" if sampler else ""
    spec = f"name: t\nsamples: 100\nestimators: [k1]\npairs: [{{q: '{q}', p: '{q}'{more}}}]\n"
    return " ".join(run(read_text(spec), device="cpu", threads=1).cases[0].notes)


@pytest.mark.parametrize("q", SHARES)
def test_the_share_of_draws_next_to_an_end_is_told(q: str) -> None:
    """At 5 binomial standard errors (and the 3 digits told) one in 10^6 of these fails by chance."""
    told = float(notes(q).partition("% of the draws were rounded to the edge")[0].split()[-1]) / 100
    share = float(SHARES[q])
    assert abs(told - share) < 5 * sqrt(share * (1 - share) / SAMPLES) + 0.0006


@pytest.mark.parametrize("q", ["N(0, 1)", "Uniform(0, 1)", "Beta(0.5, 0.5)", "Gamma(0.05, 1)", "HalfNormal(1)"])
def test_where_there_is_room_nothing_is_said(q: str) -> None:
    assert "rounded to the edge" not in notes(q)


def test_it_is_the_sampler_that_draws() -> None:
    assert "rounded to the edge" not in notes("Gamma(0.003, 1)", "Gamma(1, 1)")
    assert "rounded to the edge" in notes("Gamma(1, 1)", "Gamma(0.003, 1)")
