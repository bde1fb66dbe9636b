"""Computes ∇KL by a formula: torch's own KL, differentiated, where that formula can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from klbench.distributions.closed_form import kl_closed_form
from klbench.distributions.distribution import Distribution, Power, Single
from klbench.distributions.reparameter import torch_distribution, value_of

if TYPE_CHECKING:
    from klbench.distributions.score import Score


def kl_gradient_closed_form(q: Distribution, p: Distribution, score: Score, order: Sequence[str]) -> Tensor | None:
    """The gradient [J] of a KL divergence in the parameters of q, in nats per unit of each.

    Args:
        q, p: what is compared.
        score: of q; says which parameters, in which order.
        order: ``("q", "p")`` for KL(q‖p), ``("p", "q")`` for KL(p‖q).

    Returns:
        None where there is no formula, or none that can be trusted (``klbench.distributions.closed_form``).
    """
    value = kl_closed_form(q, p) if tuple(order) == ("q", "p") else kl_closed_form(p, q)
    if value is None or not isfinite(value):
        return None
    if q.expression == p.expression:
        return torch.zeros(len(score.components[0]), dtype=torch.float64, device=q.device)
    if isinstance(q, Power) and isinstance(p, Power):
        of_one = kl_gradient_closed_form(q.base, p.base, score, order)
        return None if of_one is None else q.copies * of_one
    if not isinstance(q, Single) or not isinstance(p, Single):
        return None
    gradient = _differentiated(q, p, score.parameters, backward=tuple(order) == ("p", "q"))
    return gradient if gradient is not None and bool(gradient.isfinite().all()) else None


def _differentiated(q: Single, p: Single, names: tuple[str, ...], backward: bool) -> Tensor | None:
    """None where torch's formula cuts the graph, as its general one for exponential families does (Wishart's)."""
    with torch.enable_grad():
        leaves = {name: value_of(q, name).clone().requires_grad_() for name in names}
        moved = torch_distribution(q, leaves)
        divergence = kl_divergence(p.wrapped, moved) if backward else kl_divergence(moved, p.wrapped)
        gradients = torch.autograd.grad(divergence, list(leaves.values()), allow_unused=True)
    if any(gradient is None for gradient in gradients):
        return None
    named = zip(names, gradients, strict=True)
    # torch's formulas read the upper triangle too, which a Cholesky factor does not have
    return torch.cat([(gradient.tril() if name == "scale_tril" else gradient).flatten() for name, gradient in named])
