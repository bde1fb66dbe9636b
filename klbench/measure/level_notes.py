"""Notes about sequences: what each aggregation estimates, and where a KL that is infinite comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf, isfinite
from typing import TYPE_CHECKING

from klbench.derived.level import Level
from klbench.estimators.catalogue import unweighted
from klbench.estimators.divergence import REVERSE_KL
from klbench.measure.quantity import Aim
from klbench.problems.sequences import SequencePair
from klbench.roads.chain import expected_length, visits
from klbench.roads.sequence_chain import chain_of
from klbench.wording import agreeing, counted, joined

if TYPE_CHECKING:
    from klbench.estimators.estimator import Estimator
    from klbench.measure.kind import Kind


def about_aggregations(kind: Kind) -> Iterator[str]:
    """What the mean of an aggregation estimates, where that is not the KL of sequences."""
    if not isinstance(kind.pair, SequencePair):
        return
    levels = dict.fromkeys(quantity.level for quantity in kind.quantities if quantity.level is not None)
    alike: dict[str, list[str]] = {}
    for level in levels:
        estimated = kind.target(Aim(REVERSE_KL, level)).value
        if level.aggregation not in (None, "seq-mean-token-sum") and isfinite(estimated):
            meaning = f"{_meaning(level, kind.pair)}: {estimated:.6g}.{_consequence(level, kind.pair, kind.estimators)}"
            alike.setdefault(meaning, []).append(level.aggregation)
    for meaning, aggregations in alike.items():
        yield f"{joined(aggregations)} {agreeing(aggregations, 'estimates', 'estimate')} {meaning}"


def _meaning(level: Level, pair: SequencePair) -> str:
    length = pair.joint.length
    if not pair.joint_may_end and (level.aggregation != "seq-mean-token-sum-norm" or level.norm == length):
        return f"the KL of sequences over their length, {counted(length, 'token')}"
    match level.aggregation:
        case "token-mean":
            mean_length = expected_length(chain_of(pair.on_policy))
            return f"the KL of sequences over their mean length, {mean_length:.6g} tokens"
        case "seq-mean-token-sum-norm":
            return f"the KL of sequences over {level.norm:g}"
        case _:
            return "the mean over sequences of their token means, which is not the KL of sequences over any number"


def _consequence(level: Level, pair: SequencePair, estimators: Iterable[Estimator]) -> str:
    """What varying lengths do to the means of sequences: to estimators of the spec, on samples of q."""
    if level.aggregation != "seq-mean-token-mean" or not pair.joint_may_end:
        return ""
    names = {unweighted(estimator.name) for estimator in estimators}
    biased, right = [name for name in ("k1", "k3") if name in names], "full" in names
    if not biased and not right:
        return ""
    said = f"{joined(biased)} {agreeing(biased, 'is', 'are')} biased for it even on samples of q" if biased else ""
    said += (", where full is not" if biased else "full is unbiased for it on samples of q alone") if right else ""
    return f" Lengths depend on the tokens drawn, so {said}."


def about_infinite(pair: SequencePair) -> str:
    """The first token of q that p does not have, and the prefix it comes after; empty where there is none."""
    joint = pair.joint
    visited = visits(chain_of(pair.on_policy)) > 0
    missing = (joint.log_q > -inf) & joint.log_p.isneginf() & visited[:, None]
    if not missing.any():
        return ""
    state, token = (int(index) for index in missing.nonzero()[0])
    prefix = joint.prefix(state)
    after = (
        f"after {', '.join(map(str, prefix[:_SHOWN]))}{', …' * (len(prefix) > _SHOWN)}" if prefix else "at the start"
    )
    return f"q may draw the token {token} {after}, and p cannot"


_SHOWN = 8
"""Tokens of a prefix that are named."""
