"""The regressed mean: what a measured mean becomes when controls of known mean are taken into account.

Since the KL divergence is known, every sample comes with two values whose means are known: k1, and r − 1 (or k3,
which spans the same space with k1). Taking off what an estimator shares with them removes that part of its noise,
which is most of it where q and p are close.

Source: Owen (2013), Monte Carlo theory, methods and examples, chapter 8 (control variates).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, sqrt

import torch

from klbench.estimators.term import Function
from klbench.stats.estimate import Estimate
from klbench.stats.moments import Moments
from klbench.tolerances import IN_SPAN


def regressed_mean(
    moments: Moments, index: int, known: Sequence[float], coefficients: Sequence[float], noise: float
) -> Estimate | None:
    """The mean of value ``index`` without its share of the first values, whose true means are ``known``.

    Args:
        coefficients: how much of each is taken off.
        noise: the exact standard deviation of what is left; the MCSE is at least that over √n, since a sample that has
            missed the rare draws shows less.

    None where the sample's moments are no numbers.
    """
    controls = range(len(known))
    matrix, with_value = moments.covariances(index, controls)
    taken = torch.tensor(coefficients, dtype=torch.float64)
    means = [moments.central(control).mean for control in controls]
    off = torch.tensor([mean - true for mean, true in zip(means, known, strict=True)], dtype=torch.float64)
    value = moments.central(index)
    # the variance of value − Σ coefficient · control, from the sums that are there
    left = value.variance - 2 * float(taken @ with_value) + float(taken @ matrix @ taken)
    mean = value.mean - float(taken @ off)
    if not (isfinite(mean) and isfinite(left)):
        return None
    # left is a difference: where the controls explain all, rounding may leave it below 0
    return Estimate(mean, max(noise, sqrt(max(left, 0.0))) / sqrt(moments.count))


def in_span(function: Function, controls: Sequence[Function]) -> bool:
    """Whether ``function`` is a constant plus a combination of ``controls``, as functions of log r."""
    # functions of log r that agree on 33 points between −2 and 2 are one for what is asked here
    grid = torch.linspace(-2.0, 2.0, 33, dtype=torch.float64)
    basis = torch.stack([torch.ones_like(grid), *(control(grid) for control in controls)], dim=1)
    target = function(grid)[:, None]
    if not target.isfinite().all():
        return False
    # gelsd, by singular values: on the grid the controls may be one function, or nearly
    solution = torch.linalg.lstsq(basis, target, driver="gelsd").solution
    return float((basis @ solution - target).abs().max()) <= IN_SPAN * float(target.abs().max())
