"""The name of what a mean gradient is the gradient of, by exact comparison with a fixed list.

The gradient of every divergence on the list is an exact expectation itself, so the comparison is of two vectors known
to 1e-9 or better. On some pairs two of the list have the same gradient (the location of Gaussians of one variance moves
both KLs alike): the first is named, and the others are told.

A gradient that is none of the list may be a multiple of a divergence's, or a sum of two such multiples: ``2·KL(q‖p) −
KL(p‖q)``. Any vector is a combination of as many others as it has dimensions, so a combination counts only where the
gradients of the divergences span more dimensions than it has parts, and only if its coefficients are simple fractions.
The estimator's own mean may be multiplied too, and is never part of a sum: each gradient in the reward is the one of
its mean less the one in the loss, so such a sum would say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from itertools import combinations
from types import MappingProxyType

import torch
from torch import Tensor

from klbench.derived.coefficient import own_coefficient, true_coefficient
from klbench.estimators.divergence import CHI2_PQ, CHI2_QP, FORWARD_KL, REVERSE_KL, TOTAL_VARIATION
from klbench.estimators.term import Term
from klbench.roads.exact_vector import ExactVector
from klbench.tolerances import SAME_DIRECTION

ITSELF, NOTHING, NONE = "E_q[k]", "0", "none"
_SAME = 1e-8
"""Two gradients are the same if they differ by less than this share of the longer: ten times the exact accuracy."""
_MARGIN = 10.0
"""The further difference that is allowed, in units of a gradient's rounding error."""
_DENOMINATORS = 1024
"""Coefficients are whole numbers and fractions down to this: a mean over a batch of n shrinks a gradient to 1 − 1/n."""
_MOST_PARTS = 2
"""A sum of three multiples of divergences fits almost any gradient of few components."""

Parts = tuple[tuple[float, Term], ...]


@cache
def _known() -> Mapping[str, Parts]:
    """Each name on the list, with its gradient as a sum of expectations of coefficients."""
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
"""The names on the list; combinations of them come besides."""


@cache
def _divergences() -> Mapping[str, Term]:
    """The divergences that a combination may have, by the coefficient of their gradient."""
    targets = {"KL(q‖p)": REVERSE_KL, "KL(p‖q)": FORWARD_KL, "χ²(q‖p)": CHI2_QP, "χ²(p‖q)": CHI2_PQ}
    return {name: true_coefficient(target) for name, target in (targets | {"TV": TOTAL_VARIATION}).items()}


OnQ = Callable[[Term], ExactVector | None]
"""The exact moments of a coefficient's gradient on samples of q."""


def follows(
    gradient: ExactVector | None, estimator: Term, on_q: OnQ, others: Mapping[str, Tensor] = MappingProxyType({})
) -> tuple[str, ...]:
    """The names on the list that have this gradient, or else a combination of them; ``("none",)`` if there is none.

    Empty where the gradient is not known.

    Args:
        gradient: the exact expected gradient.
        estimator: the value whose own expectation is on the list.
        on_q: gives the gradients of the list.
        others: more names, each with its gradient.
    """
    if gradient is None or not bool(gradient.mean.isfinite().all()):
        return ()
    floor = _MARGIN * gradient.rounding
    names = [NOTHING] if float(gradient.mean.norm()) <= floor else []
    for name, parts in _known().items():
        candidate = _sum(parts or ((1.0, own_coefficient(estimator)),), on_q)
        if candidate is not None and bool(candidate.isfinite().all()) and _equal(gradient.mean, candidate, floor):
            names.append(name)
    names += [name for name, candidate in others.items() if _equal(gradient.mean, candidate, floor)]
    return tuple(names) or (_combination(gradient.mean, floor, estimator, on_q) or NONE,)


def _combination(gradient: Tensor, floor: float, estimator: Term, on_q: OnQ) -> str:
    """``2·KL(q‖p) − KL(p‖q)``: the first combination that fits, those of fewest parts first; empty if none fits."""
    known = _means(_divergences(), on_q)
    dimensions = _rank([*known.values()])
    alone = known | _means({ITSELF: own_coefficient(estimator)}, on_q)
    for parts in range(1, min(_MOST_PARTS, dimensions - 1) + 1):
        for names in combinations(alone if parts == 1 else known, parts):
            vectors = [alone[name] for name in names]
            if _rank(vectors) == parts:
                for coefficients in _solved(gradient, vectors, floor):
                    return _written(dict(zip(names, coefficients, strict=True)))
    return ""


def _means(terms: Mapping[str, Term], on_q: OnQ) -> dict[str, Tensor]:
    """The finite mean gradients [J] of the terms that have an exact one."""
    answers = {name: on_q(term) for name, term in terms.items()}
    return {
        name: gradient.mean
        for name, gradient in answers.items()
        if gradient is not None and bool(gradient.mean.isfinite().all())
    }


def _rank(vectors: list[Tensor]) -> int:
    """The number of independent directions among vectors [J], whatever their lengths; a vector of length 0 has none."""
    directions = [vector / vector.norm() for vector in vectors if float(vector.norm()) > 0]
    return int(torch.linalg.matrix_rank(torch.stack(directions), rtol=SAME_DIRECTION)) if directions else 0


def _solved(gradient: Tensor, vectors: list[Tensor], floor: float) -> Iterator[list[Fraction]]:
    """The simple fractions with which the vectors add up to the gradient: one list, or none."""
    # unit lengths: a short gradient beside long ones could fall below least squares' cut-off for the rank
    scaled = torch.stack([vector / vector.norm() for vector in vectors], dim=1)
    solution = torch.linalg.lstsq(scaled, gradient[:, None], driver="gelsd").solution[:, 0]
    rough = [float(length / vector.norm()) for length, vector in zip(solution, vectors, strict=True)]
    simple = [Fraction(number).limit_denominator(_DENOMINATORS) for number in rough]
    total = torch.stack([float(number) * vector for number, vector in zip(simple, vectors, strict=True)]).sum(0)
    # rounded to simple fractions and compared again: free numbers would fit too much; a part of 0 is no part
    if all(simple) and _equal(gradient, total, floor):
        yield simple


def _written(parts: Mapping[str, Fraction]) -> str:
    """``2·KL(q‖p) − KL(p‖q)``, a positive part first."""
    first, *rest = sorted(parts.items(), key=lambda part: part[1] < 0)
    begin = f"{'−' if first[1] < 0 else ''}{_multiple(*first)}"
    return begin + "".join(f" {'−' if share < 0 else '+'} {_multiple(name, share)}" for name, share in rest)


def _multiple(name: str, share: Fraction) -> str:
    size = abs(share)
    return name if size == 1 else f"½{name}" if size == Fraction(1, 2) else f"{size}·{name}"


def _sum(parts: Parts, on_q: OnQ) -> Tensor | None:
    gradients = [(factor, on_q(term)) for factor, term in parts]
    vectors = [factor * gradient.mean for factor, gradient in gradients if gradient is not None]
    return torch.stack(vectors).sum(0) if len(vectors) == len(parts) else None


def _equal(first: Tensor, second: Tensor, floor: float) -> bool:
    return float((first - second).norm()) <= _SAME * float(torch.maximum(first.norm(), second.norm())) + floor
