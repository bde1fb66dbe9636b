"""A pair of distributions: q, p and what is sampled, built on one device, with log-probabilities that keep their
digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from klbench.distributions.build import build
from klbench.distributions.distribution import Distribution, Power
from klbench.distributions.log_ratio import LogRatio, log_ratio
from klbench.distributions.shape import form
from klbench.distributions.stream import stream_for
from klbench.estimators.term import LogProbs
from klbench.problems.problem import Draw

if TYPE_CHECKING:
    from klbench.distributions.score import Score
    from klbench.measure.plan import Plan
    from klbench.spec.cases import Case


@dataclass(frozen=True)
class Pair:
    """q, p, and the sampler, which is None where samples come from q. See ``Problem``."""

    q: Distribution
    p: Distribution
    sampler: Distribution | None = None

    @staticmethod
    def build(case: Case | Plan, device: torch.device | str = "cpu") -> Pair:
        """Build the distributions of a case, or of the plan of one, on ``device``, in float64."""
        return Pair(build(case.q, device), build(case.p, device), build(case.sampler, device) if case.sampler else None)

    @property
    def base(self) -> Distribution:
        """What x is distributed as."""
        return self.sampler or self.q

    @cached_property
    def log_ratio(self) -> LogRatio:
        """x [n, ...] -> log p(x) − log q(x) [n], for x in the support of what is sampled."""
        return log_ratio(self.q, self.p, inside=self.base.support)

    @cached_property
    def log_weight(self) -> LogRatio | None:
        """x -> log q(x) − log sampler(x) [n]; None where samples come from q."""
        return log_ratio(self.sampler, self.q, inside=self.sampler.support) if self.sampler else None

    @property
    def key(self) -> bytes:
        """Its streams are known by what is drawn and compared, not by its place in a spec: adding, renaming or
        reordering pairs and estimators changes no number of the others."""
        sampler = "" if self.sampler is None else self.sampler.expression
        return f"{self.q.expression} | {self.p.expression} | {sampler}".encode()

    @property
    def device(self) -> torch.device:
        """See ``Problem``."""
        return self.base.device

    @property
    def units(self) -> None:
        """As many samples as one asks for."""

    @property
    def numbers(self) -> int:
        """See ``Problem``."""
        return prod(self.base.event_shape)

    @property
    def tokens(self) -> int:
        """See ``Problem``."""
        return 1

    def block(self, seed: int, number: int) -> Draw:
        """See ``Problem``: every block has a stream of its own."""
        stream = stream_for(seed, self.key, number, self.device)
        return lambda count: self.base.draw(stream, count)

    def log_probs(self, x: Tensor) -> LogProbs:
        """See ``Problem``."""
        weight = self.log_weight(x) if self.log_weight else None
        at = LogProbs(self.log_ratio(x), weight, lambda: self._absolute(x))
        category = self._category
        return at if category is None else replace(at, rows=lambda: self._rows, cell=lambda: category(x))

    @cached_property
    def _category(self) -> Callable[[Tensor], Tensor] | None:
        """The number of the token that x is; None where there are no tokens."""
        if form(self.q.expression).categories is None or isinstance(self.q, Power):
            return None
        return (lambda x: x.argmax(-1)) if self.q.event_shape else (lambda x: x.long())

    @cached_property
    def _rows(self) -> tuple[Tensor, Tensor]:
        """log q and log p of every token [1, V]."""
        atoms = self.q.atoms()
        assert atoms is not None, "a vocabulary can be listed"
        return self.q.log_prob(atoms)[None], self.p.log_prob(atoms)[None]

    def _absolute(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_q = self.q.log_prob(x)
        return log_q, self.p.log_prob(x), log_q if self.log_weight is None else self.base.log_prob(x)

    def moved_by_rounding(self, x: Tensor) -> tuple[LogProbs, LogProbs]:
        """The log-probabilities with each log-ratio moved by the bound of its rounding, up and down."""
        at, error = self.log_probs(x), self.log_ratio.rounding(x)
        of_weight = None if self.log_weight is None else self.log_weight.rounding(x)
        return _moved(at, error, of_weight, 1), _moved(at, error, of_weight, -1)

    def groups(self, x: Tensor) -> None:
        """Draws are independent."""

    def score(self, parameters: tuple[str, ...] | None) -> Score:
        """See ``Problem``.

        Raises:
            SpecError: q has no such parameter, or no gradient can be taken in it.
        """
        from klbench.distributions.score import score_of  # of gradients only

        return score_of(self.q, parameters)


def _moved(at: LogProbs, error: Tensor, of_weight: Tensor | None, sign: int) -> LogProbs:
    def absolute() -> tuple[Tensor, Tensor, Tensor]:
        log_q, log_p, log_sampler = at.three
        return log_q, log_p + sign * error, log_sampler

    weight = at.log_weight if at.log_weight is None or of_weight is None else at.log_weight + sign * of_weight
    return LogProbs(at.log_ratio + sign * error, weight, absolute)
