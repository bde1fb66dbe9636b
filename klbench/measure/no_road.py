"""Why a case has no exact columns, for those estimators whose cells stay empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from klbench.estimators.estimator import Estimator
from klbench.measure.pair import Pair
from klbench.roads.independent import independent
from klbench.wording import few

_DIMENSIONS = "in several dimensions, only powers of one distribution and pairs of MultivariateNormals have one"
_SAMPLER = "powers and MultivariateNormals have one only where samples come from q"
_FACTOR = "the distribution that the powers are of has none"
_SUM = (
    "for powers and MultivariateNormals, only sums of powers and exponentials of log r have one: k1, k2, k3, and every "
    "f-divergence but the Jensen-Shannon divergence and the total variation"
)


def about_missing_roads(pair: Pair, without: Sequence[Estimator]) -> Iterator[str]:
    """A sentence for each reason, naming the estimators ``without`` exact moments it holds for.

    A pair of numbers has its roads, and where one of these fails it is for want of accuracy: nothing is said.
    """
    if not pair.q.event_shape:
        return
    names: dict[str, list[str]] = {}
    for estimator in without:
        names.setdefault(_reason(pair, estimator), []).append(estimator.name)
    for reason, called in names.items():
        whose = few(list(dict.fromkeys(called)))
        yield f"No exact columns for {whose}. klbench has no exact method here: {reason}."


def _reason(pair: Pair, estimator: Estimator) -> str:
    if independent(pair.q, pair.p) is None:
        return _DIMENSIONS
    if pair.sampler is not None:
        return _SAMPLER
    return _SUM if estimator.expansion is None else _FACTOR
