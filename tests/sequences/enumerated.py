"""What is true of sequences, and the moments of every estimator on them, by DESIGN's definitions: sums over all
sequences in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, expm1, fsum, inf, isfinite, log, log1p, prod, sqrt

from tests.sequences.policies import Row, Sequence_, Step, Trio

LEVELS = (
    ("token", "seq-mean-token-sum"),
    ("token", "seq-mean-token-mean"),
    ("token", "token-mean"),
    ("token", "seq-mean-token-sum-norm"),
    ("sequence", ""),
)
NORM = 7.0


def _kl(a: Row, b: Row) -> float:
    return fsum(x * log(x / y) if y else inf for x, y in zip(a, b, strict=True) if x)


def _chi2(a: Row, b: Row) -> float:
    """χ²(a‖b) = Σ (a − b)²/b."""
    return fsum((x - y) ** 2 / y if y else inf for x, y in zip(a, b, strict=True) if x or y)


def _halfway(a: Row, b: Row) -> Row:
    return [(x + y) / 2 for x, y in zip(a, b, strict=True)]


def _hellinger(q: Row, p: Row) -> float:
    return fsum((sqrt(x) - sqrt(y)) ** 2 for x, y in zip(q, p, strict=True)) / 2


Distance = Callable[[Row, Row], float]
DIVERGENCES: dict[str, Distance] = {
    "reverse KL": _kl,
    "forward KL": lambda q, p: _kl(p, q),
    "Jensen-Shannon": lambda q, p: (_kl(q, _halfway(q, p)) + _kl(p, _halfway(q, p))) / 2,
    "squared Hellinger": _hellinger,
    "chi2(p‖q)": lambda q, p: _chi2(p, q),
    "chi2(q‖p)": _chi2,
    "total variation": lambda q, p: fsum(abs(x - y) for x, y in zip(q, p, strict=True)) / 2,
    "alpha(0.5) divergence": lambda q, p: 4 * _hellinger(q, p),
}


def _jensen_shannon(log_r: float) -> float:
    if log_r == -inf:
        return log(2) / 2
    log_half = log1p(expm1(log_r) / 2)  # log((1 + r)/2)
    return (exp(log_r) * (log_r - log_half) - log_half) / 2


def _forward(log_r: float) -> float:
    return 0.0 if log_r == -inf else exp(log_r) * log_r


Function = Callable[[float], float]
ESTIMATORS: dict[str, tuple[str, Function]] = {
    "k1": ("reverse KL", lambda x: -x),
    "k2": ("reverse KL", lambda x: x * x / 2),
    "k3": ("reverse KL", lambda x: expm1(x) - x),
    "abs": ("reverse KL", abs),
    "k1_cv(0.5)": ("reverse KL", lambda x: expm1(x) / 2 - x),
    "forward_kl": ("forward KL", _forward),
    "forward_kl_cv": ("forward KL", lambda x: _forward(x) - expm1(x)),
    "jensen_shannon": ("Jensen-Shannon", _jensen_shannon),
    "jensen_shannon_cv": ("Jensen-Shannon", _jensen_shannon),
    "squared_hellinger": ("squared Hellinger", lambda x: 1 - exp(x / 2)),
    "squared_hellinger_cv": ("squared Hellinger", lambda x: (exp(x / 2) - 1) ** 2 / 2),
    "chi2_pq": ("chi2(p‖q)", lambda x: exp(2 * x) - 1),
    "chi2_pq_cv": ("chi2(p‖q)", lambda x: (exp(x) - 1) ** 2),
    "chi2_qp": ("chi2(q‖p)", lambda x: inf if x == -inf else exp(-x) - 1),
    "chi2_qp_cv": ("chi2(q‖p)", lambda x: inf if x == -inf else (exp(x) - 1) ** 2 / exp(x)),
    "total_variation": ("total variation", lambda x: max(1 - exp(x), 0.0)),
    "total_variation_cv": ("total variation", lambda x: abs(exp(x) - 1) / 2),
    "alpha(0.5)": ("alpha(0.5) divergence", lambda x: -4 * (exp(x / 2) - 1)),
    "alpha_cv(0.5)": ("alpha(0.5) divergence", lambda x: -4 * (exp(x / 2) - 1) + 2 * (exp(x) - 1)),
}
"""By name: what it estimates, and its function of log r = log p/q."""
NAMES = (*ESTIMATORS, "ratio*k1", "ratio*k3", "ratio*forward_kl_cv")


@dataclass(frozen=True)
class Moments:
    """Of one unit: a sequence's number, or a token's where the mean is over tokens.

    Args:
        true: what is to be estimated, under q.
        mean, stdev: of the estimator, under the sampler.
        negative: the share of units that are below 0.
    """

    true: float
    mean: float
    stdev: float
    negative: float


@dataclass(frozen=True)
class Everything:
    """All sequences, with their probabilities."""

    sequences: Sequence[Sequence_]

    @staticmethod
    def of(trio: Trio) -> Everything:
        return Everything(trio.sequences())

    def moments(self, name: str, level: str, aggregation: str, norm: float = NORM) -> Moments:
        """By the definition of a level and an aggregation."""
        target = ESTIMATORS[name.removeprefix("ratio*")][0]
        true = self._true(DIVERGENCES[target], level, aggregation, norm)
        units: list[tuple[float, float]] = []
        for steps in self.sequences:
            prob = prod(step.sampler for step in steps)
            if prob:
                units += [(prob, value) for value in _units(name, steps, level, aggregation, norm)]
        mass = fsum(prob for prob, _ in units)
        mean = fsum(prob * value for prob, value in units) / mass
        spread = fsum(prob * (value - mean) ** 2 for prob, value in units) / mass if isfinite(mean) else inf
        return Moments(true, mean, sqrt(spread), fsum(prob for prob, value in units if value < 0) / mass)

    def _true(self, distance: Distance, level: str, aggregation: str, norm: float) -> float:
        if level == "sequence":
            q, p = ([prod(getattr(step, of) for step in steps) for steps in self.sequences] for of in ("q", "p"))
            return distance(q, p)
        values, lengths = [], []
        for steps in self.sequences:
            prob = prod(step.q for step in steps)
            if prob:
                of_tokens = fsum(distance(step.q_row, step.p_row) for step in steps)
                values.append(prob * (of_tokens / len(steps) if aggregation == "seq-mean-token-mean" else of_tokens))
                lengths.append(prob * len(steps))
        total = fsum(values)
        return total / {"token-mean": fsum(lengths), "seq-mean-token-sum-norm": norm}.get(aggregation, 1.0)

    @property
    def count(self) -> int:
        """How many sequences may be drawn."""
        return sum(all(step.sampler for step in steps) for steps in self.sequences)


def log_ratio(q: float, p: float) -> float:
    """log p/q of a token."""
    return -inf if not p else inf if not q else log(p) - log(q)


def of_one(name: str, x: float, weight: float) -> float:
    """An estimator at one log r, where q/sampler is ``weight``."""
    function = ESTIMATORS[name.removeprefix("ratio*")][1]
    if not name.startswith("ratio*"):
        return function(x)
    return weight * function(x) if weight else 0.0


def _units(name: str, steps: Sequence[Step], level: str, aggregation: str, norm: float) -> list[float]:
    """The numbers that a sequence has: one, or one for each token where the mean is over tokens."""
    if level == "sequence":
        whole = fsum(log_ratio(step.q, step.p) for step in steps)
        return [of_one(name, whole, prod(step.q / step.sampler for step in steps))]
    tokens = [of_one(name, log_ratio(step.q, step.p), step.q / step.sampler) for step in steps]
    if aggregation == "token-mean":
        return tokens
    return [fsum(tokens) / {"seq-mean-token-mean": len(tokens), "seq-mean-token-sum-norm": norm}.get(aggregation, 1.0)]
