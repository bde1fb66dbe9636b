"""The error bars of a mean over tokens, which is a ratio of two sums: tokens of one sequence share an error."""

from __future__ import annotations

from functools import cache
from math import fsum, isfinite, prod, sqrt

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from klbench.derived.level import AtLevel, Level
from klbench.derived.self_normalised import Pooled
from klbench.estimators.catalogue import find
from klbench.roads.ratio_sums import RatioAccumulator, TokenSums
from klbench.row import Row
from klbench.stats.ratio import SampledRatio
from tests.sequences.cases import CASES
from tests.sequences.enumerated import LEVELS, log_ratio, of_one
from tests.sequences.policies import Chain, Trio
from tests.sequences.runs import built, by_cell, everything, run_of, spec_of

ALPHA = 1e-6
"""The failure rate of each statistical test here, over random seeds; the seeds are fixed and were not chosen."""
SEEDS = 60
SAMPLES = 2000


def clusters(first: list[float], second: list[float]) -> Chain:
    """Tokens 0 and 1 follow one another, and so do 2 and 3; 4 ends it."""
    return Chain([0.2, 0.2, 0.3, 0.2, 0.1], [first, first, second, second, second], 6, eos=4)


STICKY = Trio(
    clusters([0.45, 0.45, 0.02, 0.03, 0.05], [0.02, 0.02, 0.43, 0.43, 0.1]),
    clusters([0.60, 0.30, 0.02, 0.03, 0.05], [0.02, 0.02, 0.45, 0.4, 0.11]),
)
"""Tokens of one sequence are alike: p is far from q after 0 and 1, near after 2 and 3, and sequences of the first kind
are longer."""
DRIFTED = Trio(STICKY.q, STICKY.p, clusters([0.5, 0.3, 0.07, 0.05, 0.08], [0.03, 0.04, 0.3, 0.55, 0.08]))
PAIRS = {"sticky": STICKY, "off-policy": DRIFTED}
ESTIMATORS = ("k1", "k3", "ratio*k3")
OVER_MEANS = ("self-normalised-ratio*k3", "self-normalised-ratio-sequence*k1")


@cache
def seeds(pair: str) -> list[dict[tuple[str, str, str], Row]]:
    """The rows of many runs."""
    specs = (
        spec_of(PAIRS[pair], estimators=(*ESTIMATORS, *OVER_MEANS), samples=SAMPLES, seed=seed) for seed in range(SEEDS)
    )
    return [by_cell(run_of(spec).cases[0]) for spec in specs]


def hold_to_normal(z: list[float]) -> None:
    """60 standard normals have a mean of N(0, 1/60), and a sum of squares of χ² with 60 degrees."""
    assert 2 * stats.norm.sf(abs(sum(z)) / sqrt(len(z))) > ALPHA
    squares = sum(value * value for value in z)
    assert 2 * min(stats.chi2.cdf(squares, len(z)), stats.chi2.sf(squares, len(z))) > ALPHA


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("estimator", [*ESTIMATORS, *OVER_MEANS])
@pytest.mark.parametrize(("level", "aggregation"), LEVELS)
def test_off_by_as_many_errors_as_a_normal(pair: str, estimator: str, level: str, aggregation: str) -> None:
    rows = [row[estimator, level, aggregation] for row in seeds(pair)]
    first = rows[0]
    mean = first.true * (1 + first.exact_bias_over_true)
    hold_to_normal([(row.mean - mean) / row.mean_mcse for row in rows])
    hold_to_normal([(row.bias - (mean - first.true)) / row.bias_mcse for row in rows])
    noise = first.true * first.exact_stdev_over_true
    # weights of whole sequences have tails that 2,000 of them do not always show: then there is no error bar
    if estimator in ESTIMATORS or all(isfinite(row.stdev_mcse) for row in rows):
        hold_to_normal([(row.stdev - noise) / row.stdev_mcse for row in rows])


def test_the_error_of_independent_tokens_would_be_too_small() -> None:
    """Else the test above says nothing of ratios."""
    rows = [row["k3", "token", "token-mean"] for row in seeds("sticky")]
    mean = rows[0].true * (1 + rows[0].exact_bias_over_true)
    tokens = SAMPLES * _moment(STICKY, "k1", lambda _, length: length)
    squares = sum(((row.mean - mean) / (row.stdev / sqrt(tokens))) ** 2 for row in rows)
    assert stats.chi2.sf(squares, SEEDS) < ALPHA


def _moment(trio: Trio, name: str, of) -> float:  # type: ignore[no-untyped-def]
    """E of a function of (token values, length) under the sampler, by all sequences."""
    parts = []
    for steps in trio.sequences():
        prob = prod(step.sampler for step in steps)
        if prob:
            values = [of_one(name, log_ratio(step.q, step.p), step.q / step.sampler) for step in steps]
            parts.append(prob * of(values, len(values)))
    return fsum(parts)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_error_is_that_of_a_ratio(pair: str, estimator: str) -> None:
    """√(E[(S − mL)²]/n)/E[L], as far as 2,000 sequences tell; and never below it, whatever the sample says."""
    trio = PAIRS[pair]
    length = _moment(trio, estimator, lambda _, size: size)
    mean = _moment(trio, estimator, lambda values, _: fsum(values)) / length
    noise = sqrt(_moment(trio, estimator, lambda values, size: (fsum(values) - mean * size) ** 2))
    fourth = _moment(trio, estimator, lambda values, size: (fsum(values) - mean * size) ** 4) / noise**4
    known = noise / length / sqrt(SAMPLES)
    errors = [row[estimator, "token", "token-mean"].mean_mcse for row in seeds(pair)]
    assert min(errors) >= known * (1 - 1e-3)  # a sample of n divides by n − 1, and by its own length
    assert max(errors) <= known * (1 + 6 * sqrt((fourth - 1) / 4 / SAMPLES))


NAMES = ("k1", "k2", "ratio*k3")


def summed(case: str, count: int, seed: int = 5) -> tuple[RatioAccumulator, TokenSums, list[Tensor], Tensor]:
    """What a sample leaves behind, with the values of its tokens and whose each is."""
    pair = built(CASES[case])
    terms = tuple(AtLevel(find(name).term, Level("token", "token-mean")) for name in NAMES)
    means = tuple(Pooled(term) for term in terms)
    accumulator = RatioAccumulator(means, torch.tensor([0.1, 0.0, 0.3], dtype=torch.float64), 10**6, pair.numbers)
    walks = pair.block(seed, 0)(count)
    at = pair.log_probs(walks)
    return accumulator, accumulator.measure(pair, walks, None), [term.of_tokens(at) for term in terms], walks.owner


@pytest.mark.parametrize("case", ["chain with eos", "chain with eos, sampler", "tree, sampler", "chain"])
def test_a_jackknife_over_sequences_says_the_same(case: str) -> None:
    """Leaving one sequence out after another, with nothing of the formulas: they agree to 1/n."""
    count = 600
    accumulator, whole, values, owner = summed(case, count)
    for index, name in enumerate(NAMES):
        found = accumulator.sampled(whole, index)
        assert isinstance(found, SampledRatio)
        value, own = values[index].numpy(), owner.numpy()
        assert found.tokens == len(value)
        assert found.mean.value == pytest.approx(value.mean(), rel=1e-12)
        assert found.noise.value == pytest.approx(value.std(), rel=1e-9)
        assert found.negative_fraction == (value < 0).mean()
        left = [value[own != sequence] for sequence in range(count)]
        assert found.mean.mcse == pytest.approx(_jackknife([each.mean() for each in left]), rel=0.02), name
        assert found.noise.mcse == pytest.approx(_jackknife([each.std() for each in left]), rel=0.04), name


def _jackknife(left: list[float]) -> float:
    return float(sqrt(len(left) - 1) * np.std(left))


def test_two_samples_together_are_their_sums() -> None:
    accumulator, one, values, _ = summed("chain with eos, sampler", 300, seed=1)
    _, other, more, _ = summed("chain with eos, sampler", 500, seed=2)
    for index in range(len(NAMES)):
        found = accumulator.sampled(one.merge(other), index)
        together = torch.cat([values[index], more[index]])
        assert found.mean.value == pytest.approx(float(together.mean()), rel=1e-12)
        assert found.noise.value == pytest.approx(float(together.std(correction=0)), rel=1e-9)
        assert found.count == 800


def test_lengths_that_do_not_vary_leave_the_error_of_a_mean() -> None:
    """Of sequences of 4 tokens a mean over tokens is the mean of sequences' means."""
    row = by_cell(run_of(spec_of(CASES["chain"], estimators=["k3"])).cases[0])
    one, other = (row["k3", "token", name] for name in ("token-mean", "seq-mean-token-mean"))
    assert one.mean == pytest.approx(other.mean, rel=1e-12)
    assert one.mean_mcse == pytest.approx(other.mean_mcse, rel=1e-9)
    assert everything("chain").moments("k3", "token", "token-mean").stdev > 1.5 * other.stdev
