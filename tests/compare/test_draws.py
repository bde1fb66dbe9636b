"""How samples of one seed hang together, and that the error of a difference that follows from it is right."""

from __future__ import annotations

from math import isfinite, sqrt

import numpy as np
import pytest
import torch

from klbench.compare.draws import ONE_AFTER_ANOTHER, Draws, draws_of, error_of_difference
from klbench.report.line import Line
from klbench.results import Results
from klbench.row import Row
from klbench.runner import run
from klbench.spec.read import read_text
from tests.distributions.examples import EXAMPLES, built, host_stream

SEEDS, SAMPLES, TIMES = 60, 5_000, 4
VALUES = 'name: s\nsamples: 10\nestimators: [k1, k2]\npairs: [{q: "N(0, 1)", p: "N(0.5, 1)"}]\n'
TOKENS = """\
name: s
samples: 10
measure: gradient
estimators: [k1, k3]
placements: [loss]
pairs: [{q: "Categorical([0.5, 0.3, 0.2])", p: "Categorical([0.4, 0.3, 0.3])"}]
"""
COMPARED = ("bias_over_true", "stdev_over_true", "bias_over_true_cv")


@pytest.mark.parametrize("text", [VALUES, TOKENS], ids=["values", "gradients"])
def test_a_larger_sample_of_one_seed_is_told_by_a_z_of_standard_deviation_one(text: str) -> None:
    spec, scores = read_text(text, "s"), dict[tuple[str, str], list[float]]()
    for seed in range(SEEDS):
        small, large = (run(spec, samples=size, seed=seed, threads=1) for size in (SAMPLES, TIMES * SAMPLES))
        for one, other in zip(lines(small), lines(large), strict=True):
            assert draws_of(one, other) is Draws.NESTED
            for column in COMPARED:
                errors = [getattr(line.row, f"{column}_mcse") for line in (one, other)]
                error = error_of_difference(*errors, Draws.NESTED, SAMPLES, TIMES * SAMPLES)
                if isfinite(error):
                    z = (getattr(other.row, column) - getattr(one.row, column)) / error
                    scores.setdefault((one.row.estimator, column), []).append(z)
    assert len(scores) >= 4
    for name, found in scores.items():
        # the standard deviation of a sample's standard deviation is 1/√(2 n), of its mean 1/√n
        assert len(found) == SEEDS
        assert np.sqrt(np.mean(np.square(found))) == pytest.approx(1, abs=4 / sqrt(2 * SEEDS)), name
        assert np.mean(found) == pytest.approx(0, abs=4 / sqrt(SEEDS)), name
    # all of them together, which the errors of independent draws (0.77 of it) would not pass
    every = np.concatenate([*scores.values()])
    assert np.sqrt(np.mean(every**2)) > 0.775 + 0.5 * (1 - 0.775)


def lines(results: Results) -> list[Line]:
    return [Line(case.pair, row, q=str(case.q), p=str(case.p)) for case, row in results.rows()]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_families_that_draw_one_after_another_are_those(example: str) -> None:
    family = built(example)
    large = family.draw(host_stream(3), 4000)
    nests = all(torch.equal(family.draw(host_stream(3), count), large[:count]) for count in (1, 17, 1000, 3001))
    name = example.partition("(")[0]
    assert nests or name not in ONE_AFTER_ANOTHER
    if nests and name not in ONE_AFTER_ANOTHER:
        others = [other for other in EXAMPLES if other.partition("(")[0] == name]
        assert len(others) > 1  # another example of it does not nest


def line(q: str = "Normal(loc=0, scale=1)", sampler: str = "", samples: int = 10, **of_row: object) -> Line:
    row = Row(**{"estimator": "k1", "samples": samples, **of_row})  # type: ignore[arg-type]
    return Line("a", row, q=q, p="Normal(loc=1, scale=1)", sampler=sampler)


@pytest.mark.parametrize(
    ("a", "b", "draws"),
    [
        (line(), line(), Draws.SAME),
        (line(), line(samples=20), Draws.NESTED),
        (line("Normal(loc=0, scale=1)**10"), line("Normal(loc=0, scale=1)**10", samples=20), Draws.NESTED),
        (line("Laplace(loc=0, scale=1)"), line("Laplace(loc=0, scale=1)", samples=20), Draws.OVERLAPPING),
        (line("0.5*N(0, 1) + 0.5*N(1, 1)"), line("0.5*N(0, 1) + 0.5*N(1, 1)", samples=20), Draws.OVERLAPPING),
        (line(sampler="StudentT(df=5)"), line(sampler="StudentT(df=5)", samples=20), Draws.OVERLAPPING),
        (line(device="cuda"), line(device="cuda", samples=20), Draws.OVERLAPPING),
        (line(device="cuda"), line(), Draws.INDEPENDENT),
        (line(seed=1), line(), Draws.INDEPENDENT),
        (line("Normal(loc=0, scale=2)"), line(), Draws.INDEPENDENT),
        (line("log_q"), line("log_q"), Draws.INDEPENDENT),
        (line('Model("a")'), line('Model("a")'), Draws.INDEPENDENT),
    ],
)
def test_what_is_known_of_two_samples(a: Line, b: Line, draws: Draws) -> None:
    assert draws_of(a, b) is draws
    assert draws_of(a, b, same_streams=False) is Draws.INDEPENDENT


def test_the_error_of_a_difference() -> None:
    assert error_of_difference(3, 4, Draws.INDEPENDENT) == 5
    assert error_of_difference(2, 1, Draws.NESTED, 100, 400) == pytest.approx(sqrt(3))
    assert error_of_difference(1, 2, Draws.NESTED, 400, 100) == pytest.approx(sqrt(3))
    # a rare draw in the larger sample alone makes its error the larger one
    assert error_of_difference(1, 1, Draws.NESTED, 100, 400) == pytest.approx(sqrt(3))
    assert error_of_difference(3, 4, Draws.OVERLAPPING, 100, 200) == 5
    assert not isfinite(error_of_difference(float("nan"), 1, Draws.SAME))
