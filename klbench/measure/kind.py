"""What values and gradients share: the steps from the quantities of a case to their answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from klbench.estimators.estimator import Estimator
from klbench.estimators.vocabulary import FULL_PRECISION
from klbench.measure.answer import Answer
from klbench.measure.asked import as_measured, of_mismatch
from klbench.measure.noise_ratio import compared
from klbench.observer import Headline
from klbench.problems.dump import Dump

if TYPE_CHECKING:
    from klbench.derived.level import Level
    from klbench.measure.plan import Pass, Plan, Sample
    from klbench.measure.quantity import Aim, Quantity
    from klbench.measure.truth import Truth
    from klbench.problems.build import AnyPair
    from klbench.problems.problem import Problem
    from klbench.roads.exact_moments import Exact
    from klbench.roads.exact_vector import ExactVector


class Kind(ABC):
    """Values or gradients: the quantities of a case, their exact moments and their answers.

    Args:
        plan: of the case.
        pair: on the CPU, where the exact methods run; they run only when a number is asked for.
        estimators: what is asked, by name, with nothing left to fit.
    """

    name: str

    def __init__(self, plan: Plan, pair: AnyPair, estimators: Mapping[str, Estimator]) -> None:
        self.plan, self.pair = plan, pair
        asked = tuple(estimators.values())
        if isinstance(pair, Dump) and pair.is_mismatch:
            asked = tuple(of_mismatch(estimator) for estimator in asked)
        self.estimators = tuple(as_measured(estimator, self.name, plan.clip) for estimator in asked)
        by_name = dict(zip(estimators, self.estimators, strict=True))
        self.reference = by_name.get(plan.ratio) if plan.ratio else None
        self._known: dict[Quantity, Exact | ExactVector | None] = {}
        self._targets: dict[Aim, Truth] = {}

    @cached_property
    @abstractmethod
    def quantities(self) -> tuple[Quantity, ...]:
        """The quantities that are measured, in the order of their rows in the results."""

    @cached_property
    def compared(self) -> Mapping[Quantity, Quantity]:
        """The quantities whose noise is compared, each with that of the estimator it is compared with."""
        return compared(self.quantities, self.reference)

    @abstractmethod
    def passes(self, problem: Problem) -> tuple[Pass, ...]:
        """The passes over the problem's samples that measure the quantities, on the problem's device."""

    def prepared(self, plan: Plan, problem: Problem) -> Plan:  # noqa: ARG002
        """The plan with what a pilot sample says, so that nobody who measures its blocks needs one."""
        return plan

    def exact(self, quantity: Quantity) -> Exact | ExactVector | None:
        """The exact moments of a quantity; None without an exact method. They are computed once and kept."""
        in_float64 = replace(quantity, dtype=FULL_PRECISION)
        if in_float64 not in self._known:
            self._known[in_float64] = self._exact(in_float64) if quantity.exists else None
        return self._known[in_float64]

    def target(self, aim: Aim) -> Truth:
        """The true value of what is estimated, or its true gradient."""
        if aim not in self._targets:
            self._targets[aim] = self._target(aim)
        return self._targets[aim]

    @abstractmethod
    def _exact(self, quantity: Quantity) -> Exact | ExactVector | None: ...

    @abstractmethod
    def _target(self, aim: Aim) -> Truth: ...

    @abstractmethod
    def plain(self, estimator: Estimator, level: Level | None) -> Iterable[Quantity]:
        """The quantities that klbench's own estimator may be at a level: weighted if the samples are stale."""

    def prefixes(self, level: Level | None) -> tuple[str, ...]:
        """The weights that may correct samples of a sampler, if there is one: a token's leaves its prefix as drawn, and
        of sequences that of a sequence is the same as a token's."""
        if self.pair.sampler is None:
            return ()
        return ("ratio", "ratio-sequence") if level is not None and level.name == "token" else ("ratio",)

    @abstractmethod
    def at_home(self, estimator: Estimator, level: Level | None) -> Iterable[Quantity]:
        """The quantities that a framework's estimator is in that framework, at a level."""

    def answer(self, quantity: Quantity, sample: Sample) -> Answer:
        """The answer for one quantity, from its truth, exact moments and samples."""
        return Answer(
            quantity=quantity,
            true=self.target(quantity.aim),
            exact=self.exact(quantity),
            sampled=sample.of(quantity),
            rounding=sample.of(quantity.measured_rounding),
        )

    @abstractmethod
    def columns(self, answer: Answer) -> Mapping[str, Any]:
        """The columns of a row that only this kind has."""

    def headline(self, sample: Sample) -> Headline:
        """The running estimate of the last quantity that is being sampled: its bias in units of the true value."""
        quantity = [quantity for quantity in self.quantities if quantity in sample.places][-1]
        sampled, true = sample.of(quantity), self.target(quantity.aim)
        if sampled is None or not isfinite(true.size) or true.size == 0:
            return Headline(self.label(quantity), nan, nan)
        bias, error_exists = sampled.off(true.value), self._has_variance(quantity)
        return Headline(
            self.label(quantity), bias.value / true.size, bias.mcse / abs(true.size) if error_exists else nan
        )

    def _has_variance(self, quantity: Quantity) -> bool:
        known = self.exact(quantity)
        return known is None or known.has_variance

    @abstractmethod
    def label(self, quantity: Quantity) -> str:
        """The name of the headline."""
