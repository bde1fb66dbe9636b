"""A case: one pair after its grid is expanded, every placeholder filled. What the roads measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from klbench.distributions.expression import Expression

if TYPE_CHECKING:
    from klbench.dumps.source import Side
    from klbench.estimators.vocabulary import Aggregation, LevelName
    from klbench.models.prompts import Prompted

Place = tuple[str, str]
"""The level and the aggregation of a row; empty for what it has not."""
DEFAULT: Place = ("token", "seq-mean-token-sum")


@dataclass(frozen=True)
class Expectation:
    """A published value, checked by ``--check``: |measured - value| <= within + 5 MCSE.

    Args:
        value: what was published.
        within: how far off a measured one may be, beyond its error.
        dtype: the precision it is of; None for every row of the estimator.
        level, aggregation: the row of sequences it is of; None for the one there is, else the sum over tokens.
    """

    value: float
    within: float
    dtype: str | None = None
    level: LevelName | None = None
    aggregation: Aggregation | None = None

    def row_of(self, measured: Sequence[Place]) -> Place | None:
        """Which of the measured levels it is of; None where that is none of them, or not one of several."""
        meant = [
            (level, aggregation)
            for level, aggregation in dict.fromkeys(measured)
            if self.level in (None, level) and self.aggregation in (None, aggregation)
        ]
        return meant[0] if len(meant) == 1 else DEFAULT if DEFAULT in meant else None


@dataclass(frozen=True)
class Case:
    """One (q, p, sampler) with numbers in every argument.

    ``sampler`` is None where samples come from q. ``parameters`` are the grid's values for this case, in the order of
    the grid. ``expect`` maps an estimator's name to a column's name to the published value. Where log-probabilities are
    ``data`` that a run has saved, q, p and sampler name the columns. Checkpoints are ``prompted``.
    """

    pair: str
    q: Expression
    p: Expression
    sampler: Expression | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    expect: Mapping[str, Mapping[str, Expectation]] = field(default_factory=dict)
    data: Side | None = None
    prompted: Prompted | None = None
