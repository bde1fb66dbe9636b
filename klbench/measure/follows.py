"""What an expected gradient is the gradient of: compared, exactly, with those of a fixed list.

The gradient of every divergence on the list is an exact expectation itself, so the comparison is of two vectors known
to 1e-9 or better. On some pairs two of the list have the same gradient (the location of Gaussians of one variance moves
both KLs alike): the first is named, and the others are told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import torch
from torch import Tensor

from klbench.derived.gradient import own_coefficient, true_coefficient
from klbench.estimators.divergence import CHI2_PQ, CHI2_QP, FORWARD_KL, REVERSE_KL, TOTAL_VARIATION
from klbench.estimators.term import Term
from klbench.roads.gradient import ExactVector

ITSELF, NOTHING, NONE = "E_q[k]", "0", "none"
_SAME = 1e-8
_MARGIN = 10.0

Parts = tuple[tuple[float, Term], ...]


@cache
def _known() -> Mapping[str, Parts]:
    """Each name on the list with the coefficients whose expectations it is a sum of."""
    reverse, forward, qp, pq, tv = (
        true_coefficient(target) for target in (REVERSE_KL, FORWARD_KL, CHI2_QP, CHI2_PQ, TOTAL_VARIATION)
    )
    return {
        "KL(q‖p)": ((1.0, reverse),),
        "KL(p‖q)": ((1.0, forward),),
        "KL(q‖p) − KL(p‖q)": ((1.0, reverse), (-1.0, forward)),
        "½χ²(q‖p)": ((0.5, qp),),
        "χ²(p‖q)": ((1.0, pq),),
        "2·TV": ((2.0, tv),),
        ITSELF: (),
        "−KL(q‖p)": ((-1.0, reverse),),
        "−KL(p‖q)": ((-1.0, forward),),
    }


LABELS = (NOTHING, *_known(), NONE)

OnQ = Callable[[Term], ExactVector | None]
"""The exact moments of a coefficient's gradient on samples of q."""


def follows(gradient: ExactVector | None, estimator: Term, on_q: OnQ) -> tuple[str, ...]:
    """The names on the list whose gradient this is: ``("none",)`` for none of them, empty where it is not known.

    Args:
        gradient: the exact expected gradient.
        estimator: the value whose own expectation is on the list.
        on_q: gives the gradients of the list.
    """
    if gradient is None or not bool(gradient.mean.isfinite().all()):
        return ()
    floor = _MARGIN * gradient.rounding
    found = [NOTHING] if float(gradient.mean.norm()) <= floor else []
    for name, parts in _known().items():
        candidate = _sum(parts or ((1.0, own_coefficient(estimator)),), on_q)
        if candidate is not None and bool(candidate.isfinite().all()) and _equal(gradient.mean, candidate, floor):
            found.append(name)
    return tuple(found) or (NONE,)


def _sum(parts: Parts, on_q: OnQ) -> Tensor | None:
    found = [(factor, on_q(term)) for factor, term in parts]
    vectors = [factor * each.mean for factor, each in found if each is not None]
    return torch.stack(vectors).sum(0) if len(vectors) == len(parts) else None


def _equal(first: Tensor, second: Tensor, floor: float) -> bool:
    return float((first - second).norm()) <= _SAME * float(torch.maximum(first.norm(), second.norm())) + floor
