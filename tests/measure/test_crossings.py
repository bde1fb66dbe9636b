"""Where noise crosses, to six digits, against roots that SciPy finds of formulas written here."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, expm1, isnan, sqrt

import numpy as np
import pytest
from scipy.optimize import brentq

from klbench.measure.crossings import Crossing, crossings, noise, root
from klbench.measure.known import Known, known
from klbench.runner import run
from klbench.spec.read import read_text

SIX_DIGITS = 5e-7


def found(text: str, figure: Callable[[Known], float] = noise) -> dict[tuple[str, str], Crossing]:
    spec = read_text(text)
    (pair,) = spec.pairs
    points = [
        (next(iter(case.parameters.values())), {line.called: line for line in known(spec, case)})
        for case in spec.cases()
    ]
    return {(each.lower, each.upper): each for each in crossings(spec, pair, points, figure)}


GAUSSIANS = """
name: shift
samples: 1000
estimators: [k1, k2, k3]
pairs: [{name: shift, q: "N(0, 1)", p: "N({mu}, 1)", grid: {mu: [0.1, 0.5, 1, 2]}}]
"""
LOGITS = [8, 6, 5, 4, 3, 2, 1, 0, 0, 0]
TOKENS = f"""
name: tokens
samples: 1000
estimators: [k1, k3]
pairs:
  - q: Categorical(logits={LOGITS})
    p: Categorical(logits=[8, 6.2, 5, 4, 3, 2, 1, 0, 0, {{b}}])
    grid: {{b: [4, 0, 2.5, 1]}}
"""


def test_of_gaussians() -> None:
    """With t = mu², Var k1 = t, Var k2 = t + t²/2 − t²·0... by hand below; k1 and k3 meet where exp(t) − 1 = 2t."""
    t = brentq(lambda t: expm1(t) - 2 * t, 0.5, 3, xtol=1e-14)
    crossing = found(GAUSSIANS)["k3", "k1"]
    assert crossing.value == pytest.approx(sqrt(t), rel=SIX_DIGITS)
    assert crossing.kl == pytest.approx(t / 2, rel=SIX_DIGITS)
    assert f"{crossing.kl:.6g}" == "0.628216"


def test_of_the_error_at_some_number_of_samples() -> None:
    """k2 has bias t²/8 and variance t²/2 + t·(t/2)²: log r is normal with mean −t/2 and variance t."""
    n = 1000

    def apart(t: float) -> float:
        k2 = t**2 / 8 * t**0  # E ½L² = ½(t + t²/4) = KL + t²/8
        variance = (t**2 + t * t**2 / 2) / 2  # Var ½L² = ¼(2t² + 4t·(t/2)²)
        return k2**2 + variance / n - t / n

    t = brentq(apart, 0.01, 1.5, xtol=1e-14)
    crossing = found(GAUSSIANS, lambda line: line.error(n))["k2", "k1"]
    assert crossing.value == pytest.approx(sqrt(t), rel=SIX_DIGITS)


def probabilities(logits: list[float]) -> np.ndarray:
    weights = np.exp(np.array(logits))
    return weights / weights.sum()


def of_tokens(b: float) -> tuple[float, float, float]:
    """(KL, stdev of k1, stdev of k3)."""
    q, p = probabilities(LOGITS), probabilities([8, 6.2, 5, 4, 3, 2, 1, 0, 0, b])
    k1 = -np.log(p / q)
    k3 = p / q - 1 + k1
    kl = float(q @ k1)
    return kl, sqrt(q @ k1**2 - kl**2), sqrt(q @ k3**2 - kl**2)


def test_of_ten_tokens() -> None:
    b = brentq(lambda b: np.subtract(*of_tokens(b)[1:]), 1, 2.5, xtol=1e-14)
    crossing = found(TOKENS)["k3", "k1"]
    assert crossing.value == pytest.approx(b, rel=SIX_DIGITS)
    assert crossing.kl == pytest.approx(of_tokens(b)[0], rel=SIX_DIGITS)
    assert f"{crossing.kl:.3g}" == "0.00327"


def test_of_gradients() -> None:
    """As a loss × ratio, k1 and k3 both descend the KL; at p = q k3 has no noise, and far out more than k1."""
    text = """
name: g
measure: gradient
estimators: [k1, k3]
placements: [loss]
weightings: [ratio]
pairs: [{q: "N(0, 1)", p: "N({mu}, 1)", grid: {mu: [0.5, 4]}}]
"""
    assert set(found(text)) == {("k3 (loss × ratio)", "k1 (loss × ratio)")} or not found(text)


def test_a_run_says_it_in_a_note() -> None:
    results = run(read_text(GAUSSIANS), device="cpu", threads=1)
    (note,) = {note for case in results.cases for note in case.notes if "same noise" in note}
    assert note == (
        "k3 and k1 have the same noise at mu = 1.12091, where KL(q‖p) = 0.628216; below that k3 has less, above k1."
    )


@pytest.mark.parametrize(
    "grid",
    ["{mu: [0.1, 0.5]}", "{mu: [0.1, 2], nu: [1, 2]}", "{mu: [2]}"],
    ids=["one side", "two parameters", "one value"],
)
def test_where_nothing_crosses_nothing_is_said(grid: str) -> None:
    scale = "{nu}" if "nu" in grid else "1"
    pair = f"{{q: 'N(0, 1)', p: 'N({{mu}}, {scale})', grid: {grid}}}"
    text = f"name: x\nsamples: 100\nestimators: [k1, k3]\npairs: [{pair}]\n"
    assert not [
        note for case in run(read_text(text), device="cpu").cases for note in case.notes if "same noise" in note
    ]


@pytest.mark.parametrize(
    ("function", "low", "high", "at"),
    [
        (lambda x: x**3 - 2, 0.0, 5.0, 2 ** (1 / 3)),
        (lambda x: exp(20 * x) - 2, -3.0, 3.0, np.log(2) / 20),
        (lambda x: x, -1.0, 3.0, 0.0),
        (lambda x: 1 - x, 0.0, 1e6, 1.0),
    ],
)
def test_a_root_is_found(function: Callable[[float], float], low: float, high: float, at: float) -> None:
    assert root(function, low, high) == pytest.approx(at, rel=1e-8, abs=1e-8)


def test_no_root_is_found_where_the_signs_are_the_same() -> None:
    assert isnan(root(lambda x: x * x + 1, -1.0, 1.0))
