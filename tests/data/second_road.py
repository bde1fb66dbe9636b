"""The numbers of a dump by plain NumPy, row by row, from the design alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

import numpy as np

from tests.data.dumps import Line, Numbers

FUNCTIONS = {
    "k1": lambda log_ratio: -log_ratio,
    "k2": lambda log_ratio: log_ratio**2 / 2,
    "k3": lambda log_ratio: np.expm1(log_ratio) - log_ratio,
}
LEVELS = (
    ("token", "seq-mean-token-sum"),
    ("token", "seq-mean-token-mean"),
    ("token", "token-mean"),
    ("token", "seq-mean-token-sum-norm"),
    ("sequence", ""),
)


@dataclass(frozen=True)
class Found:
    """What is expected of a row of results.csv."""

    mean: float
    mcse: float
    stdev: float | None
    negative: float | None


@dataclass(frozen=True)
class Compared:
    """The counted tokens of every sequence that has some: log-ratios, log-weights, and the numbers of groups."""

    log_ratios: list[Numbers]
    log_weights: list[Numbers]
    groups: list[int]

    @property
    def longest(self) -> int:
        """Of all rows, in counted tokens."""
        return max(map(len, self.log_ratios))


def compared(lines: Sequence[Line], q: str, p: str, sampler: str | None) -> Compared:
    """The columns of two roles, weights q/sampler beside them, 1 without a sampler."""
    names: dict[Any, int] = {}
    log_ratios, log_weights, groups = [], [], []
    for number, line in enumerate(lines):
        if not line.mask.any():
            continue
        own = line.counted(q)
        log_ratios.append(line.counted(p) - own)
        log_weights.append(own - line.counted(sampler) if sampler else np.zeros(len(own)))
        name = line.group if line.group is not None else line.prompt if line.prompt is not None else ("row", number)
        groups.append(names.setdefault(name, len(names)))
    return Compared(log_ratios, log_weights, groups)


def expected(data: Compared, name: str, level: str, aggregation: str, *, norm: float, clip: float = np.inf) -> Found:
    """A row of results.csv of an estimator, weighted or not."""
    weight, _, base = name.rpartition("*")
    function = FUNCTIONS[base]
    normalised, weight = weight.startswith("self-normalised-"), weight.removeprefix("self-normalised-")
    units, weights = [], []
    for log_ratio, log_weight in zip(data.log_ratios, data.log_weights, strict=True):
        whole = level == "sequence"
        values = function(log_ratio.sum(keepdims=True) if whole else log_ratio)
        own = _weights(weight, log_weight, whole=whole)
        own = np.minimum(own, clip) if weight else own
        units.append(values)
        weights.append(np.broadcast_to(own, values.shape))
    if normalised:
        return _normalised(data, units, weights, weight, level, aggregation, norm)
    return _plain(data, [w * v for w, v in zip(weights, units, strict=True)], aggregation, norm)


def _weights(kind: str, log_weight: Numbers, *, whole: bool) -> Numbers:
    if not kind:
        return np.ones(1)
    if kind == "ratio-geometric":
        return np.exp(log_weight.mean(keepdims=True))
    if kind == "ratio-sequence" or whole:
        return np.exp(log_weight.sum(keepdims=True))
    return np.exp(log_weight)


def _plain(data: Compared, values: list[Numbers], aggregation: str, norm: float) -> Found:
    lengths = np.array([len(each) for each in values], float)
    if aggregation == "token-mean":
        tokens = np.concatenate(values)
        mean = tokens.mean()
        deviations = np.array([(each - mean).sum() for each in values])
        return _found(data, mean, deviations, lengths.sum(), tokens, ddof=0)
    sums = np.array([each.sum() for each in values])
    if aggregation == "seq-mean-token-mean":
        sums = sums / lengths
    if aggregation == "seq-mean-token-sum-norm":
        sums = sums / norm
    return _found(data, sums.mean(), sums - sums.mean(), float(len(sums)), sums)


def _found(data: Compared, mean: float, deviations: Numbers, number: float, units: Numbers, ddof: int = 1) -> Found:
    stdev = float(units.std(ddof=ddof))
    return Found(float(mean), clustered(deviations, data.groups, number), stdev, float((units < 0).mean()))


def clustered(deviations: Numbers, groups: Sequence[int], number: float) -> float:
    """√(Σ_g D_g² G/(G − 1))/n."""
    summed: dict[int, float] = {}
    for deviation, group in zip(deviations, groups, strict=True):
        summed[group] = summed.get(group, 0.0) + float(deviation)
    count = len(summed)
    if count < 2:
        return nan
    return sqrt(sum(each * each for each in summed.values()) * count / (count - 1)) / number


def _normalised(
    data: Compared, units: list[Numbers], weights: list[Numbers], kind: str, level: str, aggregation: str, norm: float
) -> Found:
    """Σ w v / Σ w; of a token's weights with sums over tokens times the mean length. Errors by leaving out groups."""
    lengths = np.array([len(each) for each in units], float)
    weighted = np.array([(w * v).sum() for w, v in zip(weights, units, strict=True)])
    of_weights = np.array([w.sum() for w in weights])
    by_token = level == "token" and kind == "ratio"
    if aggregation == "seq-mean-token-mean":
        weighted, of_weights = weighted / lengths, of_weights / lengths
    elif level == "token" and aggregation != "token-mean" and not by_token:
        of_weights = of_weights / lengths
    factor = 1 / norm if aggregation == "seq-mean-token-sum-norm" else 1.0
    scaled = by_token and aggregation in ("seq-mean-token-sum", "seq-mean-token-sum-norm")

    ratio = weighted.sum() / of_weights.sum()
    mean_length = lengths.mean() if scaled else 1.0
    deviations = (weighted - ratio * of_weights) / of_weights.mean() * mean_length
    if scaled:
        deviations = deviations + ratio * (lengths - mean_length)
    mean = ratio * mean_length * factor
    return Found(float(mean), clustered(deviations * factor, data.groups, len(lengths)), None, None)
