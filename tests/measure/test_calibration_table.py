"""Over a table of pairs, near and far, light and heavy, on- and off-policy: no error bar without a mark is too short.

Each pair runs with the seeds 0 to RUNS − 1, all of them. For each estimator, precision and measured column, the z of
the runs without a mark must look like RUNS draws of a standard normal, or of something narrower: an error bar is at
least what the exact noise makes it, so it is long where a sample missed its rare draws. So √n·mean is bounded on both
sides, Σz² from above, and the largest |z| too. Where the values are light-tailed (LIGHT) Σz² is bounded from below as
well.

Each assertion fails by chance with probability FALSE_ALARM / ASSERTIONS at most, so a correct klbench fails this file,
over all of its tests together, once in 1 / FALSE_ALARM draws of the random streams. SLACK is room for what the skewness
of a finite sample leaves in a z. The exact answers are the same for every seed and are computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import sqrt
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
from scipy import stats

from klbench.estimators.estimator import Estimator
from klbench.measure import setting
from klbench.measure.kind import Kind
from klbench.measure.plan import Plan
from klbench.problems.pair import Pair
from klbench.row import Row
from klbench.runner import run
from klbench.spec.read import read_text
from klbench.tolerances import TRUSTED

RUNS = 40
SAMPLES = 20_000
FALSE_ALARM = 1e-4
ASSERTIONS = 4_000
LEVEL = FALSE_ALARM / ASSERTIONS
SLACK = 0.1


class Tried(NamedTuple):
    """A pair of the table; ``stale`` is the sampler, ``dtypes`` the precisions."""

    q: str
    p: str
    stale: str | None = None
    dtypes: tuple[str, ...] = ("float64",)


ALL = ("float64", "float32", "bfloat16")
SIX = ("Categorical([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])", "Categorical([0.39, 0.26, 0.14, 0.105, 0.06, 0.045])")
LOST = (
    "Categorical([0.4, 0.3, 0.2, 0.0999998, 1e-7, 1e-7])",
    "Categorical([0.3, 0.3, 0.2, 0.1, 0.05, 0.05])",
)
LIGHT = {
    "normal, near": Tried("N(0, 1)", "N(0.1, 1)", dtypes=ALL),
    "normal, wider": Tried("N(0, 1)", "N(0, 1.3)"),
    "laplace": Tried("Laplace(0, 1)", "Laplace(0.2, 1)"),
    "gamma, near": Tried("Gamma(2, 1)", "Gamma(2.2, 1)"),
    "normal, apart": Tried("N(0, 1)", "N(1, 1)", dtypes=ALL),
    "six tokens": Tried(*SIX, dtypes=ALL),
    "geometric": Tried("Geometric(0.3)", "Geometric(0.4)"),
    "normal, stale": Tried("N(0, 1)", "N(0.5, 1)", "N(0.2, 1)", dtypes=ALL),
    "three tokens, stale": Tried(
        "Categorical([0.5, 0.3, 0.2])", "Categorical([0.2, 0.3, 0.5])", "Categorical([0.3, 0.3, 0.4])", dtypes=ALL
    ),
    "exponential, stale": Tried("Exponential(1)", "Exponential(1.5)", "Exponential(0.8)"),
}
HEAVY = {
    "exponential": Tried("Exponential(1)", "Exponential(0.7)"),
    "poisson": Tried("Poisson(3)", "Poisson(4)"),
    "coin": Tried("Bernoulli(0.5)", "Bernoulli(0.7)"),
    "beta": Tried("Beta(2, 3)", "Beta(3, 2)"),
    "normal, far": Tried("N(0, 1)", "N(3, 1)", dtypes=ALL),
    "normal, out of sight": Tried("N(0, 1)", "N(8, 1)"),
    "a token lost": Tried(*LOST, dtypes=ALL),
    "gamma, far": Tried("Gamma(1, 1)", "Gamma(4, 1)"),
    "rare part": Tried("0.999*N(0, 1) + 0.001*N(8, 1)", "0.9*N(0, 1) + 0.1*N(8, 1)"),
    "student": Tried("StudentT(3)", "StudentT(5)"),
    "cauchy": Tried("Cauchy(0, 1)", "Cauchy(1, 1)"),
    "laplace, normal": Tried("Laplace(0, 1)", "N(0, 1)"),
    "normal, student": Tried("N(0, 1)", "StudentT(2)"),
    "normal, far and stale": Tried("N(0, 1)", "N(3, 1)", "N(0.5, 1.2)"),
}
VALUES = LIGHT | HEAVY
ESTIMATORS = ("k1", "k2", "k3", "abs", "squared_hellinger", "chi2_pq")

GRADIENTS = {
    "normal, near": LIGHT["normal, near"],
    "normal, apart": LIGHT["normal, apart"],
    "normal, far": HEAVY["normal, far"],
    "gamma, near": LIGHT["gamma, near"],
    "six tokens": LIGHT["six tokens"],
    "three tokens, stale": LIGHT["three tokens, stale"],
    "a token lost": HEAVY["a token lost"],
    "student": HEAVY["student"],
    "poisson": HEAVY["poisson"],
    "normal, stale": LIGHT["normal, stale"],
}


def text(pair: Tried, seed: int, estimators: list[str], more: str = "") -> str:
    stale = f', sampler: "{pair.stale}"' if pair.stale else ""
    return (
        f"name: calibration\nsamples: {SAMPLES}\nseed: {seed}\ndtype: {list(pair.dtypes)}\n"
        f'estimators: {estimators}\n{more}pairs: [{{q: "{pair.q}", p: "{pair.p}"{stale}}}]\n'
    )


@contextmanager
def exact_answers_once() -> Iterator[None]:
    """Of one pair, whatever the seed: what needs no samples is computed for the first of the runs only."""
    made: list[Kind] = []
    kinds = Plan.kinds

    def remembering(plan: Plan, pair: Pair, estimators: Mapping[str, Estimator]) -> tuple[Kind, ...]:
        found = kinds(plan, pair, estimators)
        if made:
            for kind, first in zip(found, made, strict=True):
                exact = ("_known", "_targets", "_regressions", "gradients")
                vars(kind).update({name: vars(first)[name] for name in exact if name in vars(first)})
        else:
            made.extend(found)
        return found

    with (
        patch.object(Plan, "kinds", remembering),
        patch.object(setting, "true_of", _first_of(setting.true_of)),
        patch.object(setting.Unseen, "of", staticmethod(_first_of(setting.Unseen.of))),
    ):
        yield


def _first_of(function: Callable[..., object]) -> Callable[..., object]:
    memory: list[object] = []

    def remembered(*arguments: object) -> object:
        if not memory:
            memory.append(function(*arguments))
        return memory[0]

    return remembered


def is_marked(row: Row) -> bool:
    return row.misses_rare_draws or (row.khat > TRUSTED and not row.confirmed)


Scores = Mapping[tuple[str, ...], np.ndarray]


def scores(pair: Tried, estimators: list[str], columns: tuple[str, ...], more: str = "") -> Scores:
    """The z of every run without a mark, for each row and column."""
    found: dict[tuple[str, ...], list[float]] = {}
    with exact_answers_once():
        for seed in range(RUNS):
            for _, row in run(read_text(text(pair, seed, estimators, more)), device="cpu", threads=1).rows():
                place = (row.placement, row.weighting) if row.is_gradient else ()
                unbiased = ("unbiased",) if row.is_gradient and row.exact_bias_over_true == 0 else ()
                for column in columns:
                    z = getattr(row, column)
                    if np.isfinite(z) and not is_marked(row):
                        found.setdefault((row.estimator, *place, row.dtype, column, *unbiased), []).append(z)
    return {key: np.array(each) for key, each in found.items()}


def short(z: np.ndarray) -> str:
    """What is wrong with scores that come from error bars which are too short; empty where nothing is."""
    count = len(z)
    center, width = abs(z.mean()) - SLACK, stats.norm.isf(LEVEL / 2) / sqrt(count)
    if center > width:
        return f"mean {z.mean():.3f} of {count}"
    if (z**2).sum() > stats.chi2.isf(LEVEL, count) * (1 + SLACK):
        return f"mean square {np.mean(z**2):.3f} of {count}"
    largest = np.abs(z).max()
    return f"largest {largest:.2f} of {count}" if largest > stats.norm.isf(LEVEL / (2 * count)) + SLACK else ""


def long(z: np.ndarray) -> str:
    """What is wrong with scores that come from error bars which are too long; empty where nothing is."""
    is_long = (z**2).sum() < stats.chi2.ppf(LEVEL, len(z)) * (1 - SLACK)
    return f"mean square {np.mean(z**2):.3f} of {len(z)}" if is_long else ""


@pytest.mark.parametrize("name", VALUES)
def test_of_values(name: str) -> None:
    pair = VALUES[name]
    weight = "ratio*" if pair.stale else ""
    found = scores(pair, [weight + each for each in ESTIMATORS], ("z_bias", "z_stdev", "z_bias_cv"))
    assert {(f"{weight}k1", "float64", column) for column in ("z_bias", "z_stdev")} <= set(found)
    assert not {key: wrong for key, z in found.items() if (wrong := short(z))}
    if name in LIGHT:
        assert not {key: wrong for key, z in found.items() if (wrong := long(z))}


@pytest.mark.parametrize("name", GRADIENTS)
def test_of_gradients(name: str) -> None:
    more = "measure: gradient\nplacements: [loss, reward]\n" + (
        "weightings: [ratio]\n" if GRADIENTS[name].stale else ""
    )
    found = scores(GRADIENTS[name], ["k1", "k2", "k3"], ("z_bias", "z_stdev", "z_cosine"), more)
    assert found
    # of a bias that is 0 the measured one is a length: never negative, so its mean is not 0; only its spread is held
    lengths = {key: z for key, z in found.items() if "unbiased" in key and "z_bias" in key}
    assert not {key: wrong for key, z in lengths.items() if (wrong := short(z - z.mean()))}
    assert not {key: wrong for key, z in found.items() if key not in lengths and (wrong := short(z))}


def test_the_table_is_as_large_as_its_failure_rate_says() -> None:
    columns = sum(
        3 * len(ESTIMATORS) * len(pair.dtypes) * (4 if pair in LIGHT.values() else 3) for pair in VALUES.values()
    )
    columns += sum(3 * 6 * len(pair.dtypes) * 3 for pair in GRADIENTS.values())
    assert columns <= ASSERTIONS


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_the_check_sees_error_bars_of_half_and_of_three_times_the_length(factor: float) -> None:
    z = stats.norm.ppf((np.arange(RUNS) + 0.5) / RUNS) / factor
    assert bool(short(z)) is (factor < 1)
    assert bool(long(z)) is (factor > 1)
