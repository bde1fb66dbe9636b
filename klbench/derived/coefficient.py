"""The gradient of one sample: a coefficient, which autograd derives from the estimator, times the score ∇ log q(x).

As a loss, k is differentiated: ∇k = (dk/d log q) · s, since log p is a constant. In the reward, k is detached and
multiplies the score: k · s. With the weight q/sampler, differentiable, the loss is exp(log q − log sampler) · k, whose
derivative has one more term, k itself; detached, the weight is a number. Everything the field argues about is in the
coefficient: E[s] = 0 turns k1 in the loss (coefficient 1) into nothing at all.

The true gradient of a divergence D_f = E_q[f(r)] is the same thing once more: f as a loss, × ratio, differentiable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import Literal

import torch
from torch import Tensor

from klbench.estimators.divergence import Divergence
from klbench.estimators.term import Function, Joint, LooksAt, Term, on_samples_of_q, weigh
from klbench.estimators.vocabulary import Placement, Weighting
from klbench.estimators.whole import OwnCoefficients, Whole
from klbench.memory import is_out_of_memory
from klbench.tolerances import DIFFERENCE_STEP, EPSILON, SAME_SLOPE

_REMEMBERED = 4096
"""Asked for the same coefficient, the same term is given, so that what is known of it is found again."""


class NotDifferentiableError(Exception):
    """The function gives autograd nothing to follow, so that as a loss it has no gradient."""


@dataclass(frozen=True)
class Coefficient:
    """What multiplies the score in the gradient of one sample, as a joint function of log-probabilities.

    Args:
        value: the estimator.
        placement, weighting: where and how it is put.
        clip: the largest importance weight.

    Raises (when called):
        NotDifferentiableError: as a loss, ``value`` does not depend on log q in a way autograd can see.
    """

    value: Joint
    placement: Placement
    weighting: Weighting
    clip: float = inf

    def __call__(self, log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> Tensor:
        """The coefficient of each sample [n]; any argument is taken as it is, only log_q is differentiated."""
        parts = self.parts(log_q, log_p, log_sampler)
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def parts(self, log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> tuple[Tensor, ...]:
        """The one or two summands of the coefficient: of a product, one for each factor that is differentiated."""
        if self.placement == "reward":
            value = self.value(log_q, log_p, log_sampler).detach()
            return (value if self.weighting == "none" else weigh(value, log_q - log_sampler, self.clip),)
        value, slope = value_and_slope(self.value, log_q, log_p, log_sampler)
        if self.weighting == "none":
            return (slope,)
        # not yet added: value and slope may cancel, and their sizes tell how far rounding goes
        log_weight = log_q - log_sampler
        # a weight that is cut off is a constant
        moving = value if self.clip == inf else value.masked_fill(log_weight.exp() > self.clip, 0.0)
        parts = (slope,) if self.weighting == "detached" else (moving, slope)
        return tuple(weigh(part, log_weight, self.clip) for part in parts)


def value_and_slope(value: Joint, log_q: Tensor, log_p: Tensor, log_sampler: Tensor) -> tuple[Tensor, Tensor]:
    """(k [n], dk/d log q [n]), by autograd through k.

    Raises:
        NotDifferentiableError: autograd has nothing to follow.
    """
    with torch.enable_grad():
        # a leaf of its own: whatever log_q was computed from is no part of this derivative
        leaf = log_q.detach().requires_grad_()
        values = value(leaf, log_p, log_sampler)
        if not values.requires_grad:
            raise NotDifferentiableError
        # elementwise functions: the gradient of the sum is each sample's own derivative
        (slope,) = torch.autograd.grad(values.sum(), leaf, allow_unused=True)
        if slope is None:  # what is differentiated there is something else, a parameter of a user's own
            raise NotDifferentiableError
    return values.detach(), slope


@lru_cache(_REMEMBERED)
def coefficient(term: Term, placement: Placement, weighting: Weighting, clip: float = inf) -> Term:
    """The coefficient of a term's gradient, as a term: all roads to expectations are open to it.

    Where log_ratio tells the term, the weight stands apart, so that what remains is a function of log_ratio too.
    """
    if term.whole is not None:
        return _of_whole(term, placement, weighting, clip)
    kernel = Coefficient(term.of_three, placement, weighting, clip)
    if term.looks_at != "ratio" or clip != inf:
        # where the weight is cut off its slope is missing, so that it does not stand apart
        looks_at: LooksAt = "sampler" if term.looks_at == "ratio" else term.looks_at
        return Term(on_samples_of_q(kernel), False, kernel, looks_at, _rounding(kernel))
    weighted = term.weighted or weighting != "none"
    return Term(on_samples_of_q(kernel), weighted, _on_q(kernel), rounding=_rounding(kernel))


_PARTS: Mapping[str, Literal["all", "slopes", "weighted"]] = {
    "ratio": "weighted",
    "ratio-sequence": "slopes",
    "ratio-geometric": "slopes",
}
"""What a sampled token has by itself of an estimator of whole distributions, by the weighting."""


def _of_whole(term: Term, placement: Placement, weighting: Weighting, clip: float) -> Term:
    """What multiplies a sampled token's score: in the reward the value, in the loss what only that token has.

    The gradient of what its prefix has is no multiple of a score; ``TokenWeights`` adds it.
    """
    whole = term.whole
    assert isinstance(whole, Whole)
    placed = whole if placement == "reward" else OwnCoefficients(whole, _PARTS.get(weighting, "all"))
    # the weight of a sequence is put on by ``TokenWeights``
    return replace(term, weighted=weighting in ("ratio", "detached"), clip=clip, whole=placed)


@lru_cache(_REMEMBERED)
def true_coefficient(target: Divergence) -> Term:
    """The coefficient whose expectation under q, times the score, is ∇ of the target. It is 0 at r = 1."""
    kernel = Coefficient(Term(target.generator).of_three, "loss", "ratio")
    function = on_samples_of_q(kernel)
    # E[s] = 0, so a constant is free: with 0 at r = 1 little cancels where q is near p
    constant = float(function(torch.zeros(1, dtype=torch.float64)))
    return Term(lambda log_ratio: function(log_ratio) - constant, rounding=_rounding(kernel))


@lru_cache(_REMEMBERED)
def own_coefficient(term: Term) -> Term:
    """The coefficient whose expectation under q, times the score, is ∇E_q[k], the gradient of the mean value.

    Autograd is asked about log_ratio, so that a weight whose value is 1 does not count; where even then it does not
    give the slope of the value, as of a straight-through estimator, the slope is a difference quotient.
    """
    if term.looks_at == "absolute":
        placement: Placement = "loss" if _differentiable(term.of_three) else "reward"
        return coefficient(term, placement, "ratio")
    value, slope = term.function, _slope(term.function)
    return Term(
        # minus: log_ratio falls by as much as log q rises
        lambda log_ratio: value(log_ratio).detach() - slope(log_ratio),
        rounding=lambda log_ratio: EPSILON * (value(log_ratio).detach().abs() + slope(log_ratio).abs()),
    )


def value_and_any_slope(value: Joint, *log_probs: Tensor) -> tuple[Tensor, Tensor | None]:
    """The value [n] and its derivative with respect to log q, None where autograd cannot find one."""
    try:
        return value_and_slope(value, *log_probs)
    except NotDifferentiableError:
        return value(*log_probs).detach(), None


def _differentiable(value: Joint) -> bool:
    nothing = torch.zeros(1, dtype=torch.float64)
    return value_and_any_slope(value, nothing, nothing, nothing)[1] is not None


def _slope(function: Function) -> Function:
    """The derivative of a function of log_ratio: autograd's where that is right."""

    def by_autograd(log_ratio: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = log_ratio.detach().requires_grad_()
            (slope,) = torch.autograd.grad(function(leaf).sum(), leaf)
        return slope

    def by_difference(log_ratio: Tensor) -> Tensor:
        # two steps: the third derivative drops out, and a step may be long enough for rounding
        near, far = (function(log_ratio + h) - function(log_ratio - h) for h in (DIFFERENCE_STEP, 2 * DIFFERENCE_STEP))
        return ((8 * near - far) / (12 * DIFFERENCE_STEP)).detach()

    # no round numbers: kinks and ends of clamps tend to be at those
    probe = torch.tensor([-0.7, -0.3, 0.2, 0.6], dtype=torch.float64)
    try:
        right = torch.allclose(by_autograd(probe), by_difference(probe), rtol=SAME_SLOPE, atol=SAME_SLOPE)
    except RuntimeError as error:  # autograd has nothing to follow
        if is_out_of_memory(error):
            raise
        right = False
    return by_autograd if right else by_difference


def _on_q(joint: Joint) -> Joint:
    """A joint function as it is on samples of q: every weight in it is 1."""
    return lambda log_q, log_p, _: joint(log_q, log_p, log_q)


def _rounding(kernel: Coefficient) -> Function | None:
    """The rounding error of a coefficient whose two summands may cancel, as those of k3 × ratio do."""
    if (kernel.placement, kernel.weighting) != ("loss", "ratio"):
        return None

    def rounding(log_ratio: Tensor) -> Tensor:
        nothing = torch.zeros_like(log_ratio)
        value, slope = kernel.parts(nothing, log_ratio, nothing)
        return EPSILON * (value.abs() + slope.abs())

    return rounding
