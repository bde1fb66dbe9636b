"""The mass that samples never show, by SciPy's distribution functions."""

from __future__ import annotations

import pytest
from scipy import stats

from klbench.distributions.build import build
from klbench.measure.truth import mass_off
from klbench.spec.expression import parse

NORMAL = stats.norm()
MASSES = {
    ("Uniform(-3, 3)", "N(0, 1)"): 2 * NORMAL.sf(3),
    ("Uniform(0, 1)", "N(0, 1)"): 1 - (NORMAL.cdf(1) - NORMAL.cdf(0)),
    ("Beta(2, 2)", "N(0, 1)"): 1 - (NORMAL.cdf(1) - NORMAL.cdf(0)),
    ("Uniform(-3, 3)", "Cauchy(0, 1)"): 2 * stats.cauchy.sf(3),
    ("Uniform(-3, 3)", "StudentT(3)"): 2 * stats.t(3).sf(3),
    ("Exponential(1)", "N(0, 1)"): 0.5,
    ("Uniform(0, 1)", "Uniform(0, 2)"): 0.5,
    ("0.5*Uniform(0, 1) + 0.5*Uniform(2, 3)", "N(1, 1)"): 1 - float(NORMAL.cdf([0, -1, 2, 1]) @ [1, -1, 1, -1]),
    ("N(0, 1)", "Exponential(1)"): 0.0,
    ("Categorical([0.5, 0.5, 0])", "Categorical([0.2, 0.3, 0.5])"): 0.5,
}


@pytest.mark.parametrize(("seen", "other"), MASSES)
def test_the_mass_off_a_support(seen: str, other: str) -> None:
    found = mass_off(build(parse(seen), "cpu"), build(parse(other), "cpu"))
    assert found == pytest.approx(MASSES[seen, other], rel=1e-8, abs=1e-12)
