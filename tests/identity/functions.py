"""Functions as a user writes them, right ones and wrong ones; named tests.identity.functions:NAME."""

from __future__ import annotations

import torch
from torch import Tensor


def k3(log_q: Tensor, log_p: Tensor) -> Tensor:
    log_ratio = log_p - log_q
    return log_ratio.exp() - 1 - log_ratio


def verls(log_q: Tensor, log_p: Tensor) -> Tensor:
    """verl's low_var_kl in other words."""
    log_ratio = torch.maximum(torch.minimum(log_p - log_q, torch.tensor(20.0)), torch.tensor(-20.0))
    return (torch.expm1(log_ratio) - log_ratio).clip(min=-10, max=10)


def weighted(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
    return (log_q - log_sampler).exp() * k3(log_q, log_p)


def detached_weight(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
    return (log_q - log_sampler).exp().detach() * (log_p - log_q) ** 2 / 2


def straight_through(log_q: Tensor, log_p: Tensor) -> Tensor:
    k2 = (log_p - log_q) ** 2 / 2
    return k2 - k2.detach() + k3(log_q, log_p).detach()


def switched(log_q: Tensor, log_p: Tensor) -> Tensor:
    """A clamp that no call of clamp betrays."""
    log_ratio = log_p - log_q
    return torch.where(log_ratio > 2, torch.full_like(log_ratio, 3.0), k3(log_q, log_p))


def huber(log_q: Tensor, log_p: Tensor) -> Tensor:
    """k2 up to 1.5, straight beyond: its slope is continuous."""
    away = (log_q - log_p).abs()
    return torch.where(away < 1.5, away**2 / 2, 1.5 * (away - 0.75))


def stepped(log_q: Tensor, log_p: Tensor) -> Tensor:
    """A value that jumps where its slope does not."""
    return torch.where(log_p - log_q < 3, log_q - log_p, log_q - log_p + 1)


def bounded_weight(log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
    ratio = (log_q - log_sampler).exp()
    return torch.where(ratio < 4, ratio, 4) * k3(log_q, log_p)


def not_differentiable(log_q: Tensor, log_p: Tensor) -> Tensor:
    return (log_q - log_p).detach()


def constant(log_q: Tensor, log_p: Tensor) -> Tensor:
    return 5 + 0 * (log_q - log_p)


def floored(log_q: Tensor, log_p: Tensor) -> Tensor:
    """Very many kinks."""
    return torch.floor(20 * (log_q - log_p)) / 20


def clamped_probabilities(log_q: Tensor, log_p: Tensor) -> Tensor:
    """A clamp whose log_ratio depends on log q."""
    return (log_p.exp() - log_q.exp()).clamp(-0.05, 0.05) + log_q - log_p


def absolute(log_q: Tensor, log_p: Tensor) -> Tensor:
    """It looks at log q itself, so that no difference tells it."""
    return log_q.exp() * (log_q - log_p)


def not_in_float16(log_q: Tensor, log_p: Tensor) -> Tensor:
    if log_q.dtype == torch.float16:
        raise RuntimeError("not implemented for 'Half'")
    return log_q - log_p


def raises(log_q: Tensor, log_p: Tensor) -> Tensor:
    raise ValueError("on purpose" * bool(len(log_q) + len(log_p)))


def averages(log_q: Tensor, log_p: Tensor) -> Tensor:
    return (log_q - log_p).mean()


def centres(log_q: Tensor, log_p: Tensor) -> Tensor:
    return (log_q - log_p) - (log_q - log_p).mean()


def one_argument(log_ratio: Tensor) -> Tensor:
    return -log_ratio
