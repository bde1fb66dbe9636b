"""A row of results.csv with what it is of, and the key by which rows of two files are matched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from klbench.estimators.vocabulary import FULL_PRECISION, placed
from klbench.report.numbers import parameters_text
from klbench.row import Row

Key = tuple[object, ...]


@dataclass(frozen=True)
class Line:
    """A row: the pair with its grid parameters, the distributions as written, its numbers, and its line of the file."""

    pair: str
    row: Row
    parameters: Mapping[str, float] = field(default_factory=dict)
    q: str = ""
    p: str = ""
    sampler: str = ""
    number: int = 0

    @property
    def key(self) -> Key:
        """What rows are matched by: pair, grid parameters, estimator, level, aggregation, placement, weighting,
        dtype."""
        row = self.row
        place = (row.estimator, row.level, row.aggregation, row.placement, row.weighting, row.dtype)
        return (self.pair, tuple(sorted(self.parameters.items())), *place)

    @property
    def roles(self) -> Mapping[str, str]:
        """Its distributions as written, by their role."""
        return {"q": self.q, "p": self.p, "sampler": self.sampler}

    @property
    def where(self) -> str:
        """``close``, ``shift (mu = 0.5)``."""
        parameters = parameters_text(self.parameters)
        return f"{self.pair} ({parameters})" if parameters else self.pair

    @property
    def called(self) -> str:
        """``k3``, ``k3 (sequence)``, ``k3 (loss × ratio)``, ``k3 (bfloat16)``."""
        row = self.row
        more = [placed(row.placement, row.weighting)] if row.placement else []
        more += [row.dtype] if row.dtype != FULL_PRECISION else []
        return f"{row.called} ({', '.join(more)})" if more else row.called

    @property
    def label(self) -> str:
        """``close: k3``."""
        return f"{self.where}: {self.called}"
