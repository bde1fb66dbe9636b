"""The probes: pairs on which an estimator is identified, and the values its mean is compared with.

Five tokens with unusual logits: on them no two divergences of the list coincide, in value or in gradient,
and log_ratio stays within ±1, so that no clamp in use is active. Clamps are examined elsewhere (``zones``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from klbench.distributions.build import build
from klbench.distributions.score import score_of
from klbench.estimators.divergence import (
    CHI2_PQ,
    CHI2_QP,
    FORWARD_KL,
    JENSEN_SHANNON,
    REVERSE_KL,
    SQUARED_HELLINGER,
    TOTAL_VARIATION,
)
from klbench.measure.exact_gradients import ExactGradients
from klbench.measure.truth import true_value
from klbench.problems.pair import Pair
from klbench.spec.expression import read

_Q = "Categorical(logits=[0.31, -0.42, 0.17, 0.58, -0.23])"
_P = "Categorical(logits=[0.02, -0.11, 0.49, 0.05, 0.26])"
_SAMPLER = "Categorical(logits=[0.13, -0.2, 0.4, 0.21, -0.37])"
_NEAR = "Categorical(logits=[0.3101, -0.4198, 0.1704, 0.5797, -0.2302])"

_COMBINED: Mapping[str, tuple[tuple[float, str], ...]] = {
    "KL(q‖p)": ((1.0, "reverse KL"),),
    "KL(p‖q)": ((1.0, "forward KL"),),
    "½χ²(q‖p)": ((0.5, CHI2_QP.name),),
    "χ²(q‖p)": ((1.0, CHI2_QP.name),),
    "χ²(q‖p) − KL(q‖p)": ((1.0, CHI2_QP.name), (-1.0, "reverse KL")),
    "χ²(p‖q)": ((1.0, CHI2_PQ.name),),
    "TV": ((1.0, TOTAL_VARIATION.name),),
    "2·TV": ((2.0, TOTAL_VARIATION.name),),
    "JS": ((1.0, JENSEN_SHANNON.name),),
    "H²": ((1.0, SQUARED_HELLINGER.name),),
    "−KL(q‖p)": ((-1.0, "reverse KL"),),
    "−KL(p‖q)": ((-1.0, "forward KL"),),
    "2·KL(q‖p)": ((2.0, "reverse KL"),),
}
_TARGETS = (REVERSE_KL, FORWARD_KL, CHI2_PQ, CHI2_QP, TOTAL_VARIATION, JENSEN_SHANNON, SQUARED_HELLINGER)


@dataclass(frozen=True)
class Probe:
    """A pair with its exact gradients, and the values of the divergences that a mean may be."""

    pair: Pair
    gradients: ExactGradients
    values: Mapping[str, float]


@cache
def on_policy() -> Probe:
    """The probe on samples of q."""
    return _probe(_P, None)


@cache
def stale() -> Probe:
    """The probe on samples of an old policy."""
    return _probe(_P, _SAMPLER)


@cache
def near() -> Probe:
    """The probe with q and p so close that divergences agree if they agree to second order."""
    return _probe(_NEAR, None)


def _probe(p: str, sampler: str | None) -> Probe:
    pair = Pair(build(read(_Q)), build(read(p)), build(read(sampler)) if sampler else None)
    values = {target.name: true_value(target, pair.q, pair.p).value for target in _TARGETS}
    combined = {name: sum(factor * values[part] for factor, part in parts) for name, parts in _COMBINED.items()}
    return Probe(pair, ExactGradients(pair, score_of(pair.q)), combined)
