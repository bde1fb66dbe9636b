"""``true_from: full``: whole distributions stand for the truth; a bias is a paired difference with its own error."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest

from klbench.estimators.catalogue import find
from klbench.problems.build import build_pair
from klbench.problems.checkpoints import Checkpoints
from klbench.problems.problem import block_size
from tests.models.conftest import Bench
from tests.models.test_runs import P, Q, rows_by

SAMPLES = 96
# kernels round by the size of a batch, which is another here than in the run: 1e-8 of a log-probability


@pytest.mark.parametrize("aggregation", ["seq-mean-token-sum", "seq-mean-token-mean", "token-mean"])
def test_the_bias_is_a_paired_difference(bench: Bench, aggregation: str) -> None:
    results = bench.run(
        Q, P, estimators=("k1", "k3", "full"), samples=SAMPLES, level=["token", "sequence"], aggregation=[aggregation]
    )
    (case,) = results.cases
    rows = rows_by(case.rows)
    pair = build_pair(case.case, folder=None)
    assert isinstance(pair, Checkpoints)
    full_of, parts = find("full").whole, []
    for number in range(SAMPLES // block_size(pair)):
        x = pair.block(results.spec.seed, number)(block_size(pair))
        ratio, full, lengths = (x.log_p - x.log_q).numpy(), x.known[full_of].numpy(), x.lengths.numpy()
        ends = np.cumsum(lengths)[:-1]
        parts += list(zip(np.split(ratio, ends), np.split(full, ends), strict=True))
    length = np.array([len(ratio) for ratio, _ in parts])
    full = np.array([each.sum() for _, each in parts])
    for name, function in (("k1", lambda r: -r), ("k3", lambda r: np.expm1(r) - r)):
        values = np.array([function(ratio).sum() for ratio, _ in parts])
        row = rows[name, "token", aggregation]
        assert row.true_from == "full"
        if aggregation == "token-mean":
            true, apart = full.sum() / length.sum(), (values - full).sum() / length.sum()
            error = sqrt(((values - full - apart * length) ** 2).sum() * SAMPLES / (SAMPLES - 1)) / length.sum()
        else:
            over = length if aggregation.endswith("token-mean") else 1
            true, difference = (full / over).mean(), (values - full) / over
            apart, error = difference.mean(), difference.std(ddof=1) / sqrt(SAMPLES)
        assert row.true == pytest.approx(true, rel=1e-6)
        assert row.bias == pytest.approx(apart, rel=1e-4, abs=1e-6)
        assert row.bias_mcse == pytest.approx(error, rel=1e-5)
        assert row.bias_over_true == pytest.approx(apart / true, rel=1e-4, abs=1e-6)
    own = rows["full", "token", aggregation]
    assert own.bias == 0
    assert own.true == pytest.approx(own.mean, rel=1e-12)
    # of whole sequences the same KL
    whole = np.array([-ratio.sum() for ratio, _ in parts])
    assert rows["k1", "sequence", ""].bias == pytest.approx((whole - full).mean(), rel=1e-4, abs=1e-6)
    assert not isnan(rows["k3", "sequence", ""].bias_mcse)


def test_paired_it_is_known_far_better(bench: Bench) -> None:
    (case,) = bench.run(Q, P, estimators=("k3",), samples=256).cases
    (row,) = case.rows
    assert row.bias_mcse < row.mean_mcse
