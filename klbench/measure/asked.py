"""The estimators a spec asks for: looked up by name, a user's imported, coefficients fitted.

The λ of least variance in base + λ·control comes from a pilot sample of its own, drawn from a stream no block shares.
So the fitted estimator is an ordinary one with a constant λ, independent of the samples it is judged on: unbiased, with
exact moments and errors like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import inf, isfinite, nan

from torch import Tensor

from klbench.derived.level import Level
from klbench.derived.measured import Measured, at_level
from klbench.estimators.catalogue import find
from klbench.estimators.estimator import SCOPE_OF, Estimator
from klbench.estimators.term import LooksAt, Term, on_samples_of_q
from klbench.frameworks.catalogue import find as shipped
from klbench.frameworks.catalogue import is_shipped
from klbench.problems.build import AnyPair
from klbench.roads.exact import exact
from klbench.users.ready import ready

Pilot = Callable[[tuple[Measured, ...]], list[Tensor]]
"""Terms -> the values of each on a pilot sample [n]."""


@dataclass(frozen=True)
class Fit:
    """A fitted coefficient: what the pilot gave, and the exact optimum where it is known (else NaN)."""

    coefficient: float
    optimum: float


def imported(names: Iterable[str]) -> dict[str, Estimator]:
    """The estimators of these names, by name.

    Raises:
        SpecError: a user's function cannot be used.
    """
    return {name: ready(find(name)) for name in names}


def fit_all(
    estimators: Mapping[str, Estimator], pair: AnyPair, pilot: Pilot, level: Level | None = None
) -> dict[str, Fit]:
    """Fit every coefficient that has to be fitted, by the estimator's name; on sequences to its value at a level."""
    fits = {name: _fit(estimator, pair, pilot, level) for name, estimator in estimators.items()}
    return {name: fit for name, fit in fits.items() if fit is not None}


def settled(estimators: Mapping[str, Estimator], coefficients: Mapping[str, float | None]) -> dict[str, Estimator]:
    """The estimators with the fitted coefficients put in."""
    known = {name: value for name, value in coefficients.items() if value is not None}
    return {
        name: estimator.fitted(known[name]) if name in known else estimator for name, estimator in estimators.items()
    }


def as_measured(estimator: Estimator, measure: str, clip: float = inf) -> Estimator:
    """The estimator with its default weight, if values are measured; for gradients the weighting is a column. No weight
    is larger than ``clip``."""
    own = estimator
    if measure == "value" and estimator.weighting != "none":
        own = replace(estimator, weighted=True, scope=SCOPE_OF.get(estimator.weighting, "sample"))
    return replace(own, clip=clip) if own.weighted and clip != inf else own


def is_of_mismatch(name: str) -> bool:
    """Whether it is what a framework takes of the trainer against the engine, KL(sampler‖q), whatever p is."""
    return is_shipped(name) and shipped(name).against_sampler


@cache
def of_mismatch(estimator: Estimator) -> Estimator:
    """A framework's own estimator of KL(sampler‖q) where the engine that drew the tokens is the policy and the trainer
    the reference: its function is then told so. The same for the same, by which its sums are found again."""
    joint = estimator.joint
    if joint is None or not is_of_mismatch(estimator.name):
        return estimator

    def told(log_engine: Tensor, log_trainer: Tensor, _: Tensor) -> Tensor:
        return joint(log_trainer, log_trainer, log_engine)

    looks_at: LooksAt = "absolute" if estimator.looks_at == "absolute" else "ratio"
    return replace(estimator, function=on_samples_of_q(told), joint=told, looks_at=looks_at, expansion=None)


def exactly_fitted(estimator: Estimator, pair: AnyPair, level: Level | None = None) -> Estimator | None:
    """The estimator with the exact optimum for its coefficient; None where that is not known."""
    if estimator.control_term is None:
        return estimator
    optimum = _exact_optimum(pair, estimator.term, estimator.control_term, level)
    return estimator.fitted(optimum) if isfinite(optimum) else None


def _fit(estimator: Estimator, pair: AnyPair, pilot: Pilot, level: Level | None) -> Fit | None:
    control = estimator.control_term
    if control is None:
        return None
    optimum = _exact_optimum(pair, estimator.term, control, level)
    terms = at_level(estimator.term, level), at_level(control, level)
    # if the control has no variance, the sum has none either unless the coefficient is 0
    return Fit(optimum if optimum == 0 else _least_variance(*pilot(terms)), optimum)


def _exact_optimum(pair: AnyPair, base: Term, control: Term, level: Level | None) -> float:
    """-Cov(base, control)/Var(control); 0 if the control has no variance, NaN without an exact method."""
    # Cov(a, b) = (Var(a + b) − Var(a − b))/4, because the exact roads give moments of one function, not of two
    together = Term(lambda log_ratio: base.function(log_ratio) + control.function(log_ratio), base.weighted)
    apart = Term(lambda log_ratio: base.function(log_ratio) - control.function(log_ratio), base.weighted)
    moments = [exact(pair, at_level(term, level)) for term in (control, together, apart)]
    if moments[0] is not None and not moments[0].has_variance:
        return 0.0
    variance, plus, minus = (moment.stdev * moment.stdev if moment else nan for moment in moments)
    return (minus - plus) / (4 * variance) if 0 < variance < inf and isfinite(plus) and isfinite(minus) else nan


def _least_variance(base: Tensor, control: Tensor) -> float:
    spread = control - control.mean()
    # a control that is constant on the pilot would be 0/0
    coefficient = -float((base - base.mean()) @ spread) / float(spread @ spread) if spread.any() else 0.0
    return coefficient if isfinite(coefficient) else 0.0
