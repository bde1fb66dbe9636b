"""The f-divergences, from samples of q: each plain, f(r), and with its control variate, f(r) − f'(1)(r − 1).

All of them agree with the KL to second order (up to the factor f''(1)), and differ in how much the tails of r weigh.
The generators are in ``divergence``; an entry here names one, and both of its estimators follow. Where f'(1) = 0 (the
Jensen-Shannon divergence) the two are the same function.

Source: Schulman (2020); Nowozin, Cseke and Tomioka (2016) for the generators.
"""

from __future__ import annotations

from dataclasses import dataclass

from klbench.estimators.divergence import (
    CHI2_PQ,
    CHI2_QP,
    FORWARD_KL,
    JENSEN_SHANNON,
    SQUARED_HELLINGER,
    TOTAL_VARIATION,
    Divergence,
    alpha_divergence,
)
from klbench.estimators.estimator import Estimator, EstimatorFamily

SOURCE = "Schulman (2020); Nowozin et al. (2016), f-GAN"
UNSEEN_MASS = "p has mass where q has none, which samples from q never show"


@dataclass(frozen=True)
class _Entry:
    """What the two estimators of one divergence declare. ``term`` is f(r), ``lifted`` the same with its control
    variate."""

    name: str
    divergence: Divergence
    term: str
    lifted: str
    summary: str
    infinite_variance_when: str
    infinite_variance_when_lifted: str
    plain_nonnegative: bool = False
    unseen_mass: str = UNSEEN_MASS


_RATIO = "E_q[r²] is infinite: p has heavier tails than q"
_NEVER = "never: the value is bounded"


def _estimators(entry: _Entry) -> tuple[Estimator, Estimator]:
    divergence = entry.divergence
    plain = Estimator(
        name=entry.name,
        formula=entry.term,
        target=divergence,
        function=divergence.generator,
        expansion=divergence.expansion,
        unbiased=True,
        nonnegative=entry.plain_nonnegative,
        biased_when=entry.unseen_mass,
        infinite_variance_when=entry.infinite_variance_when,
        source=SOURCE,
        summary=entry.summary,
    )
    lifted = Estimator(
        name=f"{_head(entry.name)}_cv{_tail(entry.name)}",
        formula=entry.lifted,
        target=divergence,
        function=divergence.with_control_variate,
        expansion=divergence.expansion_with_control_variate,
        unbiased=True,
        nonnegative=True,
        biased_when="p has mass where q has none (there E_q[r] < 1)",
        infinite_variance_when=entry.infinite_variance_when_lifted,
        source=SOURCE,
        summary=f"{entry.summary}\n\nWith the control variate built in: f minus its tangent at r = 1, never negative.",
    )
    return plain, lifted


def _head(name: str) -> str:
    return name.partition("(")[0]


def _tail(name: str) -> str:
    return name[len(_head(name)) :]


def _alpha(alpha: float) -> _Entry:
    grows = "E_q[r^2α] is infinite (α > ½: where p's tails are heavy; α < 0: where q's are)"
    return _Entry(
        name=f"alpha({alpha:g})",
        divergence=alpha_divergence(alpha),
        term={0.0: "−log r", 1.0: "r log r"}.get(alpha, f"(r^{alpha:g} − 1) / ({alpha:g}·({alpha:g} − 1))"),
        lifted=f"the α = {alpha:g} generator minus its tangent at r = 1",
        summary="The α-divergence (E_q[r^α] − 1)/(α(α − 1)): the reverse KL at α = 0, the forward KL at α = 1.",
        infinite_variance_when=grows,
        infinite_variance_when_lifted=f"{_RATIO}, or {grows}",
        unseen_mass=UNSEEN_MASS if alpha >= 1 else "never",
    )


_ENTRIES = (
    _Entry(
        name="forward_kl",
        divergence=FORWARD_KL,
        term="r log r",
        lifted="r log r − (r − 1)",
        summary="The forward KL(p‖q) from samples of q: E_q[r log r].",
        infinite_variance_when="E_q[r² log² r] is infinite: p has heavier tails than q",
        infinite_variance_when_lifted="E_q[r² log² r] is infinite: p has heavier tails than q",
    ),
    _Entry(
        name="jensen_shannon",
        divergence=JENSEN_SHANNON,
        term="½ [r log(2r/(1 + r)) + log(2/(1 + r))]",
        lifted="½ [r log(2r/(1 + r)) + log(2/(1 + r))]   (f'(1) = 0: the same)",
        summary="The Jensen-Shannon divergence ½ KL(q‖m) + ½ KL(p‖m), m = (q + p)/2: symmetric, at most log 2.",
        infinite_variance_when=_RATIO,
        infinite_variance_when_lifted=_RATIO,
        plain_nonnegative=True,
    ),
    _Entry(
        name="squared_hellinger",
        divergence=SQUARED_HELLINGER,
        term="1 − √r",
        lifted="½ (√r − 1)²",
        summary="The squared Hellinger distance 1 − ∫√(qp): symmetric, at most 1; r enters by its root.",
        infinite_variance_when="never: E_q[r] is at most 1",
        infinite_variance_when_lifted=_RATIO,
        unseen_mass="never",
    ),
    _Entry(
        name="chi2_pq",
        divergence=CHI2_PQ,
        term="r² − 1",
        lifted="(r − 1)²",
        summary="χ²(p‖q) = E_q[r²] − 1: what the variance of an importance weight p/q is.",
        infinite_variance_when="E_q[r⁴] is infinite (it is itself infinite where E_q[r²] is)",
        infinite_variance_when_lifted="E_q[r⁴] is infinite (it is itself infinite where E_q[r²] is)",
    ),
    _Entry(
        name="chi2_qp",
        divergence=CHI2_QP,
        term="1/r − 1",
        lifted="(r − 1)²/r",
        summary="χ²(q‖p) = E_q[1/r] − 1: what k3 with the ratio upside-down estimates, less the KL.",
        infinite_variance_when="E_q[1/r²] is infinite: q has heavier tails than p",
        infinite_variance_when_lifted="E_q[1/r²] or E_q[r²] is infinite: either tail is heavier than the other",
        unseen_mass="never",
    ),
    _Entry(
        name="total_variation",
        divergence=TOTAL_VARIATION,
        term="max(1 − r, 0)",
        lifted="½ |r − 1|",
        summary="The total variation distance ½ ∫|q − p|: symmetric, at most 1.",
        infinite_variance_when=_NEVER,
        infinite_variance_when_lifted=_RATIO,
        plain_nonnegative=True,
        unseen_mass="never",
    ),
)

ESTIMATORS = tuple(estimator for entry in _ENTRIES for estimator in _estimators(entry))

FAMILIES = (
    EstimatorFamily(
        name="alpha",
        parameter="α, the order of the divergence,",
        example=0.5,
        make=lambda alpha: _estimators(_alpha(alpha))[0],
        summary=_alpha(0.5).summary,
    ),
    EstimatorFamily(
        name="alpha_cv",
        parameter="α, the order of the divergence,",
        example=0.5,
        make=lambda alpha: _estimators(_alpha(alpha))[1],
        summary=_alpha(0.5).summary,
    ),
)
