"""A case: one pair after its grid is expanded, every placeholder filled. What the roads measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from klbench.distributions.expression import Expression

if TYPE_CHECKING:
    from klbench.dumps.source import Side
    from klbench.models.prompts import Prompted


@dataclass(frozen=True)
class Expectation:
    """A published value, checked by ``--check``: |measured - value| <= within + 5 MCSE.

    Args:
        value: what was published.
        within: how far off a measured one may be, beyond its error.
        dtype: the precision it is of; None for every row of the estimator.
    """

    value: float
    within: float
    dtype: str | None = None


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
