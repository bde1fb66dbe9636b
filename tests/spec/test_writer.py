"""The resolved spec reads back to an equal one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klbench.spec import builtin
from klbench.spec.model import Spec
from klbench.spec.read import read_spec, read_text
from klbench.spec.starter import STARTER

FULL = """\
name: full
description: "# a: 'text' µ"
samples: 2.5k
estimators: [k1, ratio*k3]
dtype: float32
pairs:
  - q: {Normal: {loc: "{mu}", scale: 0.1}}
    p: 0.3*N(0, 1) + 0.7*N(1e-300, 1e300)
    sampler: (0.5*N(0, 1) + 0.5*N(1, 1))
    grid: {mu: {logspace: [1e-5, 3, 7]}}
    expect: {k1: {mean: {value: 1e-7, within: 1e22}}}
"""
GRADIENT = """\
name: gradient
measure: gradient
estimators: [k1, verl:low_var_kl+]
placements: reward
weightings: [ratio, none]
parameters: [scale, loc]
baseline: mean
batch: 1e3
dtype: [bfloat16, float64]
pairs: [{q: "N(0, 1)", p: "N(1, 1)"}]
"""


@pytest.mark.parametrize("text", [FULL, GRADIENT, STARTER, *map(builtin.text, builtin.names())])
def test_a_resolved_spec_reads_back(text: str) -> None:
    spec = read_text(text, "x")
    assert read_text(spec.to_yaml(), "resolved") == spec
    assert read_text(spec.to_yaml(), "resolved").to_yaml() == spec.to_yaml()


def test_a_resolved_spec_is_readable() -> None:
    assert read_spec("schulman", ["description="]).to_yaml().splitlines()[:11] == [
        "name: schulman",
        "measure: value",
        "samples: 10000000",
        "seed: 0",
        "dtype: float64",
        "estimators: [k1, k2, k3]",
        "pairs:",
        "- name: close",
        "  q: Normal(loc=0, scale=1)",
        "  p: Normal(loc=0.1, scale=1)",
        "  expect:",
    ]


def test_a_resolved_gradient_spec_is_readable() -> None:
    assert read_text(GRADIENT, "x").to_yaml().splitlines()[1:12] == [
        "measure: gradient",
        "samples: 1000000",
        "seed: 0",
        "dtype: [bfloat16, float64]",
        "estimators: [k1, 'verl:low_var_kl+']",
        "placements: [reward]",
        "weightings: [ratio, none]",
        "parameters: [scale, loc]",
        "baseline: mean",
        "batch: 1000",
        "pairs:",
    ]


def test_what_depends_on_the_estimator_stays_unwritten() -> None:
    minimal = "name: x\nmeasure: gradient\nestimators: [k1]\npairs:\n- {q: 'N(0, 1)', p: 'N(1, 1)'}\n"
    assert read_text(minimal, "x").to_yaml() == (
        "name: x\nmeasure: gradient\nsamples: 1000000\nseed: 0\ndtype: float64\nestimators: [k1]\nbaseline: none\n"
        "pairs:\n- {name: 'Normal(0, 1) vs Normal(1, 1)', q: 'Normal(loc=0, scale=1)', p: 'Normal(loc=1, scale=1)'}\n"
    )


def _spec(name: str, description: str, pair: str, values: list[float], seed: int) -> Spec:
    return Spec.model_validate(
        {
            "name": name,
            "description": description,
            "seed": seed,
            "estimators": ["k1"],
            "pairs": [{"name": pair, "q": "N(0, 1)", "p": "N({mu}, 1)", "grid": {"mu": values}}],
        }
    )


NAMES = st.one_of(
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{3,20}", fullmatch=True),
    st.sampled_from(["1e7", "null", "yes", "_", "1-"]),
)
TEXTS = st.one_of(
    st.text(min_size=1).filter(lambda text: text.strip() and text.isprintable()),
    st.sampled_from(["1e7", "null", "true", "a\nb", "a\n\n b\t\n", " - a ", "a: b", "*a", "{q}", "# x", "'", '"']),
)
PAIRS = TEXTS.filter(
    lambda text: text.isprintable() and len(text) <= 100 and not text.lstrip().startswith(tuple("=+-@＝＋－＠"))
)
VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, unique=True)


@given(NAMES, TEXTS, PAIRS, VALUES, st.integers(0, 2**63 - 1))
def test_any_spec_reads_back(name: str, description: str, pair: str, values: list[float], seed: int) -> None:
    spec = _spec(name, description, pair, values, seed)
    assert read_text(spec.to_yaml(), "resolved") == spec
