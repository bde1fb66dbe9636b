"""A user's function made ready for a run: imported, tried once, and found to look at differences only or at more."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from klbench.errors import SpecError
from klbench.estimators.estimator import Estimator
from klbench.estimators.user import UserFunction

_SHIFT = 0.75


def ready(estimator: Estimator) -> Estimator:
    """The estimator as a run can use it; any but a user's is as it was.

    Raises:
        SpecError: the user's module cannot be imported, or the function does not give one number for each sample, or
            one that depends on the other samples.
    """
    if not isinstance(estimator.joint, UserFunction):
        return estimator
    log_q = torch.tensor([-0.5, -1.25, -2.0, -3.5], dtype=torch.float64)
    log_p, log_sampler = log_q + torch.tensor([0.5, -0.25, 1.0, -1.0], dtype=torch.float64), log_q + 0.125
    here = estimator.joint(log_q, log_p, log_sampler).detach()
    _refuse_batches(estimator.name, here, estimator.joint(log_q[:1], log_p[:1], log_sampler[:1]).detach())
    there = estimator.joint(log_q + _SHIFT, log_p + _SHIFT, log_sampler + _SHIFT).detach()
    alike = torch.allclose(here, there, rtol=1e-9, atol=1e-12, equal_nan=True)
    return replace(estimator, looks_at="sampler" if alike else "absolute")


def _refuse_batches(name: str, together: Tensor, alone: Tensor) -> None:
    """An estimator is a function of one sample: whatever else is in the batch, its value is the same."""
    if not torch.allclose(together[:1], alone, rtol=1e-9, atol=1e-12, equal_nan=True):
        hints = ["return a value for each sample from its own log-probabilities; leave means and baselines to klbench"]
        raise SpecError(f"{name} gives a sample a value that depends on the others in the batch", help=hints)
