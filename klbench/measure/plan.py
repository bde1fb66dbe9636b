"""The plan of a case: everything that decides the sums of its blocks, as a small value that pickles.

Whoever measures a block, a thread or another process, needs a plan and a block's number. Distributions, functions and
streams are built from it on the spot; only sums travel back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, nan
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from klbench.derived.level import Level
from klbench.distributions.shape import form
from klbench.measure.quantity import Quantity
from klbench.roads.blocks import Blocks
from klbench.roads.merged import Merged

if TYPE_CHECKING:
    from klbench.derived.measured import Measured
    from klbench.derived.self_normalised import Ratio
    from klbench.derived.token_weights import RoundingOfWeights
    from klbench.distributions.expression import Expression
    from klbench.dumps.source import Side
    from klbench.estimators.estimator import Estimator
    from klbench.estimators.vocabulary import Aggregation, LevelName, Placement, Weighting
    from klbench.measure.kind import Kind
    from klbench.models.prompts import Prompted
    from klbench.problems.build import AnyPair
    from klbench.problems.dump import Dump
    from klbench.spec.cases import Case
    from klbench.spec.model import Spec

Key: TypeAlias = "Quantity | Measured | Ratio | RoundingOfWeights"
"""A thing that is measured on samples: a quantity, or the change that its precision makes."""


@dataclass(frozen=True)
class Plan:
    """The samples of a case, and what is measured on them.

    Args:
        q, p, sampler: the pair, as it is written.
        seed, samples: which samples, and how many.
        device: where they are drawn, in torch's words.
        measure: ``value``, ``gradient`` or both.
        estimators: the names of what is asked, each with the coefficient that was fitted to it, None for none.
        dtypes, placements, weightings, parameters, baseline, batch: as the spec says.
        levels: how sequences are taken; of single draws None alone.
        length: of sequences, where what a framework ships is taken as it ships it; None where the spec says how.
        clip: the largest importance weight.
        data: what of a run is measured, where nothing is drawn; ``samples`` is then how many groups there are.
        prompted: what checkpoints answer, and how long at most.
        folder: where what checkpoints draw is kept; None for nowhere that lasts.
        ratio: the name of the estimator whose noise the others' is compared with; None for none.
        kl: what the controls have as their mean; NaN where there are no controls.
        shift: what the moments of values are taken about: empty for 0, None for what the pilot sample says.
    """

    q: Expression
    p: Expression
    sampler: Expression | None
    seed: int
    samples: int
    device: str
    measure: tuple[str, ...]
    estimators: tuple[tuple[str, float | None], ...]
    dtypes: tuple[str, ...]
    placements: tuple[Placement, ...] | None
    weightings: tuple[Weighting, ...] | None
    parameters: tuple[str, ...] | None
    baseline: str
    batch: int | None
    levels: tuple[Level | None, ...] = (None,)
    length: int | None = None
    clip: float = inf
    data: Side | None = None
    prompted: Prompted | None = None
    folder: str | None = None
    ratio: str | None = None
    kl: float = nan
    shift: tuple[float, ...] | None = None

    @staticmethod
    def of(spec: Spec, case: Case, device: torch.device, dump: Dump | None = None, folder: str | None = None) -> Plan:
        """The plan of a case of a spec, with nothing fitted yet; ``dump`` is the problem of a case of data."""
        length = form(case.q).length if dump is None else dump.packed.longest
        length = length if case.prompted is None else case.prompted.length
        return Plan(
            *(case.q, case.p, case.sampler, spec.seed, dump.units if dump else spec.samples, str(device)),
            measure=spec.measure,
            estimators=tuple((name, None) for name in spec.estimators),
            dtypes=spec.dtype,
            placements=spec.placements,
            weightings=spec.weightings,
            parameters=spec.parameters,
            baseline=spec.baseline,
            batch=spec.batch,
            levels=levels_of(spec, length),
            length=length if spec.level is None and spec.aggregation is None else None,
            clip=inf if spec.clip is None else spec.clip,
            data=case.data,
            prompted=case.prompted,
            folder=folder,
            ratio=spec.ratio,
        )

    def fitted(self, coefficients: Mapping[str, float]) -> Plan:
        """The plan with the fitted coefficients, by the names of the estimators."""
        return replace(self, estimators=tuple((name, coefficients.get(name)) for name, _ in self.estimators))

    def kinds(self, pair: AnyPair, estimators: Mapping[str, Estimator]) -> tuple[Kind, ...]:
        """The kinds that are measured; ``pair`` is on the CPU, for the exact methods."""
        return tuple(kind_of(name)(self, pair, estimators) for name in self.measure)


def levels_of(spec: Spec, length: int | None) -> tuple[Level | None, ...]:
    """How sequences of at most so many tokens are taken, in the order of the rows: None alone where there are none."""
    if length is None:
        return (None,)
    aggregations = spec.aggregation or ("seq-mean-token-sum",)
    levels = {name: (None,) if name == "sequence" else aggregations for name in spec.level or ("token",)}
    norm = float(spec.norm or length)
    return tuple(_level(name, each, norm) for name, aggregations in levels.items() for each in aggregations)


def _level(name: LevelName, aggregation: Aggregation | None, norm: float) -> Level:
    return Level(name, aggregation, norm if aggregation == "seq-mean-token-sum-norm" else 1.0)


def levels_for(estimator: Estimator, plan: Plan) -> tuple[Level | None, ...]:
    """The levels that an estimator has: what a framework ships its own, if the spec names none; one of whole
    distributions, or of returns, is of tokens."""
    levels = plan.levels
    if estimator.home and plan.length is not None:
        return (_level(*estimator.home, float(plan.length)),)
    if estimator.whole is None and not estimator.to_go:
        return levels
    return tuple(level for level in levels if level is None or level.name == "token")


def kind_of(name: str) -> type[Kind]:
    """The class ``Values`` or ``Gradients``, imported only when it is needed."""
    if name == "gradient":
        from klbench.measure.gradients import Gradients

        return Gradients
    from klbench.measure.values import Values

    return Values


@dataclass(frozen=True)
class Pass:
    """Samples drawn once: their blocks, and the index of each measured thing in their sums."""

    blocks: Blocks[Any]
    places: Mapping[Key, int]


@dataclass(frozen=True)
class Sample:
    """The sums of the samples drawn so far: for each measured thing, its pass and the sums of that pass."""

    places: Mapping[Key, tuple[Pass, Merged[Any]]]

    def of(self, key: Key | None) -> Any:
        """The sampled numbers of one thing; None if it is not sampled."""
        if key is None or key not in self.places:
            return None
        drawn, merged = self.places[key]
        return drawn.blocks.accumulator.sampled(merged.left, drawn.places[key])

    def left_behind(self, key: Key) -> tuple[Any, int]:
        """The sums that hold one thing, and its index there."""
        drawn, merged = self.places[key]
        return merged.left, drawn.places[key]
