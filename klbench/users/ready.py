"""Makes a user's function ready for a run: imports it, tries it, and finds whether its value needs differences only."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from klbench.errors import UserError
from klbench.estimators.estimator import Estimator
from klbench.tolerances import SAME_VALUE, SAME_VALUE_AT_0
from klbench.users.estimator import UserFunction

_LOWEST, _LEVELS = -100.0, 101
"""log q of the probes, one for each nat: a token less likely than e^-100 is never drawn."""
_SHIFTS = (-30.0, -4.5, 0.75, 6.0)
"""Multiples of 1/4, which float64 adds to the probes with little rounding; above 0 too, as densities are."""


def ready(estimator: Estimator) -> Estimator:
    """The estimator, ready for a run; only a user's is changed.

    Raises:
        UserError: the user's module cannot be imported, or the function does not give one number for each sample, or
            one that depends on the other samples, on chance or on what it was called with before, or it changes what
            it is given.
    """
    function = estimator.joint
    if not isinstance(function, UserFunction):
        return estimator
    given = _probes()
    here = _called(function, given)
    _refuse_batches(estimator.name, here, _called(function, given[:, :1]))
    # a shift of all three changes no difference: if the values stay the same, only differences matter
    alike = all(_same(here, _called(function, given + shift)) for shift in _SHIFTS)
    return replace(estimator, looks_at="sampler" if alike else "absolute")


def _probes() -> Tensor:
    """log q, log p and log sampler [3, n]: from likely tokens to hopeless ones, close together and apart."""
    log_q = torch.linspace(_LOWEST, 0.0, _LEVELS, dtype=torch.float64)
    apart = 3 * (torch.arange(_LEVELS, dtype=torch.float64) * 0.7).sin()
    return torch.stack([log_q, log_q + apart, log_q + apart.flip(0) / 3])


def _called(function: UserFunction, given: Tensor) -> Tensor:
    """The values [n]. A second call must give the same values, and no call may change its inputs."""
    log_probs = given.clone().unbind()
    value, again = function(*log_probs).detach().clone(), function(*given.clone().unbind()).detach()
    if not all(torch.equal(*pair) for pair in zip(log_probs, given, strict=True)):
        hints = ["compute with new tensors: x.clamp(...) and not x.clamp_(...), x = x - y and not x -= y"]
        raise UserError("it changes its inputs in place", function.name, help=hints)
    if not _same(value, again):
        hints = ["return the same value for the same log-probabilities: no random numbers, nothing counted"]
        raise UserError("it gave two values for the same log-probabilities", function.name, help=hints)
    return value


def _same(first: Tensor, second: Tensor) -> bool:
    return torch.allclose(first, second, rtol=SAME_VALUE, atol=SAME_VALUE_AT_0, equal_nan=True)


def _refuse_batches(name: str, together: Tensor, alone: Tensor) -> None:
    """Refuse a function whose value for a sample depends on the others in the batch."""
    if not _same(together[:1], alone):
        hints = ["return a value for each sample from its own log-probabilities; leave means and baselines to klbench"]
        raise UserError("it gives a sample a value that depends on the others in the batch", name, help=hints)
