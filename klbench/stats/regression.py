"""The regressed mean: what a measured mean becomes when controls of known mean are taken into account.

Since the KL divergence is known, every sample comes with two values whose means are known: k1, and r − 1 (or k3,
which spans the same space with k1). Regressing an estimator on them removes the noise it shares with them, which is
most of it where q and p are close. The coefficients are fitted on the same samples; that costs a bias of O(1/n), far
below the error bar.

Source: Owen (2013), Monte Carlo theory, methods and examples, chapter 8 (control variates).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch

from klbench.estimators.term import Function
from klbench.stats.moments import Moments

_ROUNDING = 1e-12


def regressed_mean(moments: Moments, index: int, known: Sequence[float]) -> tuple[float, float] | None:
    """(mean, MCSE) of value ``index`` after regression on the first values, whose true means are ``known``.

    None where the controls do not vary, and where the value is a combination of them: then nothing is left to measure.
    """
    controls = range(len(known))
    matrix, with_value = moments.covariances(index, controls)
    value = moments.central(index)
    if not (matrix.isfinite().all() and with_value.isfinite().all()) or float(matrix.diagonal().min()) <= 0:
        return None
    coefficients = torch.linalg.lstsq(matrix, with_value[:, None], driver="gelsd").solution[:, 0]
    means = [moments.central(control).mean for control in controls]
    off = torch.tensor([mean - true for mean, true in zip(means, known, strict=True)], dtype=torch.float64)
    residual = value.variance - float(coefficients @ with_value)
    if not residual > _ROUNDING * value.variance:
        return None
    return value.mean - float(coefficients @ off), sqrt(residual / moments.count)


def in_span(function: Function, controls: Sequence[Function]) -> bool:
    """Whether ``function`` is a constant plus a combination of ``controls``, as functions of log r."""
    grid = torch.linspace(-2.0, 2.0, 33, dtype=torch.float64)
    basis = torch.stack([torch.ones_like(grid), *(control(grid) for control in controls)], dim=1)
    target = function(grid)[:, None]
    if not target.isfinite().all():
        return False
    solution = torch.linalg.lstsq(basis, target, driver="gelsd").solution
    return float((basis @ solution - target).abs().max()) <= 1e-10 * float(target.abs().max())
