"""Two standard errors hold the truth in 95 % of repetitions: four answers to a prompt, policies that are known.

Coverage of 200 repetitions has a binomial error of 1.5 %, and is held to five of them: a failure rate of 6e-7 each.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from klbench.row import Row
from tests.data.dumps import Numbers
from tests.data.runs import by_cell, run_of, spec_of

REPETITIONS, PROMPTS, ANSWERS, LENGTH = 200, 120, 4, 8
NORMAL = 0.9545
"""Of a normal number within 2."""
ALLOWED = 5 * sqrt(NORMAL * (1 - NORMAL) / REPETITIONS)
Q = np.array([0.1, 0.4, 0.3, 0.2])
"""Next-token probabilities, whatever came before; token 0 ends a sequence."""
KINDS = np.array([[0.1, 0.42, 0.29, 0.19], [0.15, 0.25, 0.4, 0.2], [0.1, 0.2, 0.3, 0.4]])
"""The reference's, by the kind of prompt: what a prompt's answers share."""
KL = (Q * np.log(Q / KINDS)).sum(1)
MEAN_LENGTH = (1 - (1 - Q[0]) ** LENGTH) / Q[0]
CELLS = [(name, *level) for name in ("k1", "k3") for level in (
    ("token", "seq-mean-token-sum"), ("token", "token-mean"), ("sequence", ""))]  # fmt: skip


@dataclass(frozen=True)
class Repetition:
    """z of every cell, with the error of klbench and with the one of values that are taken as independent."""

    clustered: dict[tuple[str, str, str], float]
    naive: dict[tuple[str, str, str], float]


def drawn(seed: int, path: Path) -> int:
    """Draw a dump; how many tokens it has."""
    random = np.random.default_rng([77, seed])
    kinds = random.integers(0, len(KINDS), PROMPTS).repeat(ANSWERS)
    tokens = random.choice(len(Q), (PROMPTS * ANSWERS, LENGTH), p=Q)
    mask = np.cumsum(np.cumsum(tokens == 0, 1), 1) <= 1  # the end counts, what follows does not
    order = random.permutation(len(kinds))
    arrays: dict[str, Numbers] = {
        "log_q": np.log(Q[tokens]),
        "log_p": np.log(KINDS[kinds[:, None], tokens]),
        "mask": mask.astype(float),
        "group": np.arange(PROMPTS).repeat(ANSWERS),
    }
    np.savez(path, **{name: array[order] for name, array in arrays.items()})
    return int(mask.sum())


@pytest.fixture(scope="module")
def repetitions(tmp_path_factory: pytest.TempPathFactory) -> list[Repetition]:
    path = tmp_path_factory.mktemp("coverage") / "run.npz"
    text = spec_of(
        str(path), ["k1", "k3"], level=["token", "sequence"], aggregation=["seq-mean-token-sum", "token-mean"]
    )
    found = []
    for seed in range(REPETITIONS):
        tokens = drawn(seed, path)
        rows = {cell[1:]: row for cell, row in by_cell(run_of(text)).items()}
        found.append(
            Repetition(
                {cell: off(rows[cell]) / rows[cell].mean_mcse for cell in CELLS},
                {cell: off(rows[cell]) / naive(rows[cell], tokens) for cell in CELLS},
            )
        )
    return found


def off(row: Row) -> float:
    """The mean less the truth: KL(q‖p) of a sequence, or of a token."""
    return row.mean - float(KL.mean()) * (1 if row.aggregation == "token-mean" else float(MEAN_LENGTH))


def naive(row: Row, tokens: int) -> float:
    """The error that a metric of training goes by: every value taken as independent."""
    return row.stdev / sqrt(tokens if row.aggregation == "token-mean" else row.samples)


def coverage(zs: list[float]) -> float:
    return sum(abs(z) < 2 for z in zs) / len(zs)


@pytest.mark.parametrize("cell", CELLS, ids=" ".join)
def test_two_errors_hold_the_truth_in_95_percent(repetitions: list[Repetition], cell: tuple[str, str, str]) -> None:
    zs = [each.clustered[cell] for each in repetitions]
    assert abs(coverage(zs) - NORMAL) < ALLOWED
    assert abs(np.mean(zs)) < 5 / sqrt(REPETITIONS)


def test_the_naive_error_does_not(repetitions: list[Repetition]) -> None:
    """Of k3 a prompt explains most, so that four answers tell little more than one, and tokens less still."""
    for cell in CELLS:
        if cell[0] == "k3":
            assert coverage([each.naive[cell] for each in repetitions]) < NORMAL - ALLOWED, cell
