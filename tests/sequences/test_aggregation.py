"""How token values become one number: a case of a public thread, and padding, which counts nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, inf, nan

import pytest
import torch
from torch import Tensor

from klbench.derived.level import AtLevel, Level
from klbench.derived.precision import Evaluated
from klbench.distributions.stream import stream_for
from klbench.estimators.catalogue import find
from klbench.estimators.term import LogProbs
from klbench.policies.build import table_of
from klbench.policies.walk import AliasRows, walk
from klbench.problems.sequences import SequencePair, WalkProbs
from klbench.row import Row
from tests.sequences.cases import CASES
from tests.sequences.enumerated import LEVELS, NAMES
from tests.sequences.policies import Branches, Chain, Trio
from tests.sequences.runs import built, by_cell, run_of, spec_of

ANSWERS = ([1.0] * 6, [9.0])
"""The token KLs of two answers, each as likely as the other."""
THREAD = {
    "seq-mean-token-sum": 15 / 2,
    "seq-mean-token-mean": 5.0,
    "token-mean": 15 / 7,
    "seq-mean-token-sum-norm": 15 / 2 / 6,
}


def of_tokens(aggregation: str, norm: float = 1.0) -> Level:
    return Level("token", aggregation, norm)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Padded:
    """Log-probabilities of n sequences as a trainer has them: arrays [n, T], and a mask of what counts.

    What is under no mask is given, and must not be seen.
    """

    log_ratio: Tensor
    log_weight: Tensor | None
    mask: Tensor

    @cached_property
    def lengths(self) -> Tensor:
        return self.mask.sum(1).double()

    @cached_property
    def sequences(self) -> LogProbs:
        weight = None if self.log_weight is None else self._summed(self.log_weight)
        return LogProbs(self._summed(self.log_ratio), weight)

    def tokens(self, term: Evaluated) -> Tensor:
        weight = None if self.log_weight is None else self.log_weight[self.mask]
        return term.values(LogProbs(self.log_ratio[self.mask], weight))

    def total(self, values: Tensor) -> Tensor:
        return self._summed(torch.full(self.mask.shape, nan, dtype=torch.float64).masked_scatter(self.mask, values))

    def spread(self, values: Tensor) -> Tensor:
        return values[:, None].expand(self.mask.shape)[self.mask]

    def _summed(self, padded: Tensor) -> Tensor:
        """Token by token, in their order."""
        total = torch.zeros(len(padded), dtype=torch.float64)
        for values, counts in zip(padded.T, self.mask.T, strict=True):
            total = total + torch.where(counts, values, 0.0)
        return total


def padded(at: WalkProbs, width: int, filling: float) -> Padded:
    """What was drawn, in arrays of ``width`` columns, with ``filling`` where there is no token."""
    first, second = at.problem.cells.log_ratio, at.problem.cells.log_weight
    mask = torch.arange(width) < at.lengths[:, None]
    # the tokens of a sequence are in their order: each is at the place of how many came before it
    number = (at.walks.owner[:, None] == at.walks.owner).tril(-1).sum(1)

    def spread_out(values: Tensor) -> Tensor:
        array = torch.full(mask.shape, filling, dtype=torch.float64)
        array[at.walks.owner, number] = values[at.walks.cells]
        return array

    return Padded(spread_out(first), None if second is None else spread_out(second), mask)


@pytest.mark.parametrize("aggregation", THREAD)
@pytest.mark.parametrize("filling", [0.0, nan, inf, 1e300])
@pytest.mark.parametrize("width", [6, 60])
def test_two_answers_of_a_public_thread(aggregation: str, filling: float, width: int) -> None:
    k1 = find("k1").term
    rows = [[-value for value in answer] + [filling] * (width - len(answer)) for answer in ANSWERS]
    mask = torch.arange(width) < torch.tensor([len(answer) for answer in ANSWERS])[:, None]
    at, level = Padded(torch.tensor(rows, dtype=torch.float64), None, mask), of_tokens(aggregation, 6.0)
    values = AtLevel(k1, level).values(at)
    divisor = float(at.lengths.mean()) if level.is_ratio_of_sums else 1.0
    assert float(values.mean()) / divisor == pytest.approx(THREAD[aggregation], rel=1e-15)


THREAD_AS_TREES = Trio(
    Branches(
        {
            "": [0.5, 0.5, 0.0],
            **{",".join(["0"] * n): [1.0, 0.0, 0.0] for n in range(1, 6)},
        }
    ),
    Branches(
        {
            "": [exp(-1) / 2, exp(-9) / 2, 1 - exp(-1) / 2 - exp(-9) / 2],
            **{",".join(["0"] * n): [exp(-1), 0.0, 1 - exp(-1)] for n in range(1, 6)},
        }
    ),
)
"""k1 of every token is 1 in the long answer, 9 in the short one."""
TRUE = {
    "seq-mean-token-sum": 5 + 5 / 2,
    "seq-mean-token-mean": (5 + 5) / 6 / 2 + 5 / 2,
    "token-mean": (5 + 5 / 2) / 3.5,
    "seq-mean-token-sum-norm": (5 + 5 / 2) / 6,
}
"""The KL at the first token is 5, that of the two answers' k1; at each that follows 1."""


@pytest.fixture(scope="module")
def of_thread() -> dict[tuple[str, str, str], Row]:
    (case,) = run_of(spec_of(THREAD_AS_TREES, norm=None)).cases
    return by_cell(case)


@pytest.mark.parametrize("aggregation", THREAD)
def test_the_thread_as_trees(of_thread: dict[tuple[str, str, str], Row], aggregation: str) -> None:
    row = of_thread["k1", "token", aggregation]
    assert row.true == pytest.approx(TRUE[aggregation], rel=1e-12)
    mean = row.true * (1 + row.exact_bias_over_true)
    assert mean == pytest.approx(THREAD[aggregation], rel=1e-12)
    assert abs(row.mean - mean) <= 5 * row.mean_mcse


def test_only_the_mean_of_means_is_off_its_target(of_thread: dict[tuple[str, str, str], Row]) -> None:
    """1/L depends on the token that k1 is of: it is biased though q is drawn."""
    biased = {key[2] for key, row in of_thread.items() if row.exact_bias_over_true}
    assert biased == {"seq-mean-token-mean"}
    assert of_thread["k1", "sequence", ""].true == pytest.approx(7.5, rel=1e-12)


def drawn(pair: SequencePair, count: int) -> WalkProbs:
    return pair.log_probs(pair.block(0, 0)(count))


@pytest.mark.parametrize("case", ["chain with eos", "chain with eos, sampler", "tree", "tree, sampler", "infinite KL"])
@pytest.mark.parametrize(("level", "aggregation"), LEVELS)
def test_more_padding_changes_no_byte(case: str, level: str, aggregation: str) -> None:
    at = drawn(built(CASES[case]), 300)
    assert len(at.lengths.unique()) > 1
    how = Level(level, aggregation or None, 3.0)  # type: ignore[arg-type]
    arrays = [padded(at, width, filling) for width, filling in ((4, nan), (4, 7.0), (40, -inf))]
    for name in NAMES:
        measured = AtLevel(find(name).term, how)
        values = measured.values(at)
        for with_padding in arrays:
            torch.testing.assert_close(measured.values(with_padding), values, rtol=0, atol=0, msg=name)


def descent(length: int, probs: list[float]) -> Chain:
    """Tokens 0 to 4 one after another, or 5, which ends it: no sequence has more than 6 tokens."""
    rows = [[0.0] * 6 for _ in range(6)]
    for token, stays in enumerate([*probs, 0.0]):
        rows[token][min(token + 1, 5)], rows[token][5] = stays, 1 - stays
    rows[4][5] = rows[5][5] = 1.0
    return Chain([0.75, 0, 0, 0, 0, 0.25], rows, length, eos=5)


def descents(length: int) -> Trio:
    q, p, sampler = (descent(length, probs) for probs in ([0.5, 0.6, 0.7, 0.8], [0.6] * 4, [0.7, 0.5, 0.6, 0.5]))
    return Trio(q, replace(p, initial=[0.5, 0, 0, 0, 0, 0.5]), sampler)


EXACT: dict[str, Callable[[Row], float]] = {
    name: (lambda row, name=name: getattr(row, name))
    for name in ("true", "exact_bias_over_true", "exact_stdev_over_true")
}


def test_room_for_more_tokens_that_are_never_there_changes_no_byte_of_what_is_exact() -> None:
    short, long = run_of(spec_of(descents(6), descents(12), estimators=NAMES, samples=1000)).cases
    assert len(short.rows) == len(NAMES) * len(LEVELS)
    for row, other in zip(short.rows, long.rows, strict=True):
        for name, number in EXACT.items():
            assert number(row) == number(other), (row.called, name)


def test_and_no_byte_of_what_is_drawn() -> None:
    walks = []
    for length in (6, 12, 600):
        (case,) = spec_of(descents(length)).cases()
        table = table_of(case.q)
        stream = stream_for(3, b"the same", 0)
        walks.append(walk(AliasRows.of(table.log_probs.exp()), table.following, table.start, length, 5000, stream))
    for other in walks[1:]:
        assert torch.equal(walks[0].cells, other.cells)
        assert torch.equal(walks[0].owner, other.owner)
