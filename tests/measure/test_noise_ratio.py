"""The noise of each estimator relative to one's, on the same draws: the number, its error, and nothing else moved."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache
from io import StringIO
from math import inf, isnan, nan, sqrt

import numpy as np
import pytest
from scipy import stats

from klbench.errors import SpecError
from klbench.measure.noise_ratio import quotient
from klbench.problems.build import build_pair
from klbench.report.check import check
from klbench.report.fields import NOISE_RATIO
from klbench.report.frame import to_csv, to_frame, to_json
from klbench.results import Results
from klbench.row import Row
from klbench.runner import run
from klbench.spec.read import read_spec, read_text

NORMAL = '{q: "N(0, 1)", p: "N(0.5, 1)"}'
STALE = '{q: "N(0, 1)", p: "N(0.5, 1)", sampler: "N(0.2, 1.1)"}'
MARKOV = '{q: "Markov(vocab=6, scale=1, seed=1, length=5, eos=0)", p: "Perturb(q, scale=0.4, seed=2)"}'
LEVELS = "level: [token, sequence]\naggregation: [seq-mean-token-sum, seq-mean-token-mean, token-mean]\n"
RATIO = ("noise_ratio", "noise_ratio_mcse", "exact_noise_ratio")
SPECS = {
    "draws": f"estimators: [k1, k2, k3]\nratio: k1\npairs: [{NORMAL}]\n",
    "stale": f"estimators: [k1, ratio*k1, self-normalised-ratio*k1]\nratio: ratio*k1\npairs: [{STALE}]\n",
    "sequences": f"{LEVELS}estimators: [k1, k3, full]\nratio: k1\npairs: [{MARKOV}]\n",
    "dtypes": f"dtype: [float64, bfloat16]\nestimators: [k1, k3]\nratio: k3\npairs: [{NORMAL}]\n",
    "precision": f"precision: 0.05\nestimators: [k1, k3, self-normalised-ratio*k1]\nratio: k1\npairs: [{STALE}]\n",
    "both": f"measure: [value, gradient]\nestimators: [k1, k3]\nratio: k1\npairs: [{NORMAL}]\n",
}


def measured(text: str, *, samples: int = 20_000, seed: int = 0, threads: int = 1) -> Results:
    return run(read_text(f"name: noise\nsamples: {samples}\nseed: {seed}\n{text}"), device="cpu", threads=threads)


def rows(results: Results) -> dict[tuple[str, ...], Row]:
    return {
        (row.estimator, row.level, row.aggregation, row.placement, row.dtype, case.pair): row
        for case, row in results.rows()
    }


def without(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("ratio:"))


# the numbers


def drawn(results: Results, count: int) -> np.ndarray:
    """log_ratio of the draws of a run of less than a block."""
    (case,) = results.spec.cases()
    pair = build_pair(case)
    found: np.ndarray = pair.log_probs(pair.block(results.spec.seed, 0)(count)).log_ratio.numpy()
    return found


@pytest.mark.parametrize("name", SPECS)
def test_it_is_one_stdev_over_the_other(name: str) -> None:
    found = rows(measured(SPECS[name]))
    for row in found.values():
        assert row.reference is not None
        if row.is_gradient:
            assert isnan(row.noise_ratio)
            continue
        # to a precision the passes may end at different counts: each quotient is of one pass
        if row.samples == row.reference.samples:
            assert row.noise_ratio == pytest.approx(row.stdev / row.reference.stdev, rel=1e-9)
        if row.reference.estimator == row.estimator:
            assert (row.noise_ratio, row.noise_ratio_mcse) == (1.0, 0.0)
        else:
            assert 0 < row.noise_ratio_mcse < row.noise_ratio
        # k1's true value is not that of every aggregation, and so neither are ratios to it: in nats
        exact = row.exact_stdev_over_true * row.true / (row.reference.exact_stdev_over_true * row.reference.true)
        assert row.exact_noise_ratio == pytest.approx(exact, rel=1e-9, nan_ok=True)


def test_the_exact_one_of_gradients_is_there_and_the_measured_one_is_said_not_to_be() -> None:
    results = measured(SPECS["both"])
    of_gradients = [row for row in rows(results).values() if row.is_gradient]
    assert len(of_gradients) == 4
    for row in of_gradients:
        assert row.reference is not None
        expected = row.exact_stdev_over_true / row.reference.exact_stdev_over_true
        assert row.exact_noise_ratio == pytest.approx(expected, rel=1e-12)
        assert isnan(row.noise_ratio_mcse)
        assert isnan(row.z_noise_ratio)
    assert any("exact alone: exact_noise_ratio" in note for note in results.cases[0].notes)


# the error


RUNS = 200
COUNT = 4000
FALSE_ALARM = 1e-4
SLACK = 0.08
"""Room for a z of a finite sample, whose own error is a sum of eighth powers, not to be normal."""
CASES = {
    "draws": ("estimators: [k2, k3]\nratio: k2\npairs: [{q: 'N(0, 1)', p: 'N(0.2, 1)'}]\n", "k3"),
    "far apart": ("estimators: [k1, k2]\nratio: k1\npairs: [{q: 'N(0, 1)', p: 'N(0.5, 1)'}]\n", "k2"),
    "weights": (f"estimators: [k1, ratio*k1]\nratio: k1\npairs: [{STALE}]\n", "ratio*k1"),
    "self-normalised": (
        f"estimators: [ratio*k1, self-normalised-ratio*k1]\nratio: ratio*k1\npairs: [{STALE}]\n",
        "self-normalised-ratio*k1",
    ),
    "sequences": (f"estimators: [k1, k2]\nratio: k1\npairs: [{MARKOV}]\n", "k2"),
    "tokens": (f"aggregation: token-mean\nestimators: [k1, k2]\nratio: k1\npairs: [{MARKOV}]\n", "k2"),
}
LEVEL = FALSE_ALARM / (2 * len(CASES))


@cache
def scores(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The z of every seed, with the paired error and with that of two numbers that know nothing of each other."""
    text, estimator = CASES[name]
    paired, apart = [], []
    for seed in range(RUNS):
        (row,) = [row for _, row in measured(text, samples=COUNT, seed=seed).rows() if row.estimator == estimator]
        assert row.reference is not None
        off = row.noise_ratio - row.exact_noise_ratio
        paired.append(off / row.noise_ratio_mcse)
        assert paired[-1] == pytest.approx(row.z_noise_ratio)
        relative = np.hypot(row.stdev_mcse / row.stdev, row.reference.stdev_mcse / row.reference.stdev)
        apart.append(off / (row.noise_ratio * relative))
    return np.array(paired), np.array(apart)


@pytest.mark.parametrize("name", CASES)
def test_the_error_bar_is_as_long_as_it_says(name: str) -> None:
    z, _ = scores(name)
    assert abs(z.mean()) <= stats.norm.isf(LEVEL / 2) / sqrt(RUNS) + SLACK
    low, high = stats.chi2.ppf([LEVEL / 2, 1 - LEVEL / 2], RUNS)
    assert low * (1 - SLACK) ** 2 <= (z**2).sum() <= high * (1 + SLACK) ** 2


@pytest.mark.parametrize("name", ["draws", "self-normalised"])
def test_the_error_of_two_that_know_nothing_of_each_other_is_too_long(name: str) -> None:
    _, apart = scores(name)
    low, _ = stats.chi2.ppf([LEVEL / 2, 1 - LEVEL / 2], RUNS)
    assert (apart**2).sum() < low * (1 - SLACK) ** 2 / 2


def test_where_nothing_exact_is_known_it_is_the_samples_own() -> None:
    """By plain NumPy on the same draws: |log r| of two numbers has no exact road."""
    text = 'estimators: [k1, abs]\nratio: k1\npairs: [{q: "Laplace(0, 1)**2", p: "Laplace(0.3, 1)**2"}]\n'
    results = measured(text)
    row = next(row for _, row in results.rows() if row.estimator == "abs")
    assert isnan(row.exact_noise_ratio)
    assert isnan(row.z_noise_ratio)
    log_ratio = drawn(results, 20_000)
    k1, size = -log_ratio, np.abs(log_ratio)
    a, b = ((values - values.mean()) / values.std() for values in (size, k1))
    assert row.noise_ratio == pytest.approx(size.std() / k1.std(), rel=1e-12)
    error = size.std() / k1.std() * ((a * a - b * b) / 2).std() / sqrt(len(k1))
    longer = row.reference.stdev_mcse / (k1.std() * np.sqrt(((b**2 - 1) ** 2).mean() / len(k1)) / 2)
    assert row.noise_ratio_mcse == pytest.approx(error * max(longer, 1.0), rel=1e-3)


@pytest.mark.parametrize("sampler", ["", ', sampler: "N(0, 1.01)"'])
def test_a_clamp_that_never_held_is_no_disagreement(sampler: str) -> None:
    """It holds once in 40,000 draws: in the sample the noises agree to the last digit, and exactly they do not."""
    pair = f'{{q: "N(0, 1)", p: "N(0.7, 1)"{sampler}}}'
    text = f'estimators: [ratio*k3, "ratio*verl:low_var_kl"]\nratio: ratio*k3\npairs: [{pair}]\n'
    results = measured(text, samples=1000)
    (_, clamped) = results.cases[0].rows
    assert clamped.noise_ratio == pytest.approx(1.0, abs=1e-12)
    assert clamped.exact_noise_ratio < 1 - 1e-8
    assert all(point.holds for point in check(results) if "noise_ratio" in point.text)


def test_the_error_bar_is_trusted_as_those_of_both_stdevs_are() -> None:
    """A heavy tail of the reference's values is one of the quotient."""
    calm = Row(estimator="k1", noise_ratio=0.5, noise_ratio_mcse=0.01, khat=0.1)
    heavy = Row(estimator="k3", khat=0.4)
    assert "†" not in NOISE_RATIO.show(replace(calm, reference=replace(heavy, khat=0.3)))
    assert NOISE_RATIO.show(replace(calm, reference=heavy)).endswith("†")
    assert NOISE_RATIO.show(replace(calm, khat=0.4, reference=replace(heavy, khat=0.1))).endswith("†")
    assert NOISE_RATIO.show(replace(calm, noise_ratio_mcse=nan, reference=heavy)).endswith("‡")


# numbers that do not exist


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        *[(1.0, 2.0, 0.5), (0.0, 2.0, 0.0), (1.0, 0.0, inf), (0.0, 0.0, nan), (inf, 2.0, inf), (2.0, inf, 0.0)],
        *[(inf, inf, nan), (nan, 1.0, nan), (1.0, nan, nan), (inf, 0.0, inf)],
    ],
)
def test_quotients(one: float, other: float, expected: float) -> None:
    assert quotient(one, other) == pytest.approx(expected, nan_ok=True)


def test_stdevs_that_are_nothing_infinite_or_no_number() -> None:
    pairs = (
        '{name: same, q: "N(0, 1)", p: "N(0, 1)"}, {name: endless, q: "N(0, 1)", p: "N(0, 2)"}, '
        '{name: outside, q: "Categorical([0.5, 0.5])", p: "Categorical([1.0, 0.0])"}'
    )
    found = rows(measured(f"estimators: [k1, k3]\nratio: k3\npairs: [{pairs}]\n"))
    by_pair = {(key[0], key[-1]): row for key, row in found.items()}
    for name in ("same", "outside"):
        assert isnan(by_pair["k1", name].noise_ratio)
        assert isnan(by_pair["k3", name].noise_ratio)
    endless = by_pair["k1", "endless"]
    assert endless.exact_noise_ratio == 0.0
    assert endless.noise_ratio > 0
    assert isnan(endless.noise_ratio_mcse)
    assert isnan(by_pair["k3", "endless"].exact_noise_ratio)
    (turned, _) = measured('estimators: [k3, k1]\nratio: k1\npairs: [{q: "N(0, 1)", p: "N(0, 2)"}]\n').rows()
    assert turned[1].exact_noise_ratio == inf


def test_one_sample_has_no_noise() -> None:
    for row in rows(measured(SPECS["draws"], samples=1)).values():
        assert isnan(row.noise_ratio)


def test_a_reference_without_a_row_at_a_level_is_said() -> None:
    results = measured(f"level: [token, sequence]\nestimators: [k1, full]\nratio: full\npairs: [{MARKOV}]\n")
    at_sequence = next(row for _, row in results.rows() if row.level == "sequence")
    assert at_sequence.reference is None
    assert isnan(at_sequence.noise_ratio)
    assert any(note.startswith("full has no row beside that of k1") for note in results.cases[0].notes)


# nothing else moves


def lines(text: str) -> list[dict[str, str]]:
    return [dict(line) for line in csv.DictReader(StringIO(text))]


@pytest.mark.parametrize("name", SPECS)
def test_every_other_column_has_the_same_bytes(name: str) -> None:
    compared, plain = (to_csv(measured(text, samples=70_000)) for text in (SPECS[name], without(SPECS[name])))
    for one, other in zip(lines(compared), lines(plain), strict=True):
        assert {column: value for column, value in one.items() if column not in RATIO} == other
        assert set(one) - set(other) == set(RATIO)


@pytest.mark.parametrize("name", SPECS)
def test_one_thread_and_two(name: str) -> None:
    one, two = (to_csv(measured(SPECS[name], samples=300_000, threads=threads)) for threads in (1, 2))
    assert one == two


def test_every_format_has_the_columns() -> None:
    results = measured(SPECS["draws"], samples=1000)
    assert set(RATIO) <= set(to_frame(results).columns)
    assert '"noise_ratio": 1.0' in to_json(results)


# the spec


def test_it_is_one_of_the_spec_s_estimators() -> None:
    with pytest.raises(SpecError) as caught:
        read_spec("schulman", ["ratio=abs"])
    assert caught.value.message == "abs is not among the estimators of the spec"
    assert caught.value.help == ("one of k1, k2, k3, or add it to estimators",)
    with pytest.raises(SpecError, match="unknown estimator 'k7'"):
        read_spec("schulman", ["ratio=k7"])


def test_a_published_one_needs_it() -> None:
    pair = NORMAL.replace("}", ", expect: {k3: {noise_ratio: {value: 0.3, within: 0.1}}}}")
    text = f"name: noise\nestimators: [k1, k3]\npairs: [{pair}]\n"
    with pytest.raises(SpecError, match="noise_ratio needs a ratio"):
        read_text(text)
    assert read_text(f"{text}ratio: k1\n").ratio == "k1"


def test_it_is_written_where_it_is_given() -> None:
    assert "ratio" not in read_spec("schulman", []).to_yaml()
    assert "\nratio: k2\n" in read_spec("schulman", ["ratio=k2"]).to_yaml()
    assert read_text(read_spec("schulman", ["ratio=k2"]).to_yaml()).ratio == "k2"
