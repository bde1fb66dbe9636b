"""Self-normalised weights: by their definition over all sequences, by the roads against each other, and by samples."""

from __future__ import annotations

from math import fsum, isfinite, prod, sqrt

import numpy as np
import pytest
import torch

import klbench
from klbench.derived.measured import at_level, ratio_of
from klbench.errors import SpecError
from klbench.estimators.catalogue import find
from klbench.roads.exact import exact
from klbench.roads.ratio_sums import RatioAccumulator
from tests.sequences.cases import CASES
from tests.sequences.enumerated import ESTIMATORS, LEVELS, log_ratio
from tests.sequences.policies import Trio
from tests.sequences.runs import built, by_cell, run_of, spec_of, too_many_to_list
from tests.sequences.test_values import of_level

NAMES = tuple(
    f"self-normalised-{weight}*{name}"
    for weight in ("ratio", "ratio-sequence", "ratio-geometric")
    for name in ("k1", "k3")
)
PAIRS = ("chain with eos, sampler", "tree, sampler", "chain with eos")
each_pair = pytest.mark.parametrize("case", PAIRS)
each_level = pytest.mark.parametrize(("level", "aggregation"), LEVELS)


def units(trio: Trio, name: str, level: str, aggregation: str) -> np.ndarray:
    """Of every sequence: its probability, weighted value, weight, number of values, as the aggregation has them."""
    weight, _, estimator = name.removeprefix("self-normalised-").partition("*")
    function, rows = ESTIMATORS[estimator][1], []
    for steps in trio.sequences():
        prob = prod(step.sampler for step in steps)
        if not prob:
            continue
        ratios, own = [log_ratio(step.q, step.p) for step in steps], [step.q / step.sampler for step in steps]
        length = len(steps)
        whole = prod(own)
        shared = {"ratio-sequence": whole, "ratio-geometric": whole ** (1 / length)}.get(weight)
        if level == "sequence":
            scope = whole if shared is None else shared
            rows.append((prob, scope * function(fsum(ratios)), scope, 1))
            continue
        values = [function(ratio) for ratio in ratios]
        weights = own if shared is None else [shared] * length
        total = fsum(w * v for w, v in zip(weights, values, strict=True))
        if aggregation == "token-mean":
            rows.append((prob, total, fsum(weights), length))
        elif aggregation == "seq-mean-token-mean":
            rows.append((prob, total / length, fsum(weights) / length, 1))
        else:
            total = total / 7 if aggregation.endswith("norm") else total
            rows.append((prob, total, *((fsum(weights), length) if shared is None else (shared, 1))))
    return np.array(rows)


def by_definition(case: str, name: str, level: str, aggregation: str) -> tuple[float, float]:
    """The value over the mean weight, and √n times its error: what a tenth of a millionth more of a sequence moves."""
    rows = units(CASES[case], name, level, aggregation)

    def estimate(probs: np.ndarray) -> float:
        value, weight, count = (float(probs @ column) / probs.sum() for column in rows.T[1:])
        mean_weight = weight / count
        return value / (count if aggregation == "token-mean" else 1) / mean_weight

    probs, step = rows[:, 0], 1e-6
    slopes = []
    for index in range(len(probs)):
        more, less = probs.copy(), probs.copy()
        more[index] += step
        less[index] -= step
        slopes.append((estimate(more) - estimate(less)) / (2 * step))
    return estimate(probs), sqrt(float(probs @ np.square(slopes)))


@each_pair
@each_level
def test_the_exact_columns_are_the_definition(case: str, level: str, aggregation: str) -> None:
    for name in NAMES:
        found = exact(built(CASES[case]), at_level(find(name).term, of_level(level, aggregation)))
        assert found is not None
        mean, error = by_definition(case, name, level, aggregation)
        assert found.mean == pytest.approx(mean, rel=1e-9, abs=1e-12), name
        of_mean = found.of_mean if aggregation == "token-mean" else found.stdev
        assert of_mean == pytest.approx(error, rel=1e-5), name


@each_pair
def test_samples_are_where_the_exact_columns_are(case: str) -> None:
    rows = by_cell(run_of(spec_of(CASES[case], estimators=[*NAMES, "self-normalised-ratio*full"])).cases[0])
    known = [row for row in rows.values() if isfinite(row.z_bias)]
    assert len(known) >= len(NAMES) * len(LEVELS)
    for row in known:
        assert abs(row.z_bias) < 5, (row.estimator, row.level, row.aggregation)
        assert abs(row.z_stdev) < 5, (row.estimator, row.level, row.aggregation)


@each_pair
@each_level
def test_dynamic_programming_against_the_list(case: str, level: str, aggregation: str) -> None:
    pair, compared = built(CASES[case]), 0
    for name in (*NAMES, "self-normalised-ratio*k2"):
        measured = at_level(find(name).term, of_level(level, aggregation))
        listed = exact(pair, measured)
        with too_many_to_list():
            along = exact(pair, measured)
        assert listed is not None
        if along is None:
            continue
        compared += 1
        assert along.mean == pytest.approx(listed.mean, rel=1e-9, abs=1e-12), name
        if isfinite(along.stdev):
            assert along.stdev == pytest.approx(listed.stdev, rel=1e-7), name
        if isfinite(along.of_mean):
            assert along.of_mean == pytest.approx(listed.of_mean, rel=1e-7), name
    assert compared


@each_level
def test_a_jackknife_over_sequences_says_the_same(level: str, aggregation: str) -> None:
    pair, count = built(CASES["chain with eos, sampler"]), 600
    walks = pair.block(5, 0)(count)
    for name in NAMES:
        ratio = ratio_of(at_level(find(name).term, of_level(level, aggregation)))
        assert ratio is not None
        accumulator = RatioAccumulator((ratio,), torch.tensor([0.1], dtype=torch.float64), 10**5, pair.numbers)
        found = accumulator.sampled(accumulator.measure(pair, walks, None), 0)
        features = ratio.features(pair.log_probs(walks), 0.1)
        total = features.sum(0)
        left = [float(ratio.mean((total - one) / (count - 1), 0.1)) for one in features]
        spreads = [sqrt(float(ratio.variance((total - one) / (count - 1), 0.1))) for one in features]
        assert found.mean.value == pytest.approx(float(ratio.mean(total / count, 0.1)), rel=1e-12)
        assert found.mean.mcse == pytest.approx(sqrt(count - 1) * np.std(left), rel=0.02), name
        assert found.noise.mcse == pytest.approx(sqrt(count - 1) * np.std(spreads), rel=0.06), name


def test_where_weights_are_one_nothing_is_changed() -> None:
    rows = by_cell(run_of(spec_of(CASES["chain with eos"], estimators=["k3", "self-normalised-ratio*k3"])).cases[0])
    for level in LEVELS:
        plain, own = rows["k3", *level], rows["self-normalised-ratio*k3", *level]
        for column in ("mean", "mean_mcse", "stdev", "exact_stdev_over_true", "negative_fraction"):
            # a mean divides by n − 1, a ratio by n
            assert getattr(own, column) == pytest.approx(getattr(plain, column), rel=1e-4), (level, column)


def test_of_whole_sequences_it_estimates_the_target_of_every_aggregation_that_is_a_ratio_of_sums() -> None:
    """Also E[sum]/E[length] under q, which ratio-sequence* misses by the mean length."""
    rows = by_cell(
        run_of(
            spec_of(
                CASES["chain with eos, sampler"],
                estimators=["ratio-sequence*k1", "self-normalised-ratio-sequence*k1"],
            )
        ).cases[0]
    )
    own = rows["self-normalised-ratio-sequence*k1", "token", "token-mean"]
    assert own.exact_bias_over_true == pytest.approx(0, abs=1e-9)
    assert abs(rows["ratio-sequence*k1", "token", "token-mean"].exact_bias_over_true) > 0.01


SINGLE = """
name: single
samples: 100000
estimators: [self-normalised-ratio*k1, self-normalised-ratio*k3, "self-normalised-ratio*verl:low_var_kl"]
{more}
pairs: [{{q: "{q}", p: "{p}", sampler: "{sampler}"}}]
"""


@pytest.mark.parametrize("clip", [None, 1.2])
def test_single_draws(clip: float | None) -> None:
    """Three tokens, by hand."""
    q, p, sampler = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.3, 0.3]), np.array([0.3, 0.3, 0.4])
    text = SINGLE.format(
        more="" if clip is None else f"clip: {clip}",
        q="Categorical([0.2, 0.3, 0.5])",
        p="Categorical([0.4, 0.3, 0.3])",
        sampler="Categorical([0.3, 0.3, 0.4])",
    )
    rows = klbench.run(klbench.read_text(text), device="cpu").cases[0].rows
    weight = q / sampler if clip is None else np.minimum(q / sampler, clip)
    for row, value in zip(rows, (np.log(q / p), p / q - 1 - np.log(p / q), p / q - 1 - np.log(p / q)), strict=True):
        mean = (sampler @ (weight * value)) / (sampler @ weight)
        noise = sqrt(sampler @ (weight * (value - mean)) ** 2) / (sampler @ weight)
        assert row.true * (1 + row.exact_bias_over_true) == pytest.approx(mean, rel=1e-9)
        assert row.true * row.exact_stdev_over_true == pytest.approx(noise, rel=1e-9)
        assert abs(row.z_bias) < 5
        assert abs(row.z_stdev) < 5


def test_on_a_line_by_quadrature() -> None:
    rows = klbench.run(
        klbench.read_text(SINGLE.format(more="", q="N(0, 1)", p="N(0.3, 1)", sampler="N(0.2, 1.2)")), device="cpu"
    )
    x = np.linspace(-14, 14, 400_001)
    base = np.exp(-((x - 0.2) ** 2) / 2 / 1.44) / 1.2
    weight, base = np.exp(-(x**2) / 2) / base, base / base.sum()
    log_r = 0.3 * x - 0.045
    for row, value in zip(rows.cases[0].rows, (-log_r, np.expm1(log_r) - log_r, np.expm1(log_r) - log_r), strict=True):
        mean = (base @ (weight * value)) / (base @ weight)
        noise = sqrt(base @ (weight * (value - mean)) ** 2) / (base @ weight)
        assert row.exact_bias_over_true == pytest.approx(mean / 0.045 - 1, abs=1e-8)
        assert row.exact_stdev_over_true == pytest.approx(noise / 0.045, rel=1e-7)
        assert abs(row.z_bias) < 5
        assert abs(row.z_stdev) < 5


def test_an_infinite_second_moment_leaves_no_error_bar() -> None:
    """q/sampler has no second moment where the sampler is narrower than q by more than √2; its first it has."""
    text = SINGLE.format(more="", q="N(0, 1)", p="N(0.3, 1)", sampler="N(0, 0.6)")
    row = klbench.run(klbench.read_text(text), device="cpu").cases[0].rows[0]
    assert row.exact_stdev_over_true == float("inf")
    assert np.isnan(row.mean_mcse)


def test_with_gradients_it_is_refused() -> None:
    text = SINGLE.format(more="measure: gradient", q="N(0, 1)", p="N(0.3, 1)", sampler="N(0, 1)")
    with pytest.raises(SpecError, match="self-normalised") as refused:
        klbench.read_text(text)
    assert any("divided by the mean weight" in line for line in refused.value.help)
