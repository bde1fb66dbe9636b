"""The estimators a spec asks for, ready to be measured on one case: found, imported where they are a user's, fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from klbench.estimators.catalogue import find
from klbench.estimators.estimator import Estimator
from klbench.measure.draws import Draws
from klbench.measure.fit import Fit, fit
from klbench.measure.pair import Pair
from klbench.spec.model import Spec
from klbench.users.ready import ready


@dataclass(frozen=True)
class Asked:
    """Estimators with nothing left to fit, and what was fitted, by name."""

    estimators: tuple[Estimator, ...]
    fits: Mapping[str, Fit]

    @staticmethod
    def of(spec: Spec, pair: Pair, draws: Draws) -> Asked:
        """Find, import and fit.

        Raises:
            SpecError: a user's function cannot be used.
        """
        found = [as_asked(ready(find(name)), spec.measure) for name in spec.estimators]
        fitted = [fit(estimator, draws, pair) for estimator in found]
        fits = {estimator.name: value for estimator, value in fitted if value is not None}
        return Asked(tuple(estimator for estimator, _ in fitted), fits)


def as_asked(estimator: Estimator, measure: str) -> Estimator:
    """As a value, an entry that is weighted by default is; for gradients the weighting is a column of its own."""
    return replace(estimator, weighted=True) if measure == "value" and estimator.weighting != "none" else estimator
