"""What a run's log-probabilities say about themselves: whether the tokens were drawn as is claimed.

Under what drew the tokens the mean of p/q is 1, and so is that of q/sampler. Another temperature, a truncated or a
stale policy, another engine than the one that is named: each moves them. Errors are clustered as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

from klbench.derived.level import AtLevel, Level
from klbench.derived.self_normalised import EffectiveShare, Pooled, Ratio
from klbench.estimators.term import Term, one
from klbench.problems.dump import Dump
from klbench.row import z_score

if TYPE_CHECKING:
    from torch import Tensor

    from klbench.measure.plan import Sample
    from klbench.problems.build import AnyPair

RATIO, WEIGHT, ESS = "mean_ratio_minus_one", "mean_weight_minus_one", "ess_share"
LEVELS = {"token": Level("token", "token-mean"), "sequence": Level("sequence", None)}


@dataclass(frozen=True)
class Check:
    """A line of checks.csv.

    Args:
        check: what is checked.
        level: of tokens, or of whole sequences.
        value: what was measured; 0 is expected of a mean, at most 1 is a share of effective samples.
        mcse: its error, by clusters.
        z: value over error; NaN of a share.
    """

    check: str
    level: str
    value: float
    mcse: float
    z: float


def asked(pair: AnyPair) -> Mapping[tuple[str, str], Ratio]:
    """What is measured of a pair for its checks, by their names and levels; nothing where nothing is claimed."""
    if not isinstance(pair, Dump):
        return {}
    ratio = Term(_less_one)
    # the engine's own log-probabilities: the trainer's are what they are compared with
    weight = Term(one, weighted=True) if pair.sampler is not None else Term(_ratio)
    # about 0, not 1: squares of what is nearly 1 would leave no digit of the error
    less_one = Term(_none, joint=_weight_less_one, looks_at="sampler") if pair.sampler is not None else ratio
    known: dict[tuple[str, str], Ratio] = {}
    for name, level in LEVELS.items():
        known[RATIO, name] = Pooled(AtLevel(ratio, level))
        if pair.sampler is not None or pair.q == "log_sampler":
            known[WEIGHT, name] = Pooled(AtLevel(less_one, level))
            known[ESS, name] = EffectiveShare(AtLevel(weight, level))
    return known


def answered(pair: AnyPair, sample: Sample) -> tuple[Check, ...]:
    """The checks of a pair, as measured."""
    checks = []
    for (name, level), ratio in asked(pair).items():
        found = sample.of(ratio).mean
        z = nan if name == ESS else z_score(found.value, 0.0, found.mcse)
        checks.append(Check(name, level, found.value, found.mcse, z))
    return tuple(checks)


def _less_one(log_ratio: Tensor) -> Tensor:
    return log_ratio.expm1()


def _ratio(log_ratio: Tensor) -> Tensor:
    return log_ratio.exp()


def _none(log_ratio: Tensor) -> Tensor:
    return log_ratio.new_zeros(log_ratio.shape)


def _weight_less_one(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:  # noqa: ARG001
    return (log_q - log_sampler).expm1()
