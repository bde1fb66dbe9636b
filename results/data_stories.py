"""What the spec about saved log-probabilities shows: estimate, error and truth side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt

from compact import Cells
from story import Story, case_of

from klbench.report.numbers import measured, plain_number
from klbench.results import CaseResult, Results
from klbench.row import Row

OF_A_SEQUENCE, OF_A_TOKEN = "seq-mean-token-sum", "token-mean"


@dataclass(frozen=True)
class Beside:
    """An estimate, what it should be, and its error as it is and as it would be if tokens were independent."""

    row: Row
    true: float
    naive: float

    @property
    def error(self) -> float:
        """Of groups."""
        return self.row.mean_mcse

    @property
    def off(self) -> float:
        """From the truth, nats."""
        return self.row.mean - self.true


def beside(result: CaseResult) -> Iterator[Beside]:
    """Every estimator of a sequence whose mean is expected."""
    assert result.data is not None
    tokens, sequences = result.data.tokens, result.data.sequences
    rows = {(row.estimator, row.aggregation): row for row in result.rows}
    for name, expected in result.case.expect.items():
        # the stdev of one token, and as many independent ones as a sequence has on average
        naive = rows[name, OF_A_TOKEN].stdev * sqrt(tokens) / sequences
        yield Beside(rows[name, OF_A_SEQUENCE], expected["mean"].value, naive)


def _of(results: Results, pair: str) -> Mapping[str, Beside]:
    return {each.row.estimator: each for each in beside(case_of(results, pair))}


def known_dump(results: Results) -> str:
    """Errors of prompts."""
    reference, mismatch = (_of(results, pair) for pair in ("to the reference", "trainer and engine"))
    data = case_of(results, "to the reference").data
    assert data is not None
    weighted, k3, k1 = reference["ratio-sequence*k3"], reference["k3"], mismatch["k1"]
    return (
        f"{data.groups} prompts with {data.sequences // data.groups} answers each, drawn from policies whose KL is "
        f"known: k3 weighted by the sequence reads {measured(weighted.row.mean, weighted.error)} for a KL of "
        f"{weighted.true:.4f}, {abs(weighted.off) / weighted.error:.1f} errors off, and it would be "
        f"{abs(weighted.off) / weighted.naive:.1f} if tokens were independent. What a prompt's answers share makes "
        f"k3's error {k3.error / k3.naive:.1f} times as large; in the mismatch of trainer and engine they share next "
        f"to nothing, and k1's is {k1.error / k1.naive:.1f} times as large."
    )


def _table(results: Results) -> list[list[str]]:
    head = ["", "mean", "exact", "off, in errors", "error by prompts", "as if tokens were independent", "off, in those"]
    lines = [
        [
            f"{result.case.pair}, {each.row.estimator}",
            measured(each.row.mean, each.error),
            plain_number(each.true),
            f"{each.off / each.error:+.1f}",
            f"{each.error:.2g}",
            f"{each.naive:.2g}",
            f"{each.off / each.naive:+.1f}",
        ]
        for result in results.cases
        for each in beside(result)
    ]
    return [head, *lines]


OF_DATA: Mapping[str, Story] = {
    "known_dump": Story(
        known_dump,
        Cells(
            table=_table,
            says="Of a sequence, in nats. The exact mean is that of the engine's samples, without sampling.",
        ),
    ),
}
"""In the order of the page."""
