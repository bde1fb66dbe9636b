"""The best linear prediction of a value from controls, on independent factors.

Their covariances are expectations of products of finite sums, and so is the variance of what is left, which is summed
by itself: where q is close to p it is far less than what it is left of.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from klbench.estimators.term import Term
from klbench.roads.expansion import Sum, combined, from_declared, less, product
from klbench.roads.expectation import ANY, expectation, exponential, infinity, laws_for, plain
from klbench.roads.integrand import Integrand
from klbench.roads.tilts import Tilts

_ENOUGH = 1e-3
"""A relative error of the variance of what is left from which on its root is no error bar."""


def factors_regression(integrand: Integrand) -> tuple[tuple[float, ...], float, float] | None:
    """Of the first term on all others: the coefficients of these, the stdev of what is left, and that of the value.

    None without a road, where one of them has no variance or is a constant, and where what is left cannot be told from
    rounding.
    """
    if integrand.log_weight is not None or integrand.factor is not None:
        return None
    declared = [term.expansion for term in integrand.terms if isinstance(term, Term)]
    known = [expansion for expansion in declared if expansion is not None]
    if len(known) < len(integrand.terms):
        return None
    anywhere = [less(from_declared(each, ANY), ANY) for each in known]
    laws = laws_for(integrand.q, integrand.p, [product(a, b) for a in anywhere for b in anywhere] + anywhere)
    if laws is None or laws.constant:
        return None
    values = [from_declared(expansion, laws.centre) for expansion in known]
    if any(infinity(product(value, value), laws) is not None for value in values):
        return None
    return _regressed([less(value, plain(expectation(value, laws))) for value in values], laws)


def _regressed(values: Sequence[Sum], laws: Tilts) -> tuple[tuple[float, ...], float, float] | None:
    """The same of values of mean 0, the first on all others."""
    matrix = torch.tensor(
        [[plain(expectation(product(a, b), laws)) for b in values] for a in values], dtype=torch.float64
    )
    sizes = matrix.diagonal().sqrt()
    if not (bool(matrix.isfinite().all()) and bool((sizes > 0).all())):
        return None
    scaled = matrix / sizes / sizes[:, None]
    solution = torch.linalg.lstsq(scaled[1:, 1:], scaled[1:, :1], driver="gelsd").solution[:, 0]
    coefficients = tuple((solution * sizes[0] / sizes[1:]).tolist())
    left = combined(values, [1.0, *(-coefficient for coefficient in coefficients)])
    variance = expectation(product(left, left), laws)
    if not variance.error < _ENOUGH * variance.value:
        return None
    stdev = variance.value**0.5 * exponential(variance.log_scale / 2)
    return coefficients, stdev, float(sizes[0])
