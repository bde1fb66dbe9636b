"""The setting of a case, known before its samples are drawn; values and gradients share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from klbench.derived.measured import Measured
from klbench.engines.engine import Engine
from klbench.estimators.divergence import REVERSE_KL
from klbench.estimators.estimator import Estimator
from klbench.measure.asked import Fit, fit_all, imported, settled
from klbench.measure.plan import Plan
from klbench.measure.truth import Truth, Unseen, known_mean, true_of
from klbench.problems.build import AnyPair, build_pair
from klbench.problems.checkpoints import Checkpoints
from klbench.problems.dump import Dump
from klbench.problems.pair import Pair
from klbench.roads.blocks import PILOT
from klbench.roads.value_sums import PILOT_SIZE, pilot
from klbench.spec.cases import Case
from klbench.spec.model import Spec


@dataclass(frozen=True)
class Machine:
    """Where a run takes place: the device, who measures its blocks, and the folder in which what checkpoints draw is
    kept, None for nowhere that lasts."""

    device: torch.device
    engine: Engine
    folder: str | None = None


@dataclass(frozen=True)
class Setting:
    """A case about to be measured.

    Args:
        plan: all that its blocks need.
        pair: on the CPU, for what is exact.
        problem: the same on the device, to be drawn from.
        estimators: what is asked, by name, with nothing left to fit.
        fits: what was fitted, by the estimator's name.
        kl: the true reverse KL.
        unseen: the mass that samples never show.
    """

    plan: Plan
    pair: AnyPair
    problem: AnyPair
    estimators: Mapping[str, Estimator]
    fits: Mapping[str, Fit]
    kl: Truth
    unseen: Unseen

    @staticmethod
    def of(spec: Spec, case: Case, device: torch.device, folder: str | None = None) -> Setting:
        """Build the pair, import and fit the estimators.

        Raises:
            SpecError: a user's function cannot be used.
        """
        pair = build_pair(case, names=spec.estimators, folder=folder)
        anywhere = isinstance(pair, Pair | Checkpoints)
        problem = pair if device.type == "cpu" or not anywhere else build_pair(case, device, spec.estimators, folder)
        dump, on = pair if isinstance(pair, Dump) else None, device if isinstance(pair, Checkpoints) else problem.device
        asked, plan = imported(spec.estimators), Plan.of(spec, case, on, dump, folder)
        fits = fit_all(asked, pair, lambda terms: pilot(problem, plan.seed, terms), plan.levels[0])
        coefficients = {name: fit.coefficient for name, fit in fits.items()}
        kl, unseen = true_of(pair, REVERSE_KL), Unseen.of(pair)
        plan = replace(plan.fitted(coefficients), kl=known_mean(pair, kl, unseen))
        return Setting(plan, pair, problem, settled(asked, coefficients), fits, kl, unseen)

    def pilot(self, terms: Sequence[Measured]) -> list[Tensor]:
        """The values of each term on the pilot sample [n], on the CPU."""
        return pilot(self.problem, self.plan.seed, terms)

    @cached_property
    def at_ends(self) -> float:
        """The share of drawn numbers that float64 rounds to an end of their support, from a pilot sample."""
        problem = self.problem
        if not isinstance(problem, Pair):
            return 0.0
        ends = torch.tensor(problem.base.ends(), dtype=torch.float64, device=problem.device)
        if not len(ends):
            return 0.0
        drawn = problem.block(self.plan.seed, PILOT)(max(1, PILOT_SIZE // problem.numbers))
        return float(torch.isin(drawn, ends).double().mean())
